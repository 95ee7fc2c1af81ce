"""The checklists: every item has an answer, and none claims what the run does not have."""

from __future__ import annotations

import pytest

from reports.checklists.answers import ANSWERS, NOT_KEPT, answered
from reports.checklists.claim_2024 import CLAIM_2024
from reports.checklists.tripod_ai import TRIPOD_AI
from reports.report_data import GroupCount
from tests.reports.sample_report import GROUPS, bare_data, evaluation, report_data, summary

LISTS = pytest.mark.parametrize("checklist", [CLAIM_2024, TRIPOD_AI], ids=lambda one: one.name)
STATUSES = {"measured", "declared", "not available"}


@LISTS
@pytest.mark.parametrize("data", [report_data(), bare_data()], ids=["whole", "bare"])
def test_no_item_is_blank(checklist, data) -> None:
    filled = answered(checklist, data)
    assert len(filled) == len(checklist.items)
    for number, topic, answer in filled:
        assert number and topic.strip() and answer.text.strip() and answer.status in STATUSES


def test_claim_has_its_44_items_in_order() -> None:
    assert [item.number for item in CLAIM_2024.items] == [str(number) for number in range(1, 45)]


def test_tripod_has_27_items_with_52_parts() -> None:
    numbers = [item.number for item in TRIPOD_AI.items]
    main = sorted({int(number.rstrip("abcdefg")) for number in numbers})
    assert (main, len(numbers), len(set(numbers))) == (list(range(1, 28)), 52, 52)


def test_every_answer_is_asked_for_and_none_is_in_both_tables() -> None:
    asked = {item.answer for checklist in (CLAIM_2024, TRIPOD_AI) for item in checklist.items}
    assert asked == set(ANSWERS) | set(NOT_KEPT) and not set(ANSWERS) & set(NOT_KEPT)


def status(checklist, number, data) -> str:
    (found,) = [answer.status for one, _, answer in answered(checklist, data) if one == number]
    return found


@pytest.mark.parametrize(
    ("checklist", "number", "whole", "bare"),
    [
        (CLAIM_2024, "14", "declared", "declared"),
        (CLAIM_2024, "29", "measured", "not available"),
        (CLAIM_2024, "30", "not available", "not available"),
        (CLAIM_2024, "35", "measured", "not available"),
        (CLAIM_2024, "36", "measured", "not available"),
        (CLAIM_2024, "44", "not available", "not available"),
        (TRIPOD_AI, "6a", "not available", "not available"),
        (TRIPOD_AI, "14", "measured", "not available"),
        (TRIPOD_AI, "23a", "measured", "not available"),
        (TRIPOD_AI, "27c", "measured", "not available"),
    ],
)
def test_an_item_is_measured_only_where_the_run_has_it(checklist, number, whole, bare) -> None:
    assert status(checklist, number, report_data()) == whole
    assert status(checklist, number, bare_data()) == bare


def text(checklist, number, data) -> str:
    (found,) = [answer.text for one, _, answer in answered(checklist, data) if one == number]
    return found


@pytest.mark.parametrize("number", ["12d", "23b"])
def test_a_manufacturer_is_no_centre(number) -> None:
    groups = {(("manufacturer", "ACME"),): summary(), (("sex", "F"),): summary()}
    by_scanner = report_data(evaluation=evaluation(slices=groups))
    assert status(TRIPOD_AI, number, by_scanner) == "not available"
    assert "groups by manufacturer say nothing of centres" in text(TRIPOD_AI, number, by_scanner)
    known = [*GROUPS, GroupCount("site", "north", "test", 9, 2)]
    by_site = report_data(evaluation=evaluation(slices={(("site", "north"),): summary()}), groups=known)
    assert status(TRIPOD_AI, number, by_site) == "measured"
    # Of a site that is unknown everywhere, nothing is known.
    unknown = report_data(evaluation=evaluation(slices={(("site", "unknown"),): summary()}))
    assert status(TRIPOD_AI, number, unknown) == "not available"


@pytest.mark.parametrize(("checklist", "number"), [(CLAIM_2024, "12"), (TRIPOD_AI, "11")])
def test_missing_values_are_told_as_they_are_treated(checklist, number) -> None:
    said = text(checklist, number, report_data())
    assert "site unknown of some images" in said and "no group of Fairness has them" in said
    assert "no value of an attribute is unknown" in text(checklist, number, report_data(groups=GROUPS[:3]))
