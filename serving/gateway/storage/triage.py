"""Where a case stands in the worklist: what needs a human first comes first."""

from __future__ import annotations

import math
from collections.abc import Iterable

from serving.gateway.schemas.predictions import Finding
from serving.gateway.storage.tables import CaseRow

_LEAST = 1e-6
"""Probabilities nearer to 0 or 1 than this are taken for this; their log-odds would have no end."""


def flagged(findings: Iterable[Finding]) -> list[str]:
    """Returns the findings at or above their operating point, in the task's order."""
    return [finding.name for finding in findings if finding.is_finding and finding.flagged]


def urgency(findings: Iterable[Finding]) -> float | None:
    """Returns by how much, in log-odds, the most urgent finding is above its operating point; None without scores.

    Log-odds make findings comparable whose operating points are far apart: 0.02 at 0.01 is as urgent as 0.67 at 0.5.
    """
    return max(
        (
            _log_odds(finding.probability) - _log_odds(finding.operating_point)
            for finding in findings
            if finding.is_finding and finding.probability is not None
        ),
        default=None,
    )


def place(*, read: bool, status: str, flagged: bool, urgency: float | None) -> tuple[int, float]:
    """Returns what cases are sorted by, highest first, before their age: the newest first.

    Unread before read; among these flagged before those that the model has no say on, before the rest. Urgency sorts
    flagged cases alone.
    """
    if flagged and status == "predicted":
        rank, within = 2, urgency or 0.0
    else:
        rank, within = (1 if status in ("withheld", "failed") else 0), 0.0
    return (0 if read else 3) + rank, within


def sort_again(case: CaseRow) -> None:
    """Puts a case where it now stands."""
    case.priority, case.sort_urgency = place(
        read=case.read, status=case.status, flagged=bool(case.flagged), urgency=case.urgency
    )


def _log_odds(probability: float) -> float:
    kept = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(kept / (1 - kept))
