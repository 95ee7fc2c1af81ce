"""What the gateway's API takes and answers, as JSON; OpenAPI is made of these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""Random, so that it tells nothing of what it names."""
Check = Literal["match", "mismatch", "unknown"]


class Answer(BaseModel):
    """Root of everything that is answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(BaseModel):
    """Root of everything that is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Problem(BaseModel):
    """An error as RFC 9457 has it (application/problem+json).

    Attributes:
        type: names the kind of problem, e.g. `/problems/too-large`.
        title: the same in words, equal for all of a kind.
        status: the HTTP status.
        detail: what failed this time, what was allowed, and what to do; never anything of a patient.
        request_id: to be found in the gateway's and the model server's log.
        errors: of a request that does not validate, one object for each field: `loc` and `msg`.
    """

    model_config = ConfigDict(extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[dict[str, Any]] | None = None


class Interval(Answer):
    """An estimate with its 95 % interval over patients; where `value` is None, `note` says why."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    patients: int | None = None
    note: str = ""


# --- cases and their images


class Window(Answer):
    """A window on an image's values, in the unit of its values."""

    center: float
    width: float
    explanation: str = ""


class Pixels(Answer):
    """How the bytes of `GET .../pixels` are read: one frame, row by row, little endian.

    A stored value v stands for `slope * v + intercept`, in `unit`. Windows are in that unit.

    Attributes:
        dtype: of a sample. Signed values are moved to unsigned ones, which `intercept` takes back.
        samples: 1 for gray, 3 for RGB, which needs no window.
        inverted: whether the lowest value is shown white (MONOCHROME1).
        unit: HU for CT, else empty.
        windows: the file's own, else one of its values' range; the first is the one to begin with.
        aspect: height of a pixel over its width.
        spacing_mm: height and width of a pixel, where the file says them.
    """

    rows: int
    columns: int
    frames: int
    dtype: Literal["uint8", "uint16"]
    samples: Literal[1, 3]
    slope: float
    intercept: float
    inverted: bool
    unit: str
    windows: list[Window]
    aspect: float = 1.0
    spacing_mm: tuple[float, float] | None = None


class Image(Answer):
    """One file of a case.

    Attributes:
        file: its number in the upload, from 1; names of files are not kept.
        format: DICOM, PNG, JPEG or NIfTI.
        modality, view, sex: as the header says, empty where it says nothing.
        age_years: completed years, 90 for everybody older.
        burned_in_text: whether something like written text was found in the pixels: it may identify the patient.
    """

    id: Identifier
    file: int
    format: Literal["DICOM", "PNG", "JPEG", "NIfTI"]
    pixels: Pixels
    modality: str = ""
    view: str = ""
    sex: str = ""
    age_years: int | None = None
    burned_in_text: bool = False


class RejectedFile(Answer):
    """A file of the upload that gives no image; `status` as `radflow inspect` has it."""

    file: int
    status: Literal["not_dicom", "no_pixels", "unsupported", "corrupt"]
    reason: str


class Declared(Asked):
    """What a reader, or the caller of the API, states of a case whose header says nothing; it is audited.

    It fills what is unknown and never overrides a header. None states nothing.
    """

    modality: Annotated[str, Field(min_length=2, max_length=16, pattern=r"^[A-Za-z]+$")] | None = None
    view: Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9_]+$")] | None = None
    age_years: Annotated[float, Field(ge=0, le=130)] | None = None


CaseStatus = Literal["uploaded", "predicted", "withheld", "failed", "hidden"]


class CaseSummary(Answer):
    """A row of the worklist.

    Attributes:
        number: counts the cases of a group from 1, to name one aloud.
        status: `uploaded`: not predicted yet; `withheld`: the model has no say on it; `failed`: the model server was
            away or refused; `hidden`: predicted or withheld, where `predictions=false` asked not to be told which.
        flagged: findings at or above their operating point, in the latest prediction.
        urgency: highest of score over operating point among findings, on the log-odds scale; None without scores.
        read: whether somebody left feedback.
        sample: whether the gateway itself put the case there, to try.
    """

    id: Identifier
    number: int
    created_at: datetime
    expires_at: datetime | None
    status: CaseStatus
    model: str
    modality: str
    images: int
    flagged: list[str]
    urgency: float | None
    withheld: list[WithheldCode]
    read: bool
    sample: bool = False
    thumbnail: Identifier | None = None


class Case(CaseSummary):
    """A study that was uploaded, with its images, predictions and feedback, oldest first.

    Attributes:
        predictions, feedback: with `predictions=false` no prediction, and of feedback only one's own.
        blind: whether the one who asks was never sent, this answer included, anything that a model said of the case.
    """

    image_list: list[Image]
    rejected: list[RejectedFile]
    declared: Declared | None
    predictions: list[Prediction]
    feedback: list[Feedback]
    blind: bool


