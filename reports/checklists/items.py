"""An item of a reporting checklist, and what a run has to say to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["measured", "declared", "not available"]


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        number: the checklist's.
        topic: what it is about, in words of our own; the checklist's own text is what counts.
        answer: which of `reports.checklists.answers` answers it.
    """

    number: str
    topic: str
    answer: str


@dataclass(frozen=True)
class Answer:
    """What a run says to an item.

    Attributes:
        status: `measured` by this run, `declared` by the task file, or `not available`.
        text: where it was measured, what was declared, or what is missing; never empty.
    """

    status: Status
    text: str


@dataclass(frozen=True)
class Checklist:
    """A checklist with its source."""

    name: str
    source: str
    items: tuple[Item, ...]
