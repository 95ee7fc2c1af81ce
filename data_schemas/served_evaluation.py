"""How good a served version was on the test split: `evaluation.json` beside the model, for whoever shows its scores."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from data_schemas.errors import ModelAltered
from data_schemas.model_files import ASSETS, EVALUATION_FILE

METRICS = ("auroc", "sensitivity", "specificity", "ppv", "npv", "flag_rate", "prevalence")
"""What is said of each finding. PPV, NPV and flag rate hold at `prevalence`."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ServedEstimate(_Said):
    """A value with its 95 % interval over patients.

    Attributes:
        value: None where it is not defined; `note` says why.
        lower, upper: limits; None where nothing bounds the value.
        patients: how many are behind it.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    patients: int | None = None
    note: str = ""


class ServedFinding(_Said):
    """One finding on the test split.

    Attributes:
        operating_point: at or above it the finding is flagged, a probability at the calibration split's prevalence.
        patients_with, patients_without: patients with a case that has the finding, and with one that has not.
        metrics: by name of `METRICS`; all but AUROC and prevalence at the operating point.
    """

    operating_point: float
    patients_with: int
    patients_without: int
    metrics: dict[str, ServedEstimate]


class ServedScores(_Said):
    """What the model gave test images of a finding, one by one, whatever the unit: what served scores are held against.

    Attributes:
        patients: whose images they are.
        quantiles: of the scores at the calibration split's prevalence, at `training_data.LEVELS`; empty where they are
            of fewer than `training_data.FEWEST` patients.
        flagged: share of the images at or above the operating point.
    """

    patients: int
    quantiles: tuple[float, ...]
    flagged: float


class ServedEvaluation(_Said):
    """What the Evaluator found, as far as people who use the model need it.

    Attributes:
        unit: what a case is.
        cases, patients: of the test split.
        findings: by name, in the task's order.
        not_assessable: groups for which nobody knows how good the model is, and what the data cannot answer.
        gates: each verdict as a sentence, in the task's order.
        gates_passed: whether every gate let the model pass.
        scores: by finding, how they were distributed.
    """

    unit: Literal["image", "study"]
    cases: int
    patients: int
    findings: dict[str, ServedFinding]
    not_assessable: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    gates_passed: bool = True
    scores: dict[str, ServedScores] = {}


def read_served_evaluation(version_dir: Path) -> ServedEvaluation | None:
    """Returns a version's evaluation; None where it has none: it was pushed by an older Radflow, or not by Radflow.

    Args:
        version_dir: `OUTPUT/serving/TASK/VERSION`.

    Raises:
        ModelAltered: the file is there and is not what the Pusher writes.
    """
    path = version_dir / ASSETS / EVALUATION_FILE
    try:
        return ServedEvaluation.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        raise ModelAltered(
            f"{path} cannot be read ({type(error).__name__}): put the version's files back from where they were pushed"
        ) from error
