"""How the model was trained: curves epoch by epoch, what augmentation does, and the search for hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from data_schemas.training_settings import Augmentation
from reports.page import Chapter, Facts, Figure, Figures, Section
from reports.plots import BLUE, GREY, HALF, RED, data_uri, figure, svg
from reports.report_data import ReportData
from reports.tuning import tuning_sections

HEADING = "Training"
Epochs = Sequence[dict[str, Any]]


def training(data: ReportData) -> Chapter:
    """Returns the chapter."""
    if not data.history:
        return Chapter(HEADING, (), note="Not available in this run.")
    parts: list[Section] = [_facts(data), curves(data.history)]
    if data.contact_sheet:
        parts.append(_contact_sheet(data.contact_sheet, data.description.task.training.augmentation))
    if data.tuning is not None:
        parts += tuning_sections(data.tuning)
    return Chapter(HEADING, parts)


def _facts(data: ReportData) -> Facts:
    task, history = data.description.task, data.history
    best = max(range(len(history)), key=lambda index: _merit(history[index], task.training.monitor))
    facts: list[tuple[str, str | int]] = [
        ("backbone", f"{task.model.backbone}{f' x {task.model.alpha:g}' if task.model.alpha else ''}"),
        ("weights", "random" if task.model.weights == "none" else "pretrained"),
        ("epochs", len(history)),
        ("best epoch", best + 1),
        ("AUC on eval", f"{history[best]['eval_auc']:.3f}"),
        ("minutes", f"{sum(row['seconds'] for row in history) / 60:.1f}"),
        ("seed", task.training.seed),
    ]
    return Facts(facts)


def _merit(row: dict[str, Any], monitor: str) -> float:
    value = float(row[f"eval_{monitor}"])
    return -float(row["eval_loss"]) if monitor == "loss" or math.isnan(value) else value


def curves(history: Epochs) -> Figures:
    """Returns loss and AUC by epoch."""
    epochs = len(history)
    return Figures(
        heading="Epoch by epoch",
        figures=[
            figure("Loss", curve_svg(history, "loss"), f"Loss on train and eval over {epochs} epochs."),
            figure("AUC", curve_svg(history, "auc"), f"AUC on eval over {epochs} epochs."),
        ],
        note="Training ends, and weights are kept, by what eval says. Eval is so a little flattered; "
        "the test split alone judges. A dotted line marks where a phase begins.",
    )


def curve_svg(history: Epochs, name: str) -> str:
    """Returns a measure by epoch as SVG; a line marks where a phase begins."""
    epochs = range(1, len(history) + 1)
    phases = [row["phase"] for row in history]
    begins = [index + 0.5 for index in range(1, len(phases)) if phases[index] != phases[index - 1]]

    def draw(canvas: Any) -> None:
        axes = canvas.subplots()
        if name in history[0]:
            axes.plot(epochs, [row[name] for row in history], ".-", color=BLUE, label="train")
        axes.plot(epochs, [row[f"eval_{name}"] for row in history], ".-", color=RED, label="eval")
        axes.set(xlabel="epoch", ylabel="loss" if name == "loss" else "AUC")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
        for place in begins:
            axes.axvline(place, color=GREY, linewidth=0.8, linestyle=":")

    return svg(draw, size=HALF)


def _contact_sheet(png: bytes, augmentation: Augmentation) -> Figure:
    defaults = Augmentation()
    changed = [
        f"{name.replace('_', ' ')}{'' if value is True else f' {value:g}'}"
        for name, value in augmentation.model_dump().items()
        if value != getattr(defaults, name)
    ]
    return Figure(
        heading="What training sees",
        source=data_uri(png, "image/png"),
        alternative="A row for each of some training images: as it is, then seven changed copies.",
        note=f"First as it is, then as augmentation changes it: {', '.join(changed) or 'nothing is changed'}.",
    )
