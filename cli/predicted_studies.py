"""The part of `radflow predict` for models whose unit is the study: images of one study get one answer.

The logits of a study's images are put together here, as the Trainer and the Evaluator do, and the served model's own
signature `calibrate` turns them into what is answered.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cli.predict import Scored, decided, explain, read_and_score, scope_of
from evaluation.studies import study_scores

if TYPE_CHECKING:
    from data_schemas.description import ModelDescription
    from serving.client import ModelClient


@dataclass(frozen=True)
class StudyImage:
    """What is kept of an image until its study is complete.

    Attributes:
        file, frame: where it is.
        raw_scores: float32 (labels,), its logits.
        scope: whether it is what the model was made for.
        version, description: of the model that answered.
    """

    file: Path
    frame: int
    raw_scores: NDArray[np.float32]
    scope: dict[str, Any]
    version: int
    description: ModelDescription


def study_answers(client: ModelClient, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yields why a file gives no image, as it is read, and then the answer to each study.

    A study is one of one patient, by DICOM's Study Instance UID (0020,000D) and Patient ID; a file that names none is a
    study of its own, or with `--one-study` one with the others that name none.

    Raises:
        ModelServerError: the server is away, or refused a request.
    """
    studies: dict[str, list[StudyImage]] = {}
    explained: dict[str, Any] = {}
    for number, file in enumerate(arguments.files):
        read = read_and_score(client, file)
        if isinstance(read, dict):
            yield read
            continue
        unnamed = "one study" if arguments.one_study else f"file {number}"
        for one in read.scored:
            studies.setdefault(one.example.study or unnamed, []).append(_kept(file, one))
        explained = explain(client, read, arguments)  # of one file alone, hence of the one study
    for images in studies.values():
        yield _answer(client, images) | explained


def _kept(file: Path, scored: Scored) -> StudyImage:
    prediction, description = scored.prediction, scored.description
    raw_scores = prediction.outputs["raw_scores"][0]
    scope = scope_of(prediction, description)
    return StudyImage(file, scored.example.frame, raw_scores, scope, prediction.version, description)


def _answer(client: ModelClient, images: Sequence[StudyImage]) -> dict[str, Any]:
    """Returns the JSON object of a study, or why it has no score.

    It is out of scope where one of its images is: the limit was set by each patient's most unusual image.
    """
    shown = [{"file": str(one.file), "frame": one.frame, **one.scope} for one in images]
    description, versions = images[0].description, {one.version for one in images}
    if len(versions) == 1 and description.task.unit == "study":
        raw_scores = np.stack([one.raw_scores for one in images])
        prediction = client.calibrate(study_scores(raw_scores, np.zeros(len(images), np.int64), description.task))
        if versions == {prediction.version}:
            outside = any(one["out_of_scope"] for one in shown)
            return {"unit": "study", "images": shown, **decided(prediction, description), "out_of_scope": outside}
    error = "the server changed the model while the images of this study were scored: send them again"
    return {"unit": "study", "images": shown, "status": "model_changed", "error": error}
