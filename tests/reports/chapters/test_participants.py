"""The data: every row of the manifest is accounted for."""

from __future__ import annotations

from reports.chapters.participants import participants
from reports.report_data import GroupCount
from tests.reports.page_text import rows, shown
from tests.reports.sample_report import INGEST, bare_data, report_data


def test_the_flow_starts_with_all_rows_and_names_who_was_left_out() -> None:
    text = shown(participants(report_data()))
    # 110 rows may be used; 4 have no consent, 1 withdrew.
    assert "Manifest 115 rows 4 rows without consent 1 row withdrawn" in text
    assert "Allowed to be used 110 rows 2 images rejected: corrupt" in text
    assert "Read 108 images of 6 patients" in text
    assert "test 18 images of 2 patients" in text


def test_rejects_are_listed_by_reason_with_their_rows() -> None:
    assert "corrupt: it ends early 2 7-8" in shown(participants(report_data()))


def test_groups_are_counted_by_split() -> None:
    assert "sex F 1 0 0 1 2" in shown(participants(report_data()))


def test_the_commonest_of_many_values_are_shown_and_the_rest_summed() -> None:
    groups = [GroupCount("site", f"s{index:02}", "train", 1, 100 - index) for index in range(20)]
    text = shown(participants(report_data(groups=groups)))
    # The last eight have 88, 87, ... 81 patients.
    assert "site s11" in text and "site s12" not in text and "site: 8 others 676" in text


def test_a_patient_in_two_splits_is_told() -> None:
    twice = INGEST.model_copy(update={"patients": {"train": ("a",), "test": ("a",)}})
    assert "1 patient are in two splits" in shown(participants(report_data(ingest=twice)))


def test_without_an_ingest_report_the_task_still_speaks() -> None:
    text = shown(participants(bare_data()))
    assert "not available in this run" in text and "Reference standard" in text


def test_no_pseudonym_of_a_patient_is_shown() -> None:
    named = INGEST.model_copy(update={"patients": {"train": ("pseudonym-1",), "test": ("pseudonym-2",)}})
    assert "pseudonym-" not in shown(participants(report_data(ingest=named)))
    assert rows("") == []
