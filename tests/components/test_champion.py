"""Whether what is served may be compared with a candidate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.champion.executor import unusable_reason
from data_schemas.ingest_report import IngestReport
from data_schemas.model_files import NO_CHAMPION


def _ingest(test_patients: tuple[str, ...], key: str = "k") -> IngestReport:
    return IngestReport(
        rows=1, examples={}, labels={}, patients={"test": test_patients}, rejects=(), warnings={}, pseudonym_key_id=key
    )


@pytest.fixture
def served(tmp_path: Path) -> Path:
    assets = tmp_path / "4" / "assets.extra"
    assets.mkdir(parents=True)
    (assets / "training_patients.json").write_text(json.dumps({"pseudonym_key_id": "k", "patients": ["a", "b"]}))
    return tmp_path / "4"


def test_nothing_served_is_said() -> None:
    assert unusable_reason(None, _ingest(("a",))) == NO_CHAMPION


def test_a_champion_that_knows_no_test_patient_is_usable(served: Path) -> None:
    assert unusable_reason(served, _ingest(("c",))) == ""


def test_a_champion_trained_on_a_test_patient_is_refused(served: Path) -> None:
    assert "trained on 1 patients of the present test split" in unusable_reason(served, _ingest(("b", "c")))


def test_another_pseudonym_key_cannot_be_compared(served: Path) -> None:
    assert "another pseudonym key" in unusable_reason(served, _ingest(("c",), key="other"))


def test_a_model_that_does_not_say_its_patients_is_refused(tmp_path: Path) -> None:
    (tmp_path / "9").mkdir()
    assert "does not say which patients" in unusable_reason(tmp_path / "9", _ingest(("c",)))
