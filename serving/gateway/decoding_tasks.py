"""What a decoding worker does with files: the only part of the gateway that reads images. Imported in workers alone.

Each task takes and returns JSON; what is large goes through files in the folder `out`, which is the caller's.
"""

from __future__ import annotations

import dataclasses
import functools
import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_schemas.errors import Unsupported
from data_schemas.features import IMAGE
from data_schemas.task import Task
from data_schemas.task_file import task_from_json
from data_schemas.wire import example_pb2
from imaging.burned_in_text import text_lines
from imaging.crop import Box
from imaging.defined_terms import VIEW_POSITIONS
from imaging.deidentification.kept_copy import kept_copy, kept_header
from imaging.deidentification.pixels import declares_text
from imaging.example import DeclaredHeader, ServingExample, examples_of_frames
from imaging.patients import patient_key
from imaging.pseudonyms import Pseudonyms
from imaging.source import SourceFile, SourceHeader, SourceImage, open_source
from imaging.source_geometry import SourceGeometry, to_source
from imaging.viewing import (
    ViewerFormat,
    ViewerWindow,
    encode_picture,
    picture,
    thumbnail,
    viewer_format,
    viewer_samples,
)
from serving.gateway.zip_files import expand

_GZIP_LEVEL = 1


def take_in(
    *, file: str, out: str, key_file: str, limits: Mapping[str, int], task: str | None, declared: Mapping[str, Any]
) -> dict[str, Any]:
    """Reads a file of an upload once, for all that is wanted of it.

    Args:
        file: its path.
        out: receives `kept`, the de-identified copy, `thumbnail.png`, and `examples` where a task is given.
        key_file: the key of pseudonyms.
        limits: `frames` of a file and `pixels` of a frame.
        task: as JSON; what the model that is asked next wants, or None.
        declared: what the caller states.

    Returns:
        `image`: what the API says of it; `hashes` of patient, study and object; `examples` as the task `examples`, or
        why the task takes none of them.

    Raises:
        ImageRejected: it gives no image.
    """
    data, folder = Path(file).read_bytes(), Path(out)
    source = open_source(data)
    _check_limits(source, limits)
    header = kept_header(source.header)
    secret = Pseudonyms.load_or_create(Path(key_file))
    frame = functools.cache(lambda number: dataclasses.replace(source.frame(number), header=header))
    shown = frame(source.number("middle"))
    answer = {"image": _image(source, shown, header, frame), "hashes": _hashes(source.header, secret)}
    (folder / "thumbnail.png").write_bytes(encode_picture(thumbnail(shown)))
    if task is not None:
        answer["examples"] = _examples_or_refusal(source, _task(task), frame, declared, folder)
    (folder / "kept").write_bytes(kept_copy(source, data, secret=secret))
    return answer


def examples(
    *, file: str, out: str, task: str, declared: Mapping[str, Any], frame: int | None = None
) -> dict[str, Any]:
    """Makes of a kept file what a model server is sent.

    Args:
        file: its path.
        out: receives `examples`, the serialized records one after the other.
        task: as JSON.
        declared: what is stated of it.
        frame: only this one, where the task takes it.

    Returns:
        `frames`: for each record its frame, size in bytes, geometry and features without pixels.

    Raises:
        ImageRejected: the task does not take it.
    """
    source, wanted = open_source(Path(file).read_bytes()), _task(task)
    chosen: Iterable[SourceImage] = source.chosen(wanted.image.frame)
    if frame is not None:
        policy = wanted.image.frame
        if policy != "every" and source.number(policy) != frame:
            raise Unsupported(f"the task looks at the {policy} frame alone")
        chosen = [source.frame(frame)]
    made = examples_of_frames(chosen, task=wanted, declared=_declared(declared))
    return {"frames": _written(made, Path(out))}


def pixels(*, file: str, out: str, frame: int, how: Mapping[str, Any], compressed: bool) -> dict[str, Any]:
    """Writes a frame's samples to `pixels`, row by row, little endian, compressed by gzip if asked for."""
    samples = viewer_samples(open_source(Path(file).read_bytes()).frame(frame), _format(how))
    data = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).tobytes()
    (Path(out) / "pixels").write_bytes(gzip.compress(data, _GZIP_LEVEL, mtime=0) if compressed else data)
    return {}


def rendered(*, file: str, out: str, frame: int, window: list[float] | None, invert: bool) -> dict[str, Any]:
    """Writes a frame as a picture to `rendered.png`."""
    image = open_source(Path(file).read_bytes()).frame(frame)
    shown = picture(image, window=None if window is None else (window[0], window[1]), invert=invert)
    (Path(out) / "rendered.png").write_bytes(encode_picture(shown))
    return {}


