"""Reads a file of an upload once, for all that is wanted of it; what a model is sent comes first.

All else is done while the model is asked. Of a large file it begins beside the examples, in threads: the libraries that
do most of the work let other threads run. Of a small one, Python does most of it, which runs one thread at a time.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar

from data_schemas.errors import Unsupported
from imaging.burned_in_text import text_lines
from imaging.defined_terms import VIEW_POSITIONS
from imaging.deidentification.kept_copy import kept_copy, kept_header
from imaging.deidentification.pixels import declares_text
from imaging.example import examples_of_frames
from imaging.patients import patient_key
from imaging.pseudonyms import Pseudonyms
from imaging.source import SourceFile, SourceHeader, SourceImage, open_source
from imaging.viewing import encode_picture, thumbnail, viewer_format
from serving.gateway.examples_file import declared_header, parsed_task, write_examples

T = TypeVar("T")
Tell = Callable[[dict[str, Any]], None]

_AT_ONCE_BYTES = range(2**20, 64 * 2**20)
"""Sizes of files that threads share. Larger ones would need memory for several copies at a time."""


def take_in(
    *,
    file: str,
    out: str,
    key_file: str,
    limits: Mapping[str, int],
    task: str | None,
    declared: Mapping[str, Any],
    tell: Tell,
) -> dict[str, Any]:
    """Reads a file of an upload.

    Args:
        file: its path; it is removed as soon as it was read.
        out: a folder that is made, and receives `kept`, the de-identified copy, `thumbnail.png`, and `examples` where a
            task is given.
        key_file: the key of pseudonyms.
        limits: `frames` of a file and `pixels` of a frame.
        task: as JSON; what the model that is asked next wants, or None.
        declared: what the caller states.
        tell: with a task, is given `examples` as soon as they are written: as the task `examples`, or why the task
            takes none of them.

    Returns:
        `image`: what the API says of it; `hashes` of patient, study and object; of `kept` and `thumbnail` the SHA-256
        and the size.

    Raises:
        ImageRejected: it gives no image, whatever was told before.
    """
    data, folder = Path(file).read_bytes(), Path(out)
    Path(file).unlink()
    folder.mkdir(mode=0o700, exist_ok=True)
    source = open_source(data)
    _check_limits(source, limits)
    header, secret = kept_header(source.header), Pseudonyms.load_or_create(Path(key_file))
    frame = functools.cache(lambda number: dataclasses.replace(source.frame(number), header=header))
    at_once = len(data) in _AT_ONCE_BYTES
    with _Beside(at_once=at_once) as beside:
        keeping = beside.begin(lambda: _keep(source, data, folder, secret, anew=at_once))
        shown = frame(source.number("middle"))
        looking = beside.begin(lambda: _look(shown, folder))
        if task is not None:
            tell({"examples": _examples_or_refusal(source, task, frame, declared, folder)})
        image, hashes = _image(source, shown, header), _hashes(source.header, secret)
        drawn, written_on = looking()
        image["burned_in_text"] = written_on or _says_text(source) or _text_elsewhere(source, shown, frame)
        return {"image": image, "hashes": hashes, "thumbnail": drawn, "kept": keeping()}


class _Beside:
    """Works beside the thread that uses it as a context; none goes on when the block has ended.

    Args:
        at_once: whether a work begins at once, in a thread, or when it is waited for.
    """

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once
        self._begun: list[Future[Any]] = []

    def __enter__(self) -> _Beside:
        return self

    def __exit__(self, *_: object) -> None:
        wait(self._begun)

    def begin(self, work: Callable[[], T]) -> Callable[[], T]:
        """Begins a work and returns what waits for its result."""
        if not self._at_once:
            return work
        begun = _threads().submit(work)
        self._begun.append(begun)
        return begun.result


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2)


def _keep(source: SourceFile, data: bytes, folder: Path, secret: Pseudonyms, *, anew: bool) -> dict[str, Any]:
    """Writes the de-identified copy. It changes the dataset: one that another thread reads is parsed `anew`."""
    own = open_source(data) if anew and source.dataset is not None else source
    return _written(folder / "kept", kept_copy(own, data, secret=secret))


def _look(shown: SourceImage, folder: Path) -> tuple[dict[str, Any], bool]:
    """Draws the thumbnail, and returns whether text is on the frame."""
    drawn = _written(folder / "thumbnail.png", encode_picture(thumbnail(shown)))
    return drawn, bool(text_lines(shown.pixels))


def _written(path: Path, data: bytes) -> dict[str, Any]:
    """Writes a file for its owner alone, and has it survive a power cut."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def _check_limits(source: SourceFile, limits: Mapping[str, int]) -> None:
    if source.header.frames > limits["frames"]:
        raise Unsupported(f"{source.header.frames} frames; at most {limits['frames']} are taken")
    rows, columns = source.shape
    if rows * columns > limits["pixels"]:
        raise Unsupported(f"a frame of {rows} x {columns} pixels; at most {limits['pixels']} are taken")


def _image(source: SourceFile, shown: SourceImage, header: SourceHeader) -> dict[str, Any]:
    """Returns what the API says of a file, without its id, its number and `burned_in_text`."""
    return {
        "format": source.format,
        "pixels": dataclasses.asdict(viewer_format(source, shown)),
        "modality": header.modality,
        "view": header.view if header.view in VIEW_POSITIONS else "",
        "sex": header.sex,
        "age_years": None if header.age_years is None else int(header.age_years),
    }


def _says_text(source: SourceFile) -> bool:
    return source.dataset is not None and bool(declares_text(source.dataset))


def _text_elsewhere(source: SourceFile, shown: SourceImage, frame: Callable[[int], SourceImage]) -> bool:
    """Returns whether text is on the first or the last frame."""
    others = {1, source.header.frames} - {shown.frame}
    return any(text_lines(frame(number).pixels) for number in sorted(others))


def _hashes(header: SourceHeader, secret: Pseudonyms) -> dict[str, str]:
    """Returns keyed hashes of what a file names, empty for what it does not; the keys are those of an ingest."""
    if not (header.patient_id or header.study_instance_uid):
        return {"patient": "", "study": "", "object": ""}
    key = patient_key(
        patient_id=header.patient_id, issuer=header.issuer, study_instance_uid=header.study_instance_uid
    ).key
    study, instance = header.study_instance_uid, header.sop_instance_uid
    return {
        "patient": secret.pseudonym("patient", key),
        "study": secret.pseudonym("study", f"{key}\0{study}") if study else "",
        "object": secret.pseudonym("object", instance) if instance else "",
    }


def _examples_or_refusal(
    source: SourceFile, task: str, frame: Callable[[int], SourceImage], declared: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    wanted = parsed_task(task)
    policy = wanted.image.frame
    if policy == "every":
        chosen: Iterable[SourceImage] = (frame(number) for number in range(1, source.header.frames + 1))
    else:
        chosen = [frame(source.number(policy))]
    try:
        made = examples_of_frames(chosen, task=wanted, declared=declared_header(declared))
    except Unsupported as refusal:
        return {"refused": {"reason": str(refusal), "what": getattr(refusal, "what", "")}}
    return {"frames": write_examples(made, folder)}
