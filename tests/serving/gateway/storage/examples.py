"""What the tests of the store put into it."""

import secrets
from datetime import datetime, timedelta, timezone

from serving.gateway.principal import Principal
from serving.gateway.schemas.images import Image, Pixels, Window
from serving.gateway.schemas.models import ModelVersion
from serving.gateway.schemas.predictions import Finding, ImagePrediction, Prediction, Scope, Withheld
from serving.gateway.storage.new_case import Upload
from serving.gateway.storage.new_image import NewImage, ServedImage

START = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
READER = Principal("reader-of-chest", "reader", "chest", "api_key")
COLLEAGUE = Principal("colleague-of-chest", "reader", "chest", "api_key")
STRANGER = Principal("reader-of-bones", "reader", "bones", "api_key")
ADMIN = Principal("admin", "admin", "it", "api_key")
PIXELS = Pixels(
    rows=2,
    columns=3,
    frames=1,
    dtype="uint16",
    samples=1,
    slope=1.0,
    intercept=0.0,
    inverted=False,
    unit="",
    windows=[Window(center=1.0, width=2.0)],
)


class Clock:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self):
        self.now = START

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


def new_image(data=b"DICM file", *, modality="DX", file=1, patient="p" * 32):
    return NewImage(
        data=data,
        image=Image(id="0" * 32, file=file, format="DICOM", pixels=PIXELS, modality=modality, view="PA", sex="F"),
        patient_hash=patient,
        study_hash="s" * 32,
        sop_hash="o" * 32,
        thumbnail=b"PNG of " + (data if isinstance(data, bytes) else b"a file"),
        statistics={"mean": 0.5},
    )


def add_case(store, principal, *images, model="chest_model", **upload):
    """Returns the id of a new case, of one image unless others are given."""
    return store.cases.add(principal, Upload(model=model, images=images or (new_image(),), **upload)).id


def finding(name="pneumonia", probability=0.8, operating_point=0.5, *, flagged=True, is_finding=True):
    return Finding(
        name=name,
        probability=probability,
        prevalence=0.1,
        deployment=False,
        operating_point=operating_point,
        flagged=flagged,
        in_set=None if probability is None else flagged,
        is_finding=is_finding,
    )


def prediction(case, *, at=START, version=1, findings=None, codes=(), model="chest_model"):
    """Returns a prediction of the first image of a case; withheld where there are codes."""
    if findings is None:
        findings = [finding(probability=None, flagged=None)] if codes else [finding()]
    scope = Scope(
        out_of_distribution=False, score=0.1, threshold=0.9, modality="match", view="match", age="match", declared=[]
    )
    return Prediction(
        id=secrets.token_hex(16),
        created_at=at,
        model=ModelVersion(name=model, version=version, approved=False),
        unit="image",
        withheld=Withheld(codes=list(codes), message="not for this image") if codes else None,
        findings=findings,
        images=[ImagePrediction(image=case.image_list[0].id, frame=1, scope=scope, findings=findings)],
        coverage=0.9,
        calibrated=True,
        not_assessable=[],
        intended_use="research",
        note="",
    )


def served_image(case, *, mean=0.5, score=0.8):
    return ServedImage(
        image=case.image_list[0].id, frame=1, features={"mean": mean, "sex": "F"}, scores={"pneumonia": score}
    )
