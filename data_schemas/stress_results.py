"""What the StressTest leaves: how far each change of the images moves scores and AUROC, and what the features tell."""

from __future__ import annotations

from typing import Literal

from data_schemas.strict import Share, Strict

STRESS_FILE = "stress.json"
"""In the StressTest's artifact: `StressResults`."""


class Interval(Strict):
    """A value with its 95 % interval over patients; the fields of `evaluation.intervals.Estimate`.

    Attributes:
        value: None where it is not defined, or too few patients stand behind it: `note` says which.
        lower, upper: None where there is no interval.
        patients: how many stand behind it.
        note: what a reader must know of it.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    patients: int | None = None
    note: str = ""


class FindingStress(Strict):
    """What a change of the images does to one finding.

    Attributes:
        auroc: on the changed images.
        auroc_difference: changed less unchanged, paired by patient.
        score_change: mean absolute change of the score, 0..1, over all images.
        flag_changed: share of images whose flag changes.
    """

    auroc: Interval
    auroc_difference: Interval
    score_change: Share
    flag_changed: Share


class StressRow(Strict):
    """One change at one level.

    Attributes:
        name, kind, level: as in `imaging.perturbations`.
        images_changed: how many images it changed at all: text is masked where some is found.
        findings: by finding.
    """

    name: str
    kind: Literal["shortcut", "shift"]
    level: str
    images_changed: int
    findings: dict[str, FindingStress]


class AttributeProbe(Strict):
    """How well the network's features tell an attribute of the patient.

    Attributes:
        attribute: `sex` or `age` (at or above the median).
        auroc: cross-validated by patient; 0.5 is nothing.
        patients: with a known value.
        note: why there is no value, or what it compares.
    """

    attribute: Literal["sex", "age"]
    auroc: Interval
    patients: int
    note: str = ""


class StressResults(Strict):
    """A stress test.

    Attributes:
        patients, images: that were scored.
        test_patients, test_images: that the test split has.
        sampling: how those were chosen, in a sentence.
        unperturbed: AUROC on the images as they are, by finding.
        rows: in the order of `imaging.perturbations.PERTURBATIONS`.
        probes: of sex and age.
    """

    patients: int
    images: int
    test_patients: int
    test_images: int
    sampling: str
    unperturbed: dict[str, Interval]
    rows: tuple[StressRow, ...]
    probes: tuple[AttributeProbe, ...]
