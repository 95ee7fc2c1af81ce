"""What the Evaluator leaves in its `evaluation` artifact for other steps, beside TFMA's files; needs no TFX to read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.gates import GateResult, SliceKey
from evaluation.summary import Summary

GATES_FILE = "gates.json"
METRICS_FILE = "metrics.json"


def write_results(
    evaluation_uri: str,
    *,
    gates: Sequence[GateResult],
    summaries: Mapping[SliceKey, Summary],
    champion: Summary | None,
) -> None:
    """Writes `gates.json` and `metrics.json`.

    Args:
        evaluation_uri: the artifact's folder.
        gates: every gate's verdict.
        summaries: metrics by slice; the empty key is overall.
        champion: the champion's overall metrics on the same cases, or None.
    """
    slices = [{"slice": dict(key), **summary.to_json()} for key, summary in sorted(summaries.items()) if key]
    metrics = {
        "overall": summaries[()].to_json(),
        "slices": slices,
        "champion": None if champion is None else champion.to_json(),
    }
    folder = Path(evaluation_uri)
    (folder / METRICS_FILE).write_text(json.dumps(metrics, indent=1), encoding="utf-8")
    verdicts = [gate.to_json() for gate in gates]
    (folder / GATES_FILE).write_text(json.dumps(verdicts, indent=1), encoding="utf-8")


def read_gates(evaluation_uri: str) -> list[GateResult]:
    """Returns every gate's verdict, in the task's order."""
    text = (Path(evaluation_uri) / GATES_FILE).read_text(encoding="utf-8")
    return [GateResult(**gate) for gate in json.loads(text)]


def read_metrics(evaluation_uri: str) -> dict[str, Any]:
    """Returns `{overall, slices, champion}`, each a `Summary` as JSON; slices have a `slice`, champion may be None."""
    value: dict[str, Any] = json.loads((Path(evaluation_uri) / METRICS_FILE).read_text(encoding="utf-8"))
    return value
