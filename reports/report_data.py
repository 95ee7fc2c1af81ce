"""All that a model report is made of. What a run does not have is None, and its chapter says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from data_schemas.description import ModelDescription
from data_schemas.ingest_report import IngestReport
from data_schemas.stress_results import StressResults
from data_schemas.tuning_results import TuningResults
from evaluation.evaluation import Evaluation
from evaluation.gate_results import GateResult
from reports.data_check import DataCheckReport

Outcome = Literal["true positive", "false positive", "false negative", "true negative"]
OUTCOMES: tuple[Outcome, ...] = ("true positive", "false positive", "false negative", "true negative")


@dataclass(frozen=True)
class GroupCount:
    """How many images and patients of a split have a value, e.g. sex F.

    Attributes:
        feature: a slice feature, or `label`.
        value: of it; what is not known is `unknown`.
        split: one of `data_schemas.features.SPLITS`.
        images, patients: of that value in that split.
    """

    feature: str
    value: str
    split: str
    images: int
    patients: int


@dataclass(frozen=True)
class GalleryCase:
    """One explained test image.

    Attributes:
        finding: what is explained.
        outcome: whether it was flagged, and rightly so.
        score: the finding's, in the operating point's unit.
        row: of the manifest; 0 where it is not known.
        name: the image's keyed hash.
        picture: JPEG of the image and, beside it, the heatmap over it.
    """

    finding: str
    outcome: Outcome
    score: float
    row: int
    name: str
    picture: bytes


@dataclass(frozen=True)
class Gallery:
    """Explained test images, and by which rule they were chosen.

    Attributes:
        rule: in a sentence.
        counts: by finding and outcome, how many test images there are.
        cases: a few of them.
    """

    rule: str
    counts: Mapping[str, Mapping[Outcome, int]]
    cases: Sequence[GalleryCase]


@dataclass(frozen=True)
class ScopeUse:
    """What the model says of test images: are they what it was made for?

    Attributes:
        images: how many were asked about; of: how many the test split has.
        flagged: whose look is unusual.
        checks: by header check (`modality`, `view`, `age`), images by answer (match, mismatch, unknown).
    """

    images: int
    of: int
    flagged: int
    checks: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class ArtifactUsed:
    """An artifact that the report was made from: its id in the metadata store, and where it lies in the output."""

    name: str
    type: str
    id: int | None
    place: str


@dataclass(frozen=True)
class Lineage:
    """Where the numbers come from.

    Attributes:
        data_digest: SHA-256 over every record's keyed hash, label and split.
        code_digests: by step, of the sources and libraries that it runs.
        versions: of the libraries in the machine that made the report.
        artifacts: what the report was made from.
        hardware: of that machine.
        made: when, UTC, to the second.
    """

    data_digest: str
    code_digests: Mapping[str, str]
    versions: Mapping[str, str]
    artifacts: Sequence[ArtifactUsed]
    hardware: Mapping[str, str]
    made: str


@dataclass(frozen=True)
class Canary:
    """Whether the model, served, answered as the Trainer did; `reason` is empty when it did."""

    blessed: bool
    reason: str = ""
    largest_difference: str = ""


@dataclass(frozen=True)
class ReportData:
    """What is known of a run.

    Attributes:
        run: its id.
        description: what the model says of itself.
        history: a row an epoch, as the Trainer wrote it.
        contact_sheet: PNG of training images and what augmentation makes of them.
        explanation_checks: by method, stages of random weights with `share` of the layers and `similarity` of the maps.
        tuning: the search for hyperparameters, if there was one.
        ingest: what was read and left out.
        groups: counts by group and split.
        data_check: what DataCheck found.
        evaluation: metrics on the test split.
        gates: verdicts; blessed: the Evaluator's; canary: the ServingCanary's.
        stress: what the StressTest found.
        gallery: explained images. scope: out-of-scope behaviour.
        lineage: where it all comes from.
    """

    run: str
    description: ModelDescription
    history: Sequence[dict[str, Any]] = ()
    contact_sheet: bytes = b""
    explanation_checks: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)
    tuning: TuningResults | None = None
    ingest: IngestReport | None = None
    groups: Sequence[GroupCount] = ()
    data_check: DataCheckReport | None = None
    evaluation: Evaluation | None = None
    gates: Sequence[GateResult] | None = None
    blessed: bool | None = None
    canary: Canary | None = None
    stress: StressResults | None = None
    gallery: Gallery | None = None
    scope: ScopeUse | None = None
    lineage: Lineage | None = None
