"""What the Evaluator leaves in its `evaluation` artifact for other steps, beside TFMA's files; needs no TFX to read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.evaluation import Evaluation
from evaluation.gate_results import GateResult
from evaluation.judged import Records

GATES_FILE = "gates.json"
METRICS_FILE = "metrics.json"
CASES_FILE = "cases.npz"


def write_results(evaluation_uri: str, *, judgement: Mapping[str, Any], cases: Mapping[str, NDArray[Any]]) -> None:
    """Writes `gates.json`, `metrics.json` and `cases.npz`.

    Args:
        evaluation_uri: the artifact's folder.
        judgement: `evaluation` and `gates`, as JSON values.
        cases: the arrays of the test split's records.
    """
    folder = Path(evaluation_uri)
    (folder / METRICS_FILE).write_text(json.dumps(judgement["evaluation"], indent=1), encoding="utf-8")
    (folder / GATES_FILE).write_text(json.dumps(judgement["gates"], indent=1), encoding="utf-8")
    np.savez_compressed(folder / CASES_FILE, **cases)


def read_gates(evaluation_uri: str | Path) -> list[GateResult]:
    """Returns every gate's verdict, in the task's order."""
    text = (Path(evaluation_uri) / GATES_FILE).read_text(encoding="utf-8")
    return [GateResult.from_json(gate) for gate in json.loads(text)]


def read_evaluation(evaluation_uri: str | Path) -> Evaluation:
    """Returns everything that is said of the model on the test split."""
    return Evaluation.from_json(json.loads((Path(evaluation_uri) / METRICS_FILE).read_text(encoding="utf-8")))


def read_cases(evaluation_uri: str | Path) -> Records:
    """Returns the test split's records with the candidate's scores, sorted by id."""
    with np.load(Path(evaluation_uri) / CASES_FILE, allow_pickle=False) as arrays:
        return Records.from_arrays(dict(arrays))
