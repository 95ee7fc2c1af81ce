"""Where a model looked: a heatmap over a frame, from the version that predicted it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from data_schemas.errors import ModelVersionUnknown
from data_schemas.task_file import task_to_json
from serving.gateway.decoding_pool import DecodingPool, FileRefusedError
from serving.gateway.prepared import prepared
from serving.gateway.principal import Principal
from serving.gateway.problems import CONFLICT, INVALID, MODEL_REFUSED, NOT_FOUND, ProblemError
from serving.gateway.schemas.cases import Case
from serving.gateway.schemas.images import Image
from serving.gateway.schemas.predictions import Prediction
from serving.gateway.served_models import ServedModel
from serving.gateway.storage.store import Store

Method = Literal["layer-cam", "integrated-gradients"]
SIGNATURES: dict[Method, str] = {
    "layer-cam": "explain",
    "integrated-gradients": "explain_integrated_gradients",
}
"""The model's signature of each method of explanation."""


@dataclass(frozen=True)
class Wanted:
    """What is to be explained, and how.

    Attributes:
        image, frame: of the case.
        finding: a label of the model.
    """

    image: Image
    frame: int
    finding: str
    method: Method


class Explainer:
    """Draws heatmaps; may be used from many threads.

    Args:
        store: has the images.
        decoding: its workers make of a file what a model is sent, and of its map a picture.
    """

    def __init__(self, store: Store, decoding: DecodingPool) -> None:
        self._store, self._decoding = store, decoding

    def heatmap(
        self,
        case: Case,
        wanted: Wanted,
        principal: Principal,
        model: ServedModel,
        *,
        request_id: str,
        folder: Path,
    ) -> bytes:
        """Returns a PNG of 8-bit gray in the proportions of the source; call it when admitted to the workers.

        Args:
            case: with its predictions, the last of which is explained.
            wanted: what of it, and how.
            principal: who asks.
            model: that predicted.
            request_id: goes to the model server.
            folder: for what is there only meanwhile.

        Raises:
            ProblemError: CONFLICT, there are no scores to explain, or the version is not served any more; INVALID, no
                such finding; NOT_FOUND, no such frame was predicted; UNAVAILABLE or MODEL_REFUSED, the model server.
        """
        prediction = _explainable(case)
        _check_asked(prediction, wanted)
        version = prediction.model.version
        try:
            description = model.ask(request_id, lambda client: client.describe(version))
            example, geometry = self._example(case, wanted, principal, task_to_json(description.task), folder)
            label = np.array([description.task.labels.names.index(wanted.finding)], np.int64)
            signature = SIGNATURES[wanted.method]
            answer = model.ask(
                request_id,
                lambda client: client.predict([example], signature=signature, version=version, label=label),
            )
        except ModelVersionUnknown as error:
            raise ProblemError(
                CONFLICT, f"version {version}, which predicted this case, is not served any more: predict it again"
            ) from error
        except FileRefusedError as error:
            raise ProblemError(NOT_FOUND, f"there is nothing to explain: {error}") from error
        seen = np.asarray(answer.outputs["heatmap"][0], "<f4")
        if not np.isfinite(seen).all():
            raise ProblemError(MODEL_REFUSED, "the model answered with a map of what are no numbers")
        seen.tofile(folder / "map")
        self._decoding.submit(
            "heatmap", file=str(folder / "map"), out=str(folder), shape=list(seen.shape), geometry=geometry
        ).result()
        return (folder / "heatmap.png").read_bytes()

    def _example(
        self, case: Case, wanted: Wanted, principal: Principal, task: str, folder: Path
    ) -> tuple[bytes, object]:
        """Returns what the model was sent of a frame, and how it lies in the source."""
        stated = {} if case.declared is None else case.declared.model_dump(exclude_none=True)
        with self._store.images.file(case.id, wanted.image.id, principal) as file:
            answer = self._decoding.submit(
                "examples", file=str(file), out=str(folder), task=task, declared=stated, frame=wanted.frame
            ).result()
        ((made, serialized),) = prepared(answer, folder).examples()
        return serialized, made.geometry


def _explainable(case: Case) -> Prediction:
    if not case.predictions:
        raise ProblemError(CONFLICT, "the case has no prediction to explain: ask for one first")
    if case.predictions[-1].withheld:
        raise ProblemError(CONFLICT, "the scores of this case are withheld, and so is what they come from")
    return case.predictions[-1]


def _check_asked(prediction: Prediction, wanted: Wanted) -> None:
    names = [one.name for one in prediction.findings]
    if wanted.finding not in names:
        raise ProblemError(INVALID, f"finding: the model has {', '.join(names)}")
    predicted = [one.frame for one in prediction.images if one.image == wanted.image.id and one.findings]
    if wanted.frame not in predicted:
        raise ProblemError(NOT_FOUND, "that frame of the image was not predicted, so that there is nothing to explain")
