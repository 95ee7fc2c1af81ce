"""The model report: one page that a radiologist and an auditor can read, and the same as files for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from reports.chapters.checklists import checklists
from reports.chapters.curves import curves
from reports.chapters.decisions import decisions
from reports.chapters.fairness import fairness
from reports.chapters.gallery import gallery
from reports.chapters.gates import gates
from reports.chapters.limits import limits
from reports.chapters.lineage import lineage
from reports.chapters.participants import participants
from reports.chapters.performance import performance
from reports.chapters.scope import scope
from reports.chapters.slices import slices
from reports.chapters.stress import stress
from reports.chapters.summary import summary
from reports.chapters.training import training
from reports.exports.bundle_metadata import bundle_metadata
from reports.exports.metrics_csv import metrics_csv
from reports.exports.model_card import model_card
from reports.exports.report_json import report_json
from reports.page import Chapter, Contents, render_page
from reports.report_data import ReportData

HTML_FILE = "model_report.html"
JSON_FILE = "report.json"
CSV_FILE = "metrics.csv"
MODEL_CARD_FILE = "model_card.json"
METADATA_FILE = "metadata.json"


CHAPTERS: tuple[Callable[[ReportData], Chapter], ...] = (
    gates,
    participants,
    performance,
    curves,
    slices,
    fairness,
    stress,
    gallery,
    scope,
    decisions,
    training,
    limits,
    lineage,
    checklists,
)
"""In the order of the page."""


def report_html(data: ReportData) -> str:
    """Returns the page: the summary first, then chapters."""
    chapters = [chapter(data) for chapter in CHAPTERS]
    task = data.description.task
    subtitle = f"{task.name}, run {data.run}. Research software, not a medical device."
    return render_page(
        f"Model report: {task.title}", [*summary(data), Contents(chapters), *chapters], subtitle=subtitle
    )


def report_files(data: ReportData) -> dict[str, str]:
    """Returns the page and its exports as text by file name."""
    return {
        HTML_FILE: report_html(data),
        JSON_FILE: json.dumps(report_json(data), indent=1, allow_nan=False),
        CSV_FILE: metrics_csv(data.evaluation),
        MODEL_CARD_FILE: json.dumps(model_card(data), indent=1, allow_nan=False),
        METADATA_FILE: json.dumps(bundle_metadata(data), indent=1, allow_nan=False),
    }


def write_files(files: dict[str, str], folder: Path) -> None:
    """Writes `report_files` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
