"""A hand-made run to report on: two findings, two slices, one gap, gates of every verdict. No number is computed."""

from __future__ import annotations

from typing import Any

from data_schemas.description import Calibration, ConformalSets, ModelDescription, Scope
from data_schemas.ingest_report import IngestReport, Reject
from data_schemas.metrics import METRICS
from evaluation.curves import Curves
from evaluation.evaluation import Evaluation
from evaluation.fairness import Fairness, Gap
from evaluation.gate_results import GateResult
from evaluation.intervals import Estimate
from evaluation.summary import Summary
from reports.report_data import (
    ArtifactUsed,
    Canary,
    Gallery,
    GalleryCase,
    GroupCount,
    Lineage,
    Outcome,
    ReportData,
    ScopeUse,
)
from tests.models.tasks import demo_task

HISTORY = [
    {
        "phase": phase,
        "epoch": epoch,
        "loss": 1.0,
        "eval_loss": loss,
        "eval_auc": 0.9,
        "eval_average_precision": 0.8,
        "learning_rate": 1e-3,
        "seconds": 30.0,
    }
    for phase, epoch, loss in (("head", 1, 0.9), ("all layers", 1, 0.5), ("all layers", 2, 0.7))
]


def description(**changes: Any) -> ModelDescription:
    """Returns what a calibrated model of the demo's task says of itself."""
    values: dict[str, Any] = {
        "task": demo_task(limitations=("Only <drawn> images.",), training={"augmentation": {"mixup": 0.2}}),
        "operating_points": {"normal": 0.5, "nodule": 0.123, "cavity": 0.456},
        "prevalence": {"normal": 0.5, "nodule": 0.3, "cavity": 0.2},
        "calibration": Calibration(
            method="temperature_and_intercepts",
            slopes=(0.5,) * 3,
            intercepts=(0.0,) * 3,
            fitted=(0, 1, 2),
            images=60,
            patients=50,
        ),
        "conformal": ConformalSets(coverage=0.9, thresholds=(0.5, 0.6, None), patients=(30, 12, 8)),
        "scope": Scope(threshold=1.25, in_scope_share=0.98, patients=50),
        "radflow_version": "0",
    }
    return ModelDescription(**values | changes)


def estimates(value: float | None = 0.9, **changes: Estimate) -> dict[str, Estimate]:
    """Returns every metric with one value and interval, some replaced."""
    one = Estimate(None, patients=7, note="too few patients: 7") if value is None else Estimate(value, 0.8, 0.95, 40)
    return dict.fromkeys(METRICS, one) | changes


def summary(**findings: dict[str, Estimate]) -> Summary:
    """Returns a summary of 60 images of 40 patients."""
    found = findings or {
        "nodule": estimates(sensitivity=Estimate(0.93, 0.88, 0.97, 15), specificity=Estimate(0.9, 0.85, 0.94, 25)),
        "cavity": estimates(0.7),
    }
    return Summary(
        examples=60,
        patients=40,
        task={"accuracy": Estimate(0.85, 0.7, 0.9, 40), "macro_auroc": Estimate(0.8, 0.75, 0.85, 40)},
        findings=found,
        positives=dict.fromkeys(found, 15),
        negatives=dict.fromkeys(found, 25),
        confusion=((20, 1, 0), (2, 17, 0), (0, 3, 17)),
    )


CURVES = Curves(
    roc={"false_positive_rate": [0.0, 0.1, 1.0], "sensitivity": [0.0, 0.9, 1.0]},
    precision_recall={"recall": [0.5, 1.0], "precision": [1.0, 0.6]},
    reliability={
        "predicted": [0.1, 0.9],
        "observed": [0.2, None],
        "lower": [0.1, None],
        "upper": [0.4, None],
        "cases": [5, 5],
    },
    decision={"threshold": [0.1, 0.5], "model": [0.3, None], "everyone": [0.2, -0.4]},
    prevalence={"prevalence": [0.01, 0.5], "ppv": [0.1, 0.9], "npv": [0.99, 0.8]},
)

GAP = Gap(
    attribute="sex",
    finding="nodule",
    metric="false_negative_rate",
    gap=Estimate(0.2, 0.0, 0.31, 40),
    groups={"F": Estimate(0.25, 0.1, 0.4, 20), "M": Estimate(0.05, 0.0, 0.2, 20)},
    worst="F",
    p_value=0.01,
    p_holm=0.02,
)