class CaseList(Answer):
    """A page of the worklist; `next` is the cursor of the next one."""

    cases: list[CaseSummary]
    total: int
    next: str | None = None


# --- predictions

WithheldCode = Literal[
    "modality_mismatch", "view_mismatch", "age_mismatch", "modality_unknown", "view_unknown", "age_unknown",
    "out_of_distribution", "burned_in_text", "not_accepted",
]  # fmt: skip


class Withheld(Answer):
    """Why a prediction shows no scores, in words and codes; `declare` names what a reader may state to go on."""

    codes: list[WithheldCode]
    message: str
    declare: list[Literal["modality", "view", "age_years"]] = []


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
    declared: list[Literal["modality", "view", "age_years"]] = []


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


class Approval(Answer):
    """Who approved a version for use, and in what words."""

    version: int
    by: str
    role: str
    statement: str
    at: datetime


class ModelVersion(Answer):
    """The version that answered; `approved` is whether the server has it under the label `approved`."""

    name: str
    version: int
    approved: bool
    approval: Approval | None = None


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


class PredictionRequest(Asked):
    """Asks for a prediction, after what is unknown was stated."""

    declared: Declared = Declared()
    model: str | None = None


# --- feedback


class FeedbackRequest(Asked):
    """What a reader says of a case.

    Attributes:
        kind: `opinion`: one's own `labels`, once and before all other feedback (`Feedback.blind` says whether before
            the model's say too); `agree`, `disagree`: with the
            prediction; `correct`: `labels` are the true ones.
        labels: names of the task's labels; of labels that exclude each other exactly one.
        prediction: the one that was seen; None for an opinion.
    """

    kind: Literal["opinion", "agree", "disagree", "correct"]
    labels: Annotated[list[str], Field(max_length=64)] = []
    comment: Annotated[str, Field(max_length=2000)] = ""
    prediction: Identifier | None = None


class Feedback(Answer):
    """Feedback as it is kept; `author` is a keyed hash unless it is one's own.

    Attributes:
        blind: of an opinion whether nothing that a model said of the case had been sent to its author before; False
            also where that is not known.
    """

    id: Identifier
    created_at: datetime
    author: str
    mine: bool
    kind: Literal["opinion", "agree", "disagree", "correct"]
    labels: list[str]
    comment: str
    prediction: Identifier | None
    blind: bool


# --- models


class Model(Answer):
    """A model that the gateway is configured to ask; fields are None while the model server does not answer for it.

    Attributes:
        labels: in the task's order; `findings` those that are findings.
        exclusive: whether exactly one label holds (multi_class).
    """

    name: str
    available: bool
    version: ModelVersion | None = None
    title: str | None = None
    intended_use: str | None = None
    unit: Literal["image", "study"] | None = None
    labels: list[str] | None = None
    findings: list[str] | None = None
    exclusive: bool | None = None
    modalities: list[str] | None = None
    views: list[str] | None = None


class ModelList(Answer):
    """The configured models; the first is the one that is asked unless a request names another."""

    models: list[Model]


class TestedFinding(Answer):
    """How a finding did on the test split, at its operating point."""

    name: str
    patients_with: int | None
    patients_without: int | None
    metrics: dict[str, Interval]


class ModelCard(Answer):
    """What a model is for, how good it is, and for whom not."""

    model: ModelVersion
    title: str
    intended_use: str
    population: str
    reference_standard: str
    limitations: list[str]
    modalities: list[str]
    views: list[str]
    age_range: tuple[float, float] | None
    labels: list[str]
    operating_points: dict[str, float]
    prevalence: dict[str, float]
    deployment_prevalence: dict[str, float] | None
    unit: Literal["image", "study"]
    test_patients: int | None
    findings: list[TestedFinding]
    not_assessable: list[str]
    gates: list[str]
    radflow_version: str
    note: str


class Session(Answer):
    """Who asks, and what the page needs to begin.

    Attributes:
        role: a reader sees the cases of its group; an admin every case, and the audit log.
        authentication: `none`: this machine's user alone, on the loopback address.
        max_bytes, max_files: of one upload.
        samples: how many sample files `POST /api/v1/samples` has to give.
    """

    subject: str
    role: Literal["reader", "admin"]
    group: str
    authentication: Literal["none", "api_key", "oidc"]
    max_bytes: int
    max_files: int
    retention_days: int | None
    samples: int = 0


class AuditEntry(Answer):
    """One entry of the audit log; `hash` is over everything else and the entry before (`data_schemas.audit_chain`)."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: dict[str, Any]
    previous: str
    hash: str


class AuditPage(Answer):
    """Entries of the audit log, oldest first; `next` is the number to go on after."""

    entries: list[AuditEntry]
    next: int | None = None


CaseSummary.model_rebuild()
Case.model_rebuild()
CaseList.model_rebuild()
