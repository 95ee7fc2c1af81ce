"""What the StressTest leaves in its artifact; needs no TFX to read."""

from __future__ import annotations

from pathlib import Path

from data_schemas.stress_results import STRESS_FILE, StressResults


def write_stress(uri: str | Path, results: StressResults) -> None:
    """Writes `stress.json` into an artifact's folder."""
    Path(uri).mkdir(parents=True, exist_ok=True)
    (Path(uri) / STRESS_FILE).write_text(results.model_dump_json(indent=1), encoding="utf-8")


def read_stress(uri: str | Path) -> StressResults:
    """Returns what `write_stress` wrote."""
    return StressResults.model_validate_json((Path(uri) / STRESS_FILE).read_text(encoding="utf-8"))
