"""The model report: how a model was trained, what turned its logits into decisions, and what neither can promise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_schemas.decisions import OperatingPoint
from data_schemas.description import ModelDescription
from data_schemas.training_settings import Augmentation
from data_schemas.tuning_results import TuningResults
from evaluation.conformal import fewest_patients
from reports.page import Cell, Facts, Figure, Section, Table, Tag, Verdict, render_page
from reports.plots import data_uri, svg
from reports.tuning import tuning_sections

_METHODS = {
    "temperature_and_intercepts": "one temperature and an intercept a class",
    "temperature": "one temperature; intercepts only undo the class weights, some classes having too few patients",
    "platt": "a slope and an intercept a finding",
    "none": "nothing was fitted, for want of patients; intercepts only undo the class weights",
}
_ALIKE = 0.5
"""Rank correlation from which maps of a network without any learnt weight count as unchanged."""
_BLUE, _RED = "#2a5d9f", "#b0452c"


@dataclass(frozen=True)
class ModelReport:
    """What the report is made of.

    Attributes:
        description: what the model says of itself.
        history: a row an epoch, as the Trainer wrote it.
        contact_sheet: PNG of training images and what augmentation makes of them.
        explanation_checks: by method, stages of random weights with `share` of the layers and `similarity` of the maps.
        tuning: the search for hyperparameters, if there was one.
        more: sections of other steps, put at the end.
    """

    description: ModelDescription
    history: Sequence[dict[str, Any]]
    contact_sheet: bytes
    explanation_checks: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)
    tuning: TuningResults | None = None
    more: Sequence[Section] = field(default=())

    def to_html(self) -> str:
        """Returns the page."""
        task = self.description.task
        sections = [
            _meaning(self.description),
            _training_facts(self.description, self.history),
            _curves(self.history),
            _contact_sheet(self.contact_sheet, task.training.augmentation),
            _labels_table(self.description),
            *_sets_table(self.description),
            _scope_facts(self.description),
            *_explanations_table(self.explanation_checks),
            *(tuning_sections(self.tuning) if self.tuning else ()),
            *self.more,
            Table("Limitations", ("",), [(text,) for text in task.limitations or ("none declared",)]),
        ]
        return render_page(f"Model report: {task.title}", sections, subtitle=task.intended_use)


def _meaning(description: ModelDescription) -> Verdict:
    """Says in words what a score of this model is."""
    calibration = description.calibration
    shares = ", ".join(f"{name} {share:.1%}" for name, share in description.scores_prevalence.items())
    where = "the task declares for deployment" if description.deployment_prevalence else "the calibration split has"
    cases = f"{calibration.images} {'images' if description.task.unit == 'image' else 'studies'}"
    rest = f"Fitted: {_METHODS[calibration.method]} ({cases}, {calibration.patients} patients)."
    if not description.calibrated:
        text = f"Scores order images; as probabilities they are not to be trusted. {rest}"
        return Verdict("Not calibrated", text, "warn")
    text = f"Scores are probabilities at the prevalence that {where}: {shares}. {rest}"
    whole = calibration.method != "temperature"
    return Verdict("Calibrated" if whole else "Calibrated in part", text, "good" if whole else "warn")


def _training_facts(description: ModelDescription, history: Sequence[dict[str, Any]]) -> Facts:
    model, training = description.task.model, description.task.training
    best = max(range(len(history)), key=lambda index: _merit(history[index], training.monitor))
    facts: list[tuple[str, str | int]] = [
        ("backbone", f"{model.backbone}{f' x {model.alpha:g}' if model.alpha else ''}"),
        ("weights", "random" if model.weights == "none" else "pretrained"),
        ("epochs", len(history)),
        ("best epoch", best + 1),
        ("AUC on eval", f"{history[best]['eval_auc']:.3f}"),
        ("minutes", f"{sum(row['seconds'] for row in history) / 60:.1f}"),
        ("seed", training.seed),
    ]
    return Facts(facts, heading="Training")


def _merit(row: dict[str, Any], monitor: str) -> float:
    value = float(row[f"eval_{monitor}"])
    return -float(row["eval_loss"]) if monitor == "loss" or math.isnan(value) else value


def _curves(history: Sequence[dict[str, Any]]) -> Figure:
    return Figure(
        heading="Epoch by epoch",
        source=data_uri(curves_svg(history).encode(), "image/svg+xml"),
        alternative=f"Loss and AUC over {len(history)} epochs.",
        note="Training ends, and weights are kept, by what eval says. Eval is so a little flattered; "
        "the test split alone judges.",
    )


def curves_svg(history: Sequence[dict[str, Any]]) -> str:
    """Returns loss and AUC by epoch as SVG; a line marks where a phase begins."""
    epochs = range(1, len(history) + 1)
    phases = [row["phase"] for row in history]
    begins = [index + 0.5 for index in range(1, len(phases)) if phases[index] != phases[index - 1]]

    def draw(figure: Any) -> None:
        losses, aucs = figure.subplots(1, 2)
        losses.plot(epochs, [row["loss"] for row in history], ".-", color=_BLUE, label="train")
        losses.plot(epochs, [row["eval_loss"] for row in history], ".-", color=_RED, label="eval")
        aucs.plot(epochs, [row["eval_auc"] for row in history], ".-", color=_RED, label="eval")
        for axes, name in ((losses, "loss"), (aucs, "AUC")):
            axes.set(xlabel="epoch", ylabel=name)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.legend(frameon=False)
            for place in begins:
                axes.axvline(place, color="#8a949e", linewidth=0.8, linestyle=":")

    return svg(draw, size=(8, 2.8))


def _contact_sheet(png: bytes, augmentation: Augmentation) -> Figure:
    changed = [
        f"{name.replace('_', ' ')} {value:g}" if not isinstance(value, bool) else name.replace("_", " ")
        for name, value in augmentation.model_dump().items()
        if value != Augmentation.model_fields[name].default
    ]
    return Figure(
        heading="What training sees",
        source=data_uri(png, "image/png"),
        alternative="A row for each of some training images: as it is, then seven changed copies.",
        note=f"First as it is, then as augmentation changes it: {', '.join(changed) or 'nothing is changed'}.",
    )


def _labels_table(description: ModelDescription) -> Table:
    task, deployed = description.task, description.deployment_prevalence
    calibration = description.calibration
    columns = ["Label", "Prevalence", "Slope", "Intercept", "Operating point", "Chosen by"]
    rows = [
        [
            name,
            f"{description.prevalence[name]:.1%}" + (f", deployed {deployed[name]:.1%}" if deployed else ""),
            f"{calibration.slopes[index]:.2f}",
            f"{calibration.intercepts[index]:+.2f}",
            f"{description.operating_points[name]:.3f}" if name in task.labels.findings else "-",
            _rule(task.decisions.point_of(name)) if name in task.labels.findings else "-",
        ]
        for index, name in enumerate(task.labels.names)
    ]
    note = "Fitted on the calibration split. Operating points are probabilities at that split's prevalence."
    return Table("From logits to flags", columns, rows, note=note)


def _rule(point: OperatingPoint) -> str:
    if point.rule == "cost":
        return f"cost, {point.false_negative_cost:g} a miss and {point.false_positive_cost:g} a false alarm"
    return "Youden" if point.rule == "youden" else f"{point.rule} {point.value:g}"


def _sets_table(description: ModelDescription) -> tuple[Table, ...]:
    """Says what each label's place in a set rests on."""
    sets = description.conformal
    if sets is None:
        return ()
    needed = fewest_patients(1.0 - sets.coverage)
    kinds = [("", sets.thresholds, sets.patients)]
    if sets.absent_thresholds:
        kinds = [("present", sets.thresholds, sets.patients), ("absent", sets.absent_thresholds, sets.absent_patients)]
    rows: list[list[Cell]] = [
        [f"{name} {kind}".strip(), patients[index], _limit(thresholds[index])]
        for index, name in enumerate(description.task.labels.names)
        for kind, thresholds, patients in kinds
    ]
    note = (
        f"For a new patient of the same population, each set holds the true label with a chance of {sets.coverage:.0%} "
        f"or more. A label with fewer than {needed} calibration patients is in every set."
    )
    return (Table("Sets of labels", ("Label", "Patients", "In the set where 1 - probability is"), rows, note=note),)


def _limit(threshold: float | None) -> str:
    return "cannot be left out: too few patients" if threshold is None else f"up to {threshold:.3f}"


def _scope_facts(description: ModelDescription) -> Facts:
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
    return Facts(facts, heading="In scope")


def _explanations_table(checks: Mapping[str, Sequence[Mapping[str, float]]]) -> tuple[Table, ...]:
    """Says whether maps change with what the network has learnt."""
    if not checks:
        return ()
    shares = [f"{stage['share']:.0%} of the layers random" for stage in next(iter(checks.values()))]
    rows: list[list[Cell]] = []
    for name, stages in checks.items():
        values = [stage["similarity"] for stage in stages]
        depends = values[-1] < _ALIKE
        verdict = Tag("depends on the weights", "good") if depends else Tag("hardly depends on the weights", "bad")
        rows.append([name, *(f"{value:+.2f}" for value in values), verdict])
    note = (
        "Rank correlation of a few eval images' maps with those of the same network, its layers made random from the "
        "logits down. A map that stays as it is shows the image, and nothing that was learnt (Adebayo et al. 2018)."
    )
    return (Table("Explanations: do the maps depend on what was learnt", ("Method", *shares, ""), rows, note=note),)
