"""DataCheck's report: verdict, message, JSON and page."""

from __future__ import annotations

import pytest

from data_schemas.ingest_report import IngestReport, Reject
from data_schemas.task_file import load_task
from reports.data_check import Check, DataCheckReport


def _check(name: str, *, passed: bool, blocking: bool) -> Check:
    return Check(name=name, passed=passed, blocking=blocking, summary=f"{name} found", mend=f"mend {name}")


FINE = _check("fine", passed=True, blocking=True)
ODD = _check("odd", passed=False, blocking=False)
BAD = _check("bad", passed=False, blocking=True)


def _report(*checks: Check) -> DataCheckReport:
    ingest = IngestReport(
        rows=12,
        examples={"train": 6, "test": 2},
        labels={"train": {"normal": 4, "nodule": 2}, "test": {"normal": 1, "nodule": 1}},
        patients={"train": ("a", "b", "c"), "test": ("d",)},
        rejects=tuple(Reject(row=row, status="corrupt", reason="the stream ends early") for row in (3, 7, 8, 9)),
        warnings={"no patient id": (5,)},
        pseudonym_key_id="k",
    )
    return DataCheckReport.of(load_task("synthetic_chest"), ingest, list(checks))


@pytest.mark.parametrize(
    ("checks", "blocked", "word"),
    [((FINE,), False, "Accepted<"), ((FINE, ODD), False, "Accepted with warnings"), ((ODD, BAD), True, "Refused")],
)
def test_the_verdict_follows_the_worst_check(checks: tuple[Check, ...], blocked: bool, word: str) -> None:
    report = _report(*checks)
    assert report.blocked is blocked
    assert f'<p class="word">{word}' in report.to_html()


def test_the_message_says_what_stops_the_run_first_and_how_to_mend_it() -> None:
    lines = _report(FINE, ODD, BAD).message().splitlines()
    assert lines == [
        "the data was refused: 2 checks of 3 failed",
        "  - bad (stops the run): bad found",
        "    to mend it: mend bad",
        "  - odd (warning): odd found",
        "    to mend it: mend odd",
    ]


def test_counts_and_totals_stand_in_the_page() -> None:
    page = _report(FINE).to_html()
    row = '<th scope="row">all</th>' + "".join(
        f'<td data-column="{name}" class="number">{count}</td>'
        for name, count in (("Patients", 4), ("Images", 8), ("normal", 5), ("nodule", 3))
    )
    assert row in page
    assert "3, 7-9" in page and "corrupt: the stream ends early" in page and "no patient id" in page


def test_what_passed_needs_no_mending() -> None:
    assert "mend fine" not in _report(FINE).to_html()


def test_json_reads_back_and_names_no_patient() -> None:
    report = _report(FINE, BAD)
    assert DataCheckReport.model_validate_json(report.to_json()) == report
    assert report.patients == {"train": 3, "test": 1}
