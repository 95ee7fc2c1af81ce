"""CLAIM 2024 and TRIPOD+AI, pre-filled: what this run measured, what the task declares, and what neither has."""

from __future__ import annotations

from collections import Counter

from reports.checklists.answers import answered
from reports.checklists.claim_2024 import CLAIM_2024
from reports.checklists.items import Checklist, Status
from reports.checklists.tripod_ai import TRIPOD_AI
from reports.page import Cell, Chapter, Table, Tag, Tone
from reports.report_data import ReportData

HEADING = "Reporting checklists"
CHECKLISTS = (CLAIM_2024, TRIPOD_AI)
_TONES: dict[Status, Tone] = {"measured": "good", "declared": "good", "not available": "warn"}
_NOTE = (
    "A start for authors, not a statement that a checklist is fulfilled. Topics are in words of our own: the published "
    "checklists are what counts."
)


def checklists(data: ReportData) -> Chapter:
    """Returns the chapter."""
    return Chapter(HEADING, [_table(checklist, data) for checklist in CHECKLISTS], note=_NOTE)


def _table(checklist: Checklist, data: ReportData) -> Table:
    filled = answered(checklist, data)
    rows: list[list[Cell]] = [
        [f"{number} {topic}", Tag(answer.status, _TONES[answer.status]), answer.text]
        for number, topic, answer in filled
    ]
    tally = Counter(answer.status for _, _, answer in filled)
    counts = ", ".join(f"{tally[status]} {status}" for status in _TONES)
    return Table(checklist.name, ("Item", "Status", "Where, or what"), rows, note=f"{checklist.source}. {counts}.")
