"""Out-of-scope behaviour: what the model was made for, and how many test images it says were not like that."""

from __future__ import annotations

from data_schemas.description import ModelDescription
from reports.estimates import count
from reports.page import Cell, Chapter, Facts, Section, Table
from reports.report_data import ReportData, ScopeUse

HEADING = "Out of scope"


def scope(data: ReportData) -> Chapter:
    """Returns the chapter."""
    parts: list[Section] = [_facts(data.description)]
    if data.scope is None:
        return Chapter(HEADING, parts, note="How it behaves on test images is not available in this run.")
    return Chapter(HEADING, [*parts, *_on_test_images(data.scope)])


def _on_test_images(use: ScopeUse) -> list[Section]:
    share = f"{use.flagged / use.images:.1%}" if use.images else "-"
    asked = count(use.images, "test image") + (f" of {use.of}" if use.of > use.images else "")
    looked = Facts([("asked about", asked), ("look unusual", f"{use.flagged} ({share})")], heading="On test images")
    rows: list[list[Cell]] = [
        [name, *(answers.get(one, 0) for one in ("match", "mismatch", "unknown"))]
        for name, answers in use.checks.items()
    ]
    note = "What the image's header says, held against what the task was made for."
    checks = Table("Header checks", ("Check", "Match", "Mismatch", "Unknown"), rows, note=note)
    return [looked, checks]


def _facts(description: ModelDescription) -> Facts:
    scope, task = description.scope, description.task
    ages = task.decisions.age_range
    look = "no limit: too few patients"
    if scope is not None and scope.threshold is not None:
        look = f"score up to {scope.threshold:.2f} ({scope.in_scope_share:.1%} of {scope.patients} patients)"
    facts: list[tuple[str, str | int]] = [
        ("look", look),
        ("modality", ", ".join(task.modalities)),
        ("view", ", ".join(task.views) or "any"),
        ("age", "any" if ages is None else f"{ages[0]:g} to {ages[1]:g} years"),
    ]
    return Facts(facts, heading="What is in scope")
