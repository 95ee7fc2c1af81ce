"""DataCheck: every check is seen to pass and to fire."""

from __future__ import annotations

from typing import Any

from components.data_check.checks import check_data
from data_schemas.features import SPLITS
from data_schemas.ingest_report import IngestReport, Reject
from reports.data_check import Check, DataCheckReport
from tests.models.tasks import demo_task

GOOD: dict[str, Any] = {
    "rows": 40,
    "examples": dict.fromkeys(SPLITS, 10),
    "labels": {split: {"normal": 4, "nodule": 3, "cavity": 3} for split in SPLITS},
    "patients": {split: (f"{split}1", f"{split}2") for split in SPLITS},
    "rejects": (),
    "warnings": {},
    "pseudonym_key_id": "k",
}


def _checks(*, anomalies: dict[str, dict[str, str]] | None = None, **changes: Any) -> dict[str, Check]:
    ingest = IngestReport(**(GOOD | changes))
    return {check.name: check for check in check_data(demo_task(), ingest, anomalies=anomalies or {"train": {}})}


def test_good_data_passes_every_check() -> None:
    checks = _checks()
    assert all(check.passed for check in checks.values())
    assert set(checks) >= {"rejected images", "patients in one split", "every label in test", "schema of train"}


def test_too_many_rejects_stop_the_run_with_their_reasons() -> None:
    rejects = tuple(Reject(row=row, status="corrupt", reason="truncated") for row in range(1, 4))
    check = _checks(rejects=rejects)["rejected images"]
    assert (check.passed, check.blocking) == (False, True)
    assert "3 of 40 rows rejected (7.5%, allowed 5.0%): corrupt: truncated" in check.summary


def test_few_rejects_pass() -> None:
    assert _checks(rejects=(Reject(row=1, status="corrupt", reason="x"),))["rejected images"].passed


def test_a_patient_in_two_splits_stops_the_run() -> None:
    check = _checks(patients=GOOD["patients"] | {"test": ("train1", "test2")})["patients in one split"]
    assert (check.passed, check.blocking) == (False, True)
    assert check.summary.startswith("1 of 7 patients")


def test_a_label_absent_from_test_stops_the_run_and_from_calibration_warns() -> None:
    empty = {"normal": 10, "nodule": 0, "cavity": 0}
    checks = _checks(labels=GOOD["labels"] | {"test": empty, "calibration": empty})
    assert (checks["every label in test"].passed, checks["every label in test"].blocking) == (False, True)
    assert (checks["every label in calibration"].passed, checks["every label in calibration"].blocking) == (
        False,
        False,
    )
    assert "none is labelled nodule, cavity" in checks["every label in test"].summary


def test_an_empty_eval_split_stops_the_run() -> None:
    check = _checks(examples=GOOD["examples"] | {"eval": 0})["every label in eval"]
    assert (check.passed, check.blocking) == (False, True)


def test_an_anomaly_stops_the_run_or_warns_as_the_task_says() -> None:
    anomalies = {"train": {"sex": "Unexpected string values: X"}}
    check = _checks(anomalies=anomalies)["schema of train"]
    assert (check.passed, check.blocking) == (False, True)
    assert "sex: Unexpected string values" in check.summary
    warning = check_data(demo_task(data_policy={"anomalies": "warn"}), IngestReport(**GOOD), anomalies=anomalies)[-1]
    assert (warning.passed, warning.blocking) == (False, False)


def test_the_report_names_what_blocks_and_how_to_mend_it() -> None:
    ingest = IngestReport(**(GOOD | {"patients": GOOD["patients"] | {"test": ("train1",)}}))
    report = DataCheckReport.of(demo_task(), ingest, check_data(demo_task(), ingest, anomalies={}))
    assert report.blocked
    assert "patients in one split" in report.message() and "to mend it" in report.message()
