"""What a model says of a case, why it may not, and what a reader states so that it can."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from serving.gateway.schemas.base import Answer, Asked, Check, Identifier, Interval, Share
from serving.gateway.schemas.models import ModelVersion


class Declared(Asked):
    """What a reader, or the caller of the API, states of a case whose header says nothing; it is audited.

    It fills what is unknown and never overrides a header. None states nothing.
    """

    modality: Annotated[str, Field(min_length=2, max_length=16, pattern=r"^[A-Za-z]+$")] | None = None
    view: Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9_]+$")] | None = None
    age_years: Annotated[float, Field(ge=0, le=130)] | None = None


class PredictionRequest(Asked):
    """Asks for a prediction, after what is unknown was stated."""

    declared: Declared = Declared()
    model: str | None = None


WithheldCode = Literal[
    "modality_mismatch", "view_mismatch", "age_mismatch", "modality_unknown", "view_unknown", "age_unknown",
    "out_of_distribution", "burned_in_text", "not_accepted",
]  # fmt: skip


class Withheld(Answer):
    """Why a prediction shows no scores, in words and codes; `declare` names what a reader may state to go on."""

    codes: list[WithheldCode]
    message: str
    declare: list[Literal["modality", "view", "age_years"]] = []  # noqa: RUF012  # pydantic copies it


class Scope(Answer):
    """Whether an image is what the model was made for: `score` above `threshold` is out of distribution.

    What was not checked is `unknown` or None: of an image that the task refuses, and that the model was not sent, all
    but what speaks against it; `out_of_distribution` also of a model without a threshold.
    """

    out_of_distribution: bool | None
    score: float | None
    threshold: float | None
    modality: Check
    view: Check
    age: Check
    declared: list[Literal["modality", "view", "age_years"]] = []  # noqa: RUF012  # pydantic copies it


class Finding(Answer):
    """What the model says of one label.

    Attributes:
        probability: calibrated, at `prevalence`; None where scores are withheld.
        prevalence: the share of patients with the finding that `probability` holds at.
        deployment: whether `prevalence` is the one declared for the place of use. Where it is not, `probability` is no
            patient's chance here, and must not be shown alone.
        operating_point: at or above it the finding is flagged, in the unit of `probability`.
        in_set: whether the prediction set holds it: it cannot be excluded at the set's coverage.
        absence_in_set: of findings that do not exclude each other, whether absence cannot be excluded.
        sensitivity, specificity: at the operating point, on the test split; None where they are not known.
        is_finding: False for the label that says that there is none.
    """

    name: str
    probability: Share | None
    prevalence: Share
    deployment: bool
    operating_point: Share
    flagged: bool | None
    in_set: bool | None
    absence_in_set: bool | None = None
    sensitivity: Interval | None = None
    specificity: Interval | None = None
    is_finding: bool = True


class ImagePrediction(Answer):
    """What the model says of one image, or of one frame of it (from 1)."""

    image: Identifier
    frame: int
    scope: Scope
    findings: list[Finding]


class Prediction(Answer):
    """What a model said of a case.

    Attributes:
        unit: `image`: `findings` are those of the image that scores highest by finding; `study`: of the whole case.
        findings: of the case, in the task's order.
        coverage: chance with which the prediction set holds the true label; None without sets.
        calibrated: whether every label's scores were fitted to the calibration split.
        not_assessable: groups of patients for whom nobody knows how good the model is, e.g. `age group 0-17`.
        intended_use, note: to be shown with every prediction.
    """

    id: Identifier
    created_at: datetime
    model: ModelVersion
    unit: Literal["image", "study"]
    withheld: Withheld | None
    findings: list[Finding]
    images: list[ImagePrediction]
    coverage: Share | None
    calibrated: bool
    not_assessable: list[str]
    intended_use: str
    note: str
