"""The page of an external validation: how good here, for whom, and how unlike the training data these images are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from data_schemas.training_data import LEVELS
from evaluation.intervals import Estimate
from evaluation.shift import FeatureShift
from reports.chapters.curves import curves
from reports.chapters.fairness import fairness
from reports.chapters.performance import performance
from reports.chapters.slices import slices
from reports.estimates import count, listed, with_interval
from reports.external_validation import ExternalValidation
from reports.feature_names import feature_name
from reports.page import Cell, Chapter, Contents, Facts, Figures, Section, Table, Tag, Verdict, render_page
from reports.plots import BLUE, GREY, figure, svg
from reports.report_data import ReportData


def external_page(validation: ExternalValidation) -> str:
    """Returns the page as HTML."""
    data = ReportData("", validation.description, evaluation=validation.evaluation)
    cases = "studies" if validation.evaluation.unit == "study" else "images"
    note = (
        f"{validation.summary.examples} {cases} of {count(validation.summary.patients, 'patient')}; what is said "
        "holds if no version was trained on any of them. 95 % intervals over patients. Sensitivity and what follows it "
        "hold at the operating points that the model brings. "
    )
    chapters = [
        Chapter("Shift against the training data", _shift(validation), note=_SHIFT_NOTE),
        dataclasses.replace(performance(data), note=note + " ".join(_prevalences(validation))),
        curves(data),
        dataclasses.replace(slices(data), note=_GROUPS_NOTE if validation.evaluation.slices else "No groups."),
        fairness(data),
    ]
    task = validation.description.task
    sections: list[Section | Chapter | Contents] = [_verdict(validation), _facts(validation), Contents(chapters)]
    if validation.rejected:
        rows = [(status, reason, number) for (status, reason), number in validation.rejected.most_common()]
        chapters.append(Chapter("Rejected", [Table("Images that could not be judged", _REJECTED, rows)]))
    return render_page(
        f"External validation: {task.title}",
        [*sections, *chapters],
        subtitle=f"{task.name}, version {validation.version}. {task.intended_use}",
    )


_REJECTED = ("Status", "Reason", "Images")
_SHIFT_NOTE = (
    "The distance is 0 where the images are as those that the model was trained on, and 1 where they have nothing in "
    "common. Two samples of one population mostly stay under the third column. A shift does not say that the model is "
    "worse here; it says where to look if it is."
)
_GROUPS_NOTE = (
    "A group too small to say anything is shown with its count alone. The grey band is the interval of all cases."
)


def _verdict(validation: ExternalValidation) -> Verdict:
    """Says in two sentences how good the model is here, and whether the images are like the training images."""
    parts = [
        f"{finding}: AUROC {with_interval(metrics['auroc'])}, sensitivity {with_interval(metrics['sensitivity'])}, "
        f"specificity {with_interval(metrics['specificity'])}."
        for finding, metrics in validation.summary.findings.items()
    ]
    shifted = [feature_name(one.feature) for one in validation.shift.features or () if one.shifted]
    if validation.shift.features is None:
        parts.append("The model does not say what its training images were like.")
    elif shifted:
        parts.append(f"The images differ from the training images in {listed(shifted)}.")
    else:
        parts.append("In what is known of them, the images are like the training images.")
    guessed = [name for name, metrics in validation.summary.findings.items() if not _better_than_chance(metrics)]
    if guessed:
        parts.append(f"For {listed(guessed)} it is not shown that the scores are better than chance.")
        return Verdict("Not shown to work here", " ".join(parts), "bad")
    return Verdict("Shifted" if shifted else "On other data", " ".join(parts), "warn" if shifted else "good")


def _better_than_chance(metrics: Mapping[str, Estimate]) -> bool:
    return (metrics["auroc"].lower or 0.0) > 0.5


def _facts(validation: ExternalValidation) -> Facts:
    facts: list[tuple[str, str | int]] = [
        ("studies" if validation.evaluation.unit == "study" else "images", validation.summary.examples),
        ("patients", validation.summary.patients),
        ("rejected", validation.rejected.total()),
    ]
    if validation.shift.out_of_scope is not None:
        facts.append(("out of scope", f"{validation.shift.out_of_scope:.1%}"))
    return Facts(facts, heading="Data")


def _prevalences(validation: ExternalValidation) -> list[str]:
    """Says what PPV and NPV hold for, and the scores."""
    here = ", ".join(f"{name} {_share(share)}" for name, share in validation.prevalence.items())
    there = validation.description.prevalence
    then = ", ".join(f"{name} {_share(there.get(name))}" for name in validation.prevalence)
    return [f"PPV and NPV hold for the prevalence here: {here}.", f"Scores were made where it was {then}."]


def _shift(validation: ExternalValidation) -> list[Section]:
    found = validation.shift.features
    if found is None:
        return [Table("Features", ("",), [("The model does not say what its training images were like.",)])]
    rows: list[list[Cell]] = [
        [feature_name(one.feature), _number(one.distance), _number(one.chance), _tag(one), _where(one)] for one in found
    ]
    scope = validation.description.scope
    if validation.shift.out_of_scope is not None and scope is not None:
        expected = 1 - scope.in_scope_share
        much = validation.shift.out_of_scope > 2 * expected + 0.02
        said = f"{validation.shift.out_of_scope:.1%} here, {expected:.1%} when calibrated"
        rows.append(["out of scope by their look", "-", "-", Tag("shifted", "warn") if much else "alike", said])
    columns = ("Feature", "Distance", "By chance up to", "Verdict", "Training, then here")
    parts: list[Section] = [Table("Features", columns, rows)]
    drawn = [one for one in found if one.kind == "numbers" and one.there and one.here]
    if drawn:
        parts.append(
            Figures(
                "Where the images lie",
                [
                    figure(
                        feature_name(one.feature),
                        quantiles_svg(one),
                        f"Quantiles of {feature_name(one.feature)}: {_where(one)}",
                    )
                    for one in drawn
                ],
                note="Thick: the middle half of the images; thin: 5 to 95 %; dot: the median.",
            )
        )
    return parts


def quantiles_svg(shift: FeatureShift) -> str:
    """Returns training and external quantiles of a feature, one below the other, as SVG."""

    def draw(canvas: Any) -> None:
        axes = canvas.subplots()
        for place, (values, colour) in enumerate(((shift.there, GREY), (shift.here, BLUE))):
            level = dict(zip(LEVELS, values.values(), strict=True))
            axes.plot([level[0.05], level[0.95]], [place, place], color=colour, linewidth=1.2)
            axes.plot([level[0.25], level[0.75]], [place, place], color=colour, linewidth=6, solid_capstyle="butt")
            axes.plot([level[0.5]], [place], "o", color="white", markeredgecolor=colour, markersize=6)
        axes.set(ylim=(1.6, -0.6))
        axes.xaxis.get_major_locator().set_params(nbins=4)
        axes.set_yticks([0, 1], ["training", "here"])
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)

    return svg(draw, size=(4.2, 1.5))


def _where(shift: FeatureShift) -> str:
    if shift.kind == "numbers":
        return "; ".join(
            "not known" if not values else f"median {values['50%']:.3g} ({values['25%']:.3g} to {values['75%']:.3g})"
            for values in (shift.there, shift.here)
        )
    if not shift.there or not shift.here:
        return "not known in both"
    values = sorted(
        {*shift.there, *shift.here}, key=lambda value: -max(shift.there.get(value, 0), shift.here.get(value, 0))
    )
    return "; ".join(
        f"{value} {_share(shift.there.get(value, 0.0))}, {_share(shift.here.get(value, 0.0))}" for value in values
    )


def _tag(shift: FeatureShift) -> Cell:
    if shift.distance is None:
        return "not known"
    return Tag("shifted", "warn") if shift.shifted else "alike"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.1%}".replace("%", " %")
