"""What a model is to be sent of an image, as a decoding worker has made it, or why it is to be sent nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.gateway.decoding_pool import FileRefusedError
from serving.gateway.storage.new_image import Features


@dataclass(frozen=True)
class PreparedFrame:
    """One frame.

    Attributes:
        number: of the frame, from 1.
        size: bytes of its serialized tf.Example.
        geometry: leads from what the network saw back to the source (`imaging.source_geometry`), as JSON.
        features: of the tf.Example but its pixels.
    """

    number: int
    size: int
    geometry: Mapping[str, Any]
    features: Features


@dataclass(frozen=True)
class Refusal:
    """Why a task takes no frame of an image.

    Attributes:
        what: the attribute to blame: modality, view or intent; empty for anything else.
    """

    reason: str
    what: str

    @classmethod
    def of(cls, error: FileRefusedError) -> Refusal:
        """Returns what an error says."""
        return cls(str(error), error.what)


@dataclass(frozen=True)
class Prepared:
    """An image.

    Attributes:
        frames: those that the task takes; none where it refuses the image.
        file: holds their serialized tf.Examples, one after the other.
        refusal: why there are none.
    """

    frames: tuple[PreparedFrame, ...]
    file: Path
    refusal: Refusal | None = None

    def examples(self) -> Iterator[tuple[PreparedFrame, bytes]]:
        """Yields each frame and its serialized tf.Example."""
        if not self.frames:
            return
        with self.file.open("rb") as source:
            for frame in self.frames:
                yield frame, source.read(frame.size)


def prepared(answer: Mapping[str, Any], folder: Path) -> Prepared:
    """Returns what a worker's answer says.

    Args:
        answer: of the task `examples`, or that part of the task `take_in`.
        folder: its `out`.
    """
    if refused := answer.get("refused"):
        return Prepared((), folder / "examples", Refusal(**refused))
    frames = tuple(
        PreparedFrame(one["frame"], one["bytes"], one["geometry"], one["features"]) for one in answer["frames"]
    )
    return Prepared(frames, folder / "examples")