def heatmap(*, file: str, out: str, shape: list[int], geometry: Mapping[str, Any]) -> dict[str, Any]:
    """Writes a map over the network's input as a gray picture of the source's size to `heatmap.png`.

    Args:
        file: float32, little endian, of `shape`; 0..1.
        out: receives it.
        shape: rows and columns of the network's input.
        geometry: of the example that was explained.
    """
    seen = np.fromfile(file, "<f4").reshape(shape)
    place = SourceGeometry(**{**geometry, "crop": Box(**geometry["crop"])})
    shown = np.rint(to_source(seen, place).clip(0, 1) * 255).astype(np.uint8)
    (Path(out) / "heatmap.png").write_bytes(encode_picture(shown))
    return {}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "expand": expand,
    "take_in": take_in,
    "examples": examples,
    "pixels": pixels,
    "rendered": rendered,
    "heatmap": heatmap,
}
"""What a worker can be asked to do."""


@functools.lru_cache(8)
def _task(text: str) -> Task:
    return task_from_json(text)


def _declared(given: Mapping[str, Any]) -> DeclaredHeader:
    return DeclaredHeader(
        modality=(given.get("modality") or "").upper(),
        view=(given.get("view") or "").upper(),
        age_years=given.get("age_years"),
    )


def _format(how: Mapping[str, Any]) -> ViewerFormat:
    windows = tuple(ViewerWindow(**window) for window in how["windows"])
    return ViewerFormat(**{**how, "windows": windows})


def _check_limits(source: SourceFile, limits: Mapping[str, int]) -> None:
    if source.header.frames > limits["frames"]:
        raise Unsupported(f"{source.header.frames} frames; at most {limits['frames']} are taken")
    rows, columns = source.shape
    if rows * columns > limits["pixels"]:
        raise Unsupported(f"a frame of {rows} x {columns} pixels; at most {limits['pixels']} are taken")


def _image(
    source: SourceFile, shown: SourceImage, header: SourceHeader, frame: Callable[[int], SourceImage]
) -> dict[str, Any]:
    """Returns what the API says of a file, without its id and its number."""
    looked_at = {1, source.number("middle"), header.frames}
    says_so = source.dataset is not None and bool(declares_text(source.dataset))
    return {
        "format": source.format,
        "pixels": dataclasses.asdict(viewer_format(source, shown)),
        "modality": header.modality,
        "view": header.view if header.view in VIEW_POSITIONS else "",
        "sex": header.sex,
        "age_years": None if header.age_years is None else int(header.age_years),
        "burned_in_text": says_so or any(text_lines(frame(number).pixels) for number in sorted(looked_at)),
    }


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
    source: SourceFile,
    task: Task,
    frame: Callable[[int], SourceImage],
    declared: Mapping[str, Any],
    folder: Path,
) -> dict[str, Any]:
    policy = task.image.frame
    if policy == "every":
        chosen: Iterable[SourceImage] = (frame(number) for number in range(1, source.header.frames + 1))
    else:
        chosen = [frame(source.number(policy))]
    try:
        made = examples_of_frames(chosen, task=task, declared=_declared(declared))
    except Unsupported as refusal:
        return {"refused": {"reason": str(refusal), "what": getattr(refusal, "what", "")}}
    return {"frames": _written(made, folder)}


def _written(made: Iterable[ServingExample], folder: Path) -> list[dict[str, Any]]:
    frames = []
    with (folder / "examples").open("wb") as target:
        for one in made:
            target.write(one.serialized)
            frames.append(
                {
                    "frame": one.frame,
                    "bytes": len(one.serialized),
                    "geometry": dataclasses.asdict(one.geometry),
                    "features": _features(one.serialized),
                }
            )
    return frames


def _features(serialized: bytes) -> dict[str, float | str | list[float]]:
    """Returns the features of a record but its pixels: text, a number, or several."""
    found: dict[str, float | str | list[float]] = {}
    for name, feature in example_pb2.Example.FromString(serialized).features.feature.items():
        kind = feature.WhichOneof("kind")
        if name == IMAGE or kind is None:
            continue
        values = list(getattr(feature, kind).value)
        if kind == "bytes_list":
            found[name] = values[0].decode("utf-8", "replace") if values else ""
        else:
            found[name] = float(values[0]) if len(values) == 1 else [float(one) for one in values]
    return found


def answer_of(request: bytes) -> dict[str, Any]:
    """Returns the answer to a request: `{"task": NAME, "arguments": {...}}`."""
    asked = json.loads(request)
    return TASKS[asked["task"]](**asked["arguments"])