def evaluation(**changes: Any) -> Evaluation:
    """Returns an evaluation with a group that is too small, and a disparity."""
    few = {"nodule": estimates(None), "cavity": estimates(None)}
    values: dict[str, Any] = {
        "unit": "image",
        "overall": summary(),
        "slices": {(("sex", "F"),): summary(), (("sex", "O"),): summary(**few)},
        "curves": {"nodule": CURVES, "cavity": CURVES},
        "fairness": Fairness((GAP,), {"sex": {"O": 3}}),
        "looks": 2,
    }
    return Evaluation(**values | changes)


GATES = (
    GateResult(
        "nodule AUROC",
        "auroc",
        "nodule",
        bound=0.85,
        value=0.9,
        judged=0.8,
        verdict="unmet",
        more_patients=12,
        positives=15,
        negatives=25,
        reason="its lower limit is 0.800, at least 0.850 was asked",
    ),
    GateResult(
        "slope",
        "calibration_slope",
        "nodule",
        kind="range",
        bound=(0.7, 1.4),
        value=1.0,
        judged=(0.9, 1.1),
        verdict="met",
        passed=True,
        reason="its limits are 0.900 and 1.100",
    ),
    GateResult(
        "sex gap",
        "sensitivity",
        gap="sex",
        kind="max",
        bound=0.1,
        verdict="undecided",
        undecided="report",
        passed=True,
        reason="no two groups of sex have enough patients",
    ),
    GateResult(
        "site gap",
        "auroc",
        gap="site",
        kind="max",
        bound=0.1,
        verdict="not_assessable",
        passed=True,
        reason="the data has one site",
    ),
    GateResult("drop", "auroc", kind="max_drop", bound=0.01, verdict="not_compared", passed=True, reason="first model"),
)

INGEST = IngestReport(
    rows=110,
    without_consent=4,
    withdrawn=1,
    examples={"train": 60, "eval": 20, "calibration": 10, "test": 18},
    labels={"train": {"normal": 30, "nodule": 30}, "test": {"normal": 9, "nodule": 9}},
    patients={"train": ("a", "b"), "eval": ("c",), "calibration": ("d",), "test": ("e", "f")},
    rejects=(
        Reject(row=7, status="corrupt", reason="it ends early"),
        Reject(row=8, status="corrupt", reason="it ends early"),
    ),
    warnings={},
    pseudonym_key_id="k",
)

GROUPS = (
    GroupCount("sex", "F", "train", 30, 1),
    GroupCount("sex", "F", "test", 9, 1),
    GroupCount("sex", "M", "train", 30, 1),
    GroupCount("site", "unknown", "train", 60, 2),
)

LINEAGE = Lineage(
    data_digest="d" * 64,
    code_digests={"training": "c" * 64},
    versions={"numpy": "1.26.4"},
    artifacts=(ArtifactUsed("model", "Model", 9, "Trainer/model/9"),),
    hardware={"processor": "x86_64, 2 CPUs"},
    made="2026-01-02 03:04:05 UTC",
)


_HEADERS = {"modality": {"match": 18}, "view": {"mismatch": 2, "match": 16}, "age": {"unknown": 18}}


def gallery() -> Gallery:
    """Returns one false negative of a nodule."""
    none: dict[Outcome, int] = {"true positive": 0, "false positive": 0, "false negative": 0, "true negative": 0}
    case = GalleryCase("nodule", "false negative", 0.05, 17, "0123456789abcdef", b"\xff\xd8jpeg")
    counts: dict[str, dict[Outcome, int]] = {"nodule": {**none, "false negative": 2}, "cavity": none}
    return Gallery("Chosen by rule.", counts, (case,))


def report_data(**changes: Any) -> ReportData:
    """Returns a whole run, refused for one gate, some of it replaced."""
    values: dict[str, Any] = {
        "run": "2026-01-02T03-00-00",
        "description": description(),
        "history": HISTORY,
        "contact_sheet": b"png",
        "explanation_checks": {"layer-cam": [{"share": 0.5, "similarity": 0.7}, {"share": 1.0, "similarity": 0.1}]},
        "ingest": INGEST,
        "groups": GROUPS,
        "evaluation": evaluation(),
        "gates": GATES,
        "blessed": False,
        "canary": Canary(True),
        "gallery": gallery(),
        "scope": ScopeUse(18, 18, 3, _HEADERS),
        "lineage": LINEAGE,
    }
    return ReportData(**values | changes)


def bare_data(**changes: Any) -> ReportData:
    """Returns a run of which nothing but the model is left."""
    return ReportData(run="bare", description=description(), **changes)
