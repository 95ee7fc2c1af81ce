"""What a decoding worker does with files: the only part of the gateway that reads images. Imported in workers alone.

Each task takes and returns JSON; what is large goes through files in the folder `out`, which is the caller's.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data_schemas.errors import Unsupported
from imaging.crop import Box
from imaging.example import examples_of_frames
from imaging.source import SourceImage, open_source
from imaging.source_geometry import SourceGeometry, to_source
from imaging.viewing import ViewerFormat, ViewerWindow, encode_picture, picture, viewer_samples
from serving.gateway.examples_file import declared_header, parsed_task, write_examples
from serving.gateway.taking_in import Tell, take_in
from serving.gateway.zip_files import expand

_GZIP_LEVEL = 1


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
    source, wanted = open_source(Path(file).read_bytes()), parsed_task(task)
    chosen: Iterable[SourceImage] = source.chosen(wanted.image.frame)
    if frame is not None:
        policy = wanted.image.frame
        if policy != "every" and source.number(policy) != frame:
            raise Unsupported(f"the task looks at the {policy} frame alone")
        chosen = [source.frame(frame)]
    made = examples_of_frames(chosen, task=wanted, declared=declared_header(declared))
    return {"frames": write_examples(made, Path(out))}


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
    "examples": examples,
    "pixels": pixels,
    "rendered": rendered,
    "heatmap": heatmap,
}
"""What a worker can be asked to do, beside `take_in`."""


def _format(how: Mapping[str, Any]) -> ViewerFormat:
    windows = tuple(ViewerWindow(**window) for window in how["windows"])
    return ViewerFormat(**{**how, "windows": windows})


def answer_of(request: bytes, tell: Tell) -> dict[str, Any]:
    """Returns the answer to a request: `{"task": NAME, "arguments": {...}}`; `tell` is given what is known before."""
    asked = json.loads(request)
    task, arguments = asked["task"], asked["arguments"]
    return take_in(**arguments, tell=tell) if task == "take_in" else TASKS[task](**arguments)
