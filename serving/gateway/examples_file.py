"""The file in which a decoding worker leaves what a model server is sent of an image, and what it tells of it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from data_schemas.features import IMAGE
from data_schemas.task import Task
from data_schemas.task_file import task_from_json
from data_schemas.wire import example_pb2
from imaging.example import DeclaredHeader, ServingExample


@functools.lru_cache(8)
def parsed_task(text: str) -> Task:
    """Returns a task from its JSON; those of the last few models are remembered."""
    return task_from_json(text)


def declared_header(given: Mapping[str, Any]) -> DeclaredHeader:
    """Returns what the caller states of an image."""
    return DeclaredHeader(
        modality=(given.get("modality") or "").upper(),
        view=(given.get("view") or "").upper(),
        age_years=given.get("age_years"),
    )


def write_examples(made: Iterable[ServingExample], folder: Path) -> list[dict[str, Any]]:
    """Writes serialized records to the file `examples`, one after the other.

    Returns:
        For each its frame, size in bytes, geometry and features without pixels.
    """
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
