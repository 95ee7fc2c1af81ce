"""The checklists: every item has an answer, and none claims what the run does not have."""

from __future__ import annotations

import pytest

from reports.checklists.answers import ANSWERS, NOT_KEPT, answered
from reports.checklists.claim_2024 import CLAIM_2024
from reports.checklists.tripod_ai import TRIPOD_AI
from tests.reports.sample_report import bare_data, report_data

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
