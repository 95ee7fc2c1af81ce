"""Fills a gateway with what a model was sent and answered, for tests of what is made of that."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from data_schemas.task import Labels
from serving.gateway.schemas.images import Image
from serving.gateway.schemas.models import ModelVersion
from serving.gateway.schemas.predictions import ImagePrediction, Prediction, Scope, Withheld
from serving.gateway.storage.new_image import NewImage, ServedImage
from tests.serving.gateway.kept_gateway import PIXELS, Gateway, reader
from tests.serving.gateway.reviewed_cases import predicted

NAME = "synthetic_chest"


def ask(
    gateway: Gateway,
    version: int,
    *,
    patient: str,
    features: Mapping[str, Any],
    scores: Mapping[str, float],
    names: Labels,
    codes: Sequence[str] = (),
) -> None:
    """Keeps a case of one image, in scope, and what a version of `NAME` was sent and answered.

    Args:
        gateway: its clock says when.
        version: that was asked.
        patient: any word of 32 characters, the patient's own.
        features: that were sent.
        scores: of each label.
        names: the labels.
        codes: what kept the scores from being shown.
    """
    image = Image(id="0" * 32, file=1, format="DICOM", pixels=PIXELS)
    hashes = {"patient_hash": patient, "study_hash": secrets.token_hex(16), "sop_hash": secrets.token_hex(16)}
    case_id = gateway.add(NewImage(data=b"DICM", image=image, thumbnail=b"PNG", **hashes), model=NAME)
    kept = gateway.store.cases.get(case_id, reader("uploader"), view=False).image_list[0].id
    served = ServedImage(kept, 1, features, scores)
    gateway.predict(case_id, _said(gateway, version, kept, names, codes), [served])


def _said(gateway: Gateway, version: int, image: str, names: Labels, codes: Sequence[str]) -> Prediction:
    scope = Scope(
        out_of_distribution=False, score=0.1, threshold=1.0, modality="match", view="match", age="match", declared=[]
    )
    plain = predicted(names=names, withheld=bool(codes))
    changed = {
        "model": ModelVersion(name=NAME, version=version, approved=False),
        "created_at": gateway.now,
        "images": [ImagePrediction(image=image, frame=1, scope=scope, findings=plain.findings)],
        "withheld": Withheld(codes=list(codes), message="") if codes else None,
    }
    return plain.model_copy(update=changed)
