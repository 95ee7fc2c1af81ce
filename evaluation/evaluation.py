"""All that is said of a model on one set of cases: overall, by slice, as curves, between groups, with the champion."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from data_schemas.task import Labels
from evaluation.curves import Curves, curves
from evaluation.differences import Judged, differences
from evaluation.fairness import Fairness, fairness
from evaluation.intervals import DRAWS, Estimate
from evaluation.summary import FEWEST_PATIENTS, Cases, Key, Summary, summarize

SliceKey = tuple[tuple[str, str], ...]
"""Slice feature and value, sorted by feature; empty is overall."""


@dataclass(frozen=True)
class Evaluation:
    """What is said of a model.

    Attributes:
        unit: what a case is, `image` or `study`.
        overall: every metric.
        slices: every metric of each group; what too few patients are behind is not said.
        curves: by finding.
        fairness: gaps between groups.
        champion: the champion's metrics on the same cases; None where it was not compared.
        differences: candidate less champion, paired by patient, by finding (None is the whole task) and metric.
        looks: how often models were judged on the same test split before.
    """

    unit: str
    overall: Summary
    slices: dict[SliceKey, Summary] = field(default_factory=dict)
    curves: dict[str, Curves] = field(default_factory=dict)
    fairness: Fairness = field(default_factory=Fairness)
    champion: Summary | None = None
    differences: dict[Key, Estimate] | None = None
    looks: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns plain values; `from_json` reads them back."""
        return {
            "unit": self.unit,
            "overall": self.overall.to_json(),
            "slices": [{"slice": dict(key), **one.to_json()} for key, one in sorted(self.slices.items())],
            "curves": {finding: one.to_json() for finding, one in self.curves.items()},
            "fairness": self.fairness.to_json(),
            "champion": None if self.champion is None else self.champion.to_json(),
            "differences": None if self.differences is None else _differences_json(self.differences),
            "looks": self.looks,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Evaluation:
        """Returns the evaluation that `to_json` wrote."""
        differences = value["differences"]
        return cls(
            unit=value["unit"],
            overall=Summary.from_json(value["overall"]),
            slices={tuple(sorted(one["slice"].items())): Summary.from_json(one) for one in value["slices"]},
            curves={finding: Curves.from_json(one) for finding, one in value["curves"].items()},
            fairness=Fairness.from_json(value["fairness"]),
            champion=None if value["champion"] is None else Summary.from_json(value["champion"]),
            differences=None if differences is None else _differences_from(differences),
            looks=value["looks"],
        )


def evaluate(
    candidate: Judged,
    labels: Labels,
    *,
    champion: Judged | None = None,
    slices: Sequence[Sequence[str]] = (),
    unit: str = "image",
    looks: int = 0,
    draws: int = DRAWS,
) -> Evaluation:
    """Returns everything that is said of a model.

    Args:
        candidate: the model's cases, with a group by every feature that a slice names.
        labels: the task's.
        champion: the same cases, in the same order, as the champion sees them.
        slices: each the features whose values, together, make a group.
        unit: what a case is.
        looks: earlier looks at the same cases.
        draws: of each bootstrap.
    """
    cases, points = candidate.cases, candidate.points
    overall = summarize(cases, labels, points, draws=draws)
    served = None if champion is None else summarize(champion.cases, labels, champion.points, draws=draws)
    compared = None
    if champion is not None and served is not None:
        compared = differences(candidate, champion, labels, summaries=(overall, served), draws=draws)
    return Evaluation(
        unit=unit,
        overall=overall,
        slices=_summaries(groups_of(cases, slices), labels, points, draws=draws),
        curves={finding: curves(cases.of_finding(labels, finding, points[finding])) for finding in labels.findings},
        fairness=fairness(cases, labels, points),
        champion=served,
        differences=compared,
        looks=looks,
    )


def _summaries(
    groups: Mapping[SliceKey, Cases], labels: Labels, points: Mapping[str, float], *, draws: int
) -> dict[SliceKey, Summary]:
    """Returns each group's summary, by as many threads as there are cores: numpy lets others run meanwhile."""
    summary = partial(summarize, labels=labels, points=points, draws=draws, fewest=FEWEST_PATIENTS)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(groups, pool.map(summary, groups.values()), strict=True))


def groups_of(cases: Cases, slices: Sequence[Sequence[str]]) -> dict[SliceKey, Cases]:
    """Returns the cases of every group that occurs, a value that is unknown being one of them.

    Args:
        cases: with `groups`.
        slices: each the features whose values, together, make a group.
    """
    found: dict[SliceKey, Cases] = {}
    for names in slices:
        rows = list(zip(*(cases.groups[name] for name in names), strict=True))
        for combination in sorted(set(rows)):
            member = np.array([row == combination for row in rows])
            key = tuple(sorted((name, str(value)) for name, value in zip(names, combination, strict=True)))
            found[key] = cases.take(member)
    return found


def _differences_json(found: Mapping[Key, Estimate]) -> dict[str, Any]:
    findings: dict[str, dict[str, Any]] = {}
    for (finding, metric), one in found.items():
        if finding is not None:
            findings.setdefault(finding, {})[metric] = one.to_json()
    task = {metric: one.to_json() for (finding, metric), one in found.items() if finding is None}
    return {"task": task, "findings": findings}


def _differences_from(value: Mapping[str, Any]) -> dict[Key, Estimate]:
    found: dict[Key, Estimate] = {(None, metric): Estimate(**one) for metric, one in value["task"].items()}
    for finding, metrics in value["findings"].items():
        found |= {(finding, metric): Estimate(**one) for metric, one in metrics.items()}
    return found
