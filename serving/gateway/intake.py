"""From the files of an upload to the images of a case: expanded, decoded by workers, checked to be one study."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.gateway.decoding_pool import Answer, DecodingPool, FileRefusedError
from serving.gateway.prepared import Prepared, prepared
from serving.gateway.problems import INVALID, NO_IMAGE, ProblemError
from serving.gateway.schemas.images import Image, RejectedFile
from serving.gateway.schemas.predictions import Declared
from serving.gateway.settings import GatewaySettings
from serving.gateway.storage.new_image import FinishedFile, NewImage
from serving.gateway.zip_files import ZIP_START

_NO_ID = "0" * 32
"""The store gives an image its id."""
_MOST_TOLD = 20


@dataclass(frozen=True)
class Taken:
    """What an upload holds.

    Attributes:
        images: as they are to be kept; one at least.
        rejected: files that give no image.
    """

    images: list[NewImage]
    rejected: list[RejectedFile]


@dataclass(frozen=True)
class _Candidate:
    """A file that may be an image, or why it is none."""

    number: int
    path: Path | None
    refusal: FileRefusedError | None = None


class Intake:
    """Takes uploads in.

    Args:
        decoding: its workers.
        settings: limits.
        key_file: of the pseudonyms, which workers read.
    """

    def __init__(self, decoding: DecodingPool, settings: GatewaySettings, key_file: Path) -> None:
        self._decoding, self._settings, self._key_file = decoding, settings, key_file

    async def take_in(
        self,
        files: Sequence[Path | None],
        folder: Path,
        *,
        task: str | None,
        declared: Declared,
        examples: asyncio.Future[dict[int, Prepared]],
    ) -> Taken:
        """Returns the images that files give; call it when admitted to the workers.

        Args:
            files: as they were received; None for one that was too large.
            folder: receives what is made of them.
            task: as JSON, of the model that is asked next; None where none is.
            declared: what the caller states.
            examples: its result is set, before the images are, to what a model is to be sent of each file, by its
                number; also of a file that gives no image in the end. It is not set where this raises before.

        Raises:
            ProblemError: NO_IMAGE, or INVALID where they are of different patients or studies.
        """
        candidates = await self._candidates(files, folder)
        first = _Examples(examples, [one.number for one in candidates])
        arguments = {
            "key_file": str(self._key_file),
            "limits": {"frames": self._settings.max_frames, "pixels": self._settings.max_frame_pixels},
            "task": task,
            "declared": declared.model_dump(exclude_none=True),
        }
        at_once = asyncio.Semaphore(self._settings.decode_workers)
        results = await asyncio.gather(
            *(self._read(candidate, folder, arguments, at_once, first) for candidate in candidates)
        )
        found = [result for result in results if isinstance(result, NewImage)]
        rejected = [result for result in results if isinstance(result, RejectedFile)]
        if not found:
            raise _no_image(rejected)
        _check_one_study(found)
        return Taken(found, rejected)

    async def _candidates(self, files: Sequence[Path | None], folder: Path) -> list[_Candidate]:
        """Returns the files, archives expanded, numbered as they come."""
        found: list[tuple[Path | None, FileRefusedError | None]] = []
        archives = await asyncio.to_thread(lambda: {path for path in files if path is not None and _is_zip(path)})
        for place, path in enumerate(files):
            if path is None:
                most = self._settings.max_file_bytes
                found.append((None, FileRefusedError("unsupported", f"larger than {most} bytes")))
            elif path in archives:
                found += await self._expanded(path, folder / f"zip{place}", len(files) - 1 + len(found))
            else:
                found.append((path, None))
        if len(found) > self._settings.max_files:
            raise ProblemError(INVALID, f"an upload has at most {self._settings.max_files} files, archives expanded")
        return [_Candidate(number, *one) for number, one in enumerate(found, 1)]

    async def _expanded(
        self, archive: Path, target: Path, others: int
    ) -> list[tuple[Path | None, FileRefusedError | None]]:
        await asyncio.to_thread(target.mkdir)
        limits = {
            "files": max(0, self._settings.max_files - others),
            "file_bytes": self._settings.max_file_bytes,
            "total_bytes": self._settings.max_request_bytes,
        }
        try:
            future = self._decoding.submit("expand", file=str(archive), out=str(target), limits=limits)
            answer = await asyncio.wrap_future(future)
        except FileRefusedError as refusal:
            return [(None, refusal)]
        finally:
            await asyncio.to_thread(archive.unlink)
        if not answer["files"]:
            return [(None, FileRefusedError("unsupported", "the archive holds no file"))]
        return [
            (Path(one["file"]), None) if "file" in one else (None, FileRefusedError(one["status"], one["reason"]))
            for one in answer["files"]
        ]

    async def _read(
        self,
        candidate: _Candidate,
        folder: Path,
        arguments: Mapping[str, Any],
        at_once: asyncio.Semaphore,
        examples: _Examples,
    ) -> NewImage | RejectedFile:
        number, loop = candidate.number, asyncio.get_running_loop()
        out = folder / f"image{number}"

        def told(part: Answer) -> None:
            loop.call_soon_threadsafe(examples.told, number, prepared(part["examples"], out))

        try:
            if candidate.path is None or candidate.refusal is not None:
                raise candidate.refusal or FileRefusedError("unsupported", "not read")
            async with at_once:
                future = self._decoding.submit(
                    "take_in", told=told, file=str(candidate.path), out=str(out), **arguments
                )
                return _new_image(number, await asyncio.wrap_future(future), out)
        except FileRefusedError as refusal:
            return RejectedFile(file=number, status=refusal.status, reason=str(refusal))
        finally:
            examples.told(number, None)


class _Examples:
    """Gathers what workers tell of files, until there is nothing to be told of any of them.

    Args:
        ready: is given what a model is to be sent, by the file's number.
        numbers: of the files.
    """

    def __init__(self, ready: asyncio.Future[dict[int, Prepared]], numbers: Sequence[int]) -> None:
        self._ready, self._missing = ready, set(numbers)
        self._found: dict[int, Prepared] = {}

    def told(self, number: int, made: Prepared | None) -> None:
        """Notes what was told of a file first; None: nothing will be."""
        if number in self._missing and made is not None:
            self._found[number] = made
        self._missing.discard(number)
        if not self._missing and not self._ready.done():
            self._ready.set_result(dict(sorted(self._found.items())))


def _new_image(number: int, answer: Answer, out: Path) -> NewImage:
    return NewImage(
        data=FinishedFile(out / "kept", **answer["kept"]),
        image=Image(id=_NO_ID, file=number, **answer["image"]),
        patient_hash=answer["hashes"]["patient"],
        study_hash=answer["hashes"]["study"],
        sop_hash=answer["hashes"]["object"],
        thumbnail=FinishedFile(out / "thumbnail.png", **answer["thumbnail"]),
    )


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in ZIP_START


def _no_image(rejected: Sequence[RejectedFile]) -> ProblemError:
    errors: list[dict[str, Any]] = [
        {"loc": ["files", one.file], "msg": f"{one.status}: {one.reason}"} for one in rejected[:_MOST_TOLD]
    ]
    if not errors:
        return ProblemError(NO_IMAGE, "the upload has no file: send at least one in a part named `files`")
    told = json.dumps(errors[0]["msg"], ensure_ascii=False).strip('"')
    return ProblemError(NO_IMAGE, f"none of {len(rejected)} files gives an image; the first: {told}", errors=errors)


def _check_one_study(found: Sequence[NewImage]) -> None:
    """Raises unless the images that say whose they are say the same."""
    for attribute, plural in (("patient_hash", "patients"), ("study_hash", "studies")):
        different = {getattr(one, attribute) for one in found} - {""}
        if len(different) > 1:
            raise ProblemError(
                INVALID,
                f"the files are of {len(different)} {plural}; a case is one study of one patient: send each alone",
            )
