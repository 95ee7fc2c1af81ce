"""Is what is served like what a model was trained and tested on? Features, scores, flags and what it has no say on.

Every patient counts once, with one image or case drawn at random: images of one patient resemble each other, and a site
that sends more of them would seem sure of what it is not. A comparison alerts where its distance is larger than chance
makes it, and by more than a limit that matters. The chance of any alert where nothing has changed is at most
`DriftLimits.level` over all comparisons together (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from scipy import stats

from data_schemas.drift_limits import DriftLimits
from data_schemas.training_data import FEWEST, NAMES, NUMBERS
from evaluation.binning import Table
from evaluation.divergence import (
    DRAWS,
    Statistic,
    by_chance,
    jensen_shannon,
    kolmogorov_smirnov,
    rate_difference,
    rate_rise,
)
from evaluation.drift_reference import Reference, shared, yes_and_no
from evaluation.drift_sample import Sample, rate
from evaluation.intervals import Estimate, clopper_pearson, estimate

Kind = Literal["feature", "scores", "flags", "out_of_scope", "withheld"]

OUT_OF_SCOPE, WITHHELD = "out of scope", "withheld"


@dataclass(frozen=True)
class ExpectedScope:
    """The share of images that look unlike the training images where nothing has changed, of so many patients."""

    share: float
    patients: int


@dataclass(frozen=True)
class Comparison:
    """One thing that is compared.

    Attributes:
        kind: what it is; `name`: the feature's or finding's, or `OUT_OF_SCOPE` or `WITHHELD`.
        measure: what the distance is, in words.
        patients: of the reference and of what is served.
        distance: None where there is nothing to compare, for the reason in `note`.
        chance: what it is on average where nothing has changed.
        alert_above: the distance above which it alerts.
        p_value: chance of such a distance where nothing has changed, times the comparisons made, at most 1.
        reference, served: shares by bin or value.
        edges: of the bins of numbers.
        rates: of flags, scope and withheld: the reference's share and the one here, with intervals over patients.
    """

    kind: Kind
    name: str
    measure: str
    patients: tuple[int, int]
    distance: float | None = None
    chance: float | None = None
    alert_above: float | None = None
    p_value: float | None = None
    note: str = ""
    reference: Mapping[str, float] = field(default_factory=dict)
    served: Mapping[str, float] = field(default_factory=dict)
    edges: tuple[float, ...] = ()
    rates: tuple[Estimate, Estimate] | None = None

    @property
    def alerted(self) -> bool:
        """Whether the distance is too large for chance, and for comfort."""
        return self.distance is not None and self.alert_above is not None and self.distance > self.alert_above

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        rates = None if self.rates is None else [one.to_json() for one in self.rates]
        return asdict(self) | {"rates": rates, "alerted": self.alerted}


@dataclass(frozen=True)
class _Question:
    kind: Kind
    name: str
    table: Table
    statistic: Statistic
    measure: str
    limit: float
    rates: tuple[Estimate, Estimate] | None = None


def drift(
    reference: Reference,
    served: Sample,
    *,
    scope: ExpectedScope | None = None,
    limits: DriftLimits | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Comparison]:
    """Returns every comparison of what is served with a reference.

    Args:
        reference: what the model was trained and tested on.
        served: what was served.
        scope: what is expected of the out-of-scope verdict; None where the model gives none.
        limits: what matters.
        draws: tables drawn by chance, of each comparison.
        seed: of what is drawn.
    """
    limits, one = limits or DriftLimits(), served.one_a_patient()
    questions = [
        *_features(reference, one, limits),
        *_findings(reference, served, one, limits),
        *_scope(scope, served, one, limits),
    ]
    asked = sum(not _why_not(question, limits) for question in questions) + (len(one.withheld) > 0)
    level = limits.level / max(1, asked)
    found = [
        _compared(question, limits, level=level, draws=draws, seed=seed + place)
        for place, question in enumerate(questions)
    ]
    return [*found, *([_withheld(served, one, limits, level)] if len(one.withheld) else [])]


def _features(reference: Reference, one: Sample, limits: DriftLimits) -> Iterator[_Question]:
    for name in (*NUMBERS, *NAMES):
        table = reference.feature(name, one.columns[name])
        yield _Question("feature", name, table, jensen_shannon, "Jensen-Shannon divergence", limits.features)


def _findings(reference: Reference, served: Sample, one: Sample, limits: DriftLimits) -> Iterator[_Question]:
    for finding in one.scores:
        table = reference.scores(finding, one.scores[finding])
        yield _Question("scores", finding, table, kolmogorov_smirnov, "Kolmogorov-Smirnov distance", limits.scores)
    for finding in one.flags:
        rates = reference.flag_rate(finding), rate(served.flags[finding], served.case_patients)
        table = reference.flags(finding, one.flags[finding])
        yield _Question("flags", finding, table, rate_difference, "difference of shares", limits.flags, rates)


def _scope(scope: ExpectedScope | None, served: Sample, one: Sample, limits: DriftLimits) -> Iterator[_Question]:
    if scope is None or not len(one.out_of_scope):
        return
    table = Table(("out", "in"), shared(scope.share, scope.patients), yes_and_no(one.out_of_scope))
    expected = estimate(
        scope.share, clopper_pearson(scope.share * scope.patients, scope.patients), patients=scope.patients
    )
    rates = expected, rate(served.out_of_scope, served.patients)
    yield _Question("out_of_scope", OUT_OF_SCOPE, table, rate_rise, "rise of the share", limits.out_of_scope, rates)


def _why_not(question: _Question, limits: DriftLimits) -> str:
    """Returns why nothing can be compared; empty where it can."""
    there, here = question.table.totals
    if not there:
        return "not known of the reference"
    if there < FEWEST:
        return f"known of {there} patients of the reference, {FEWEST} are needed"
    if here < limits.fewest_patients:
        return f"known of {here} patients here, {limits.fewest_patients} are needed"
    return "" if len(question.table.bins) > 1 else "one and the same value"


def _compared(question: _Question, limits: DriftLimits, *, level: float, draws: int, seed: int) -> Comparison:
    table, why_not = question.table, _why_not(question, limits)
    reference, served = table.shares
    plain = Comparison(
        question.kind,
        question.name,
        question.measure,
        table.totals,
        note=why_not,
        reference=reference,
        served=served,
        edges=table.edges,
        rates=question.rates,
    )
    if why_not:
        return plain
    chance = by_chance(table.first, table.second, question.statistic, draws=draws, seed=seed)
    return replace(
        plain,
        distance=chance.observed,
        chance=chance.mean,
        alert_above=max(chance.beyond(level), chance.mean + question.limit),
        p_value=min(1.0, chance.p_value * limits.level / level),
    )


def _withheld(served: Sample, one: Sample, limits: DriftLimits, level: float) -> Comparison:
    """Returns whether the model surely has no say on more patients than is allowed: a binomial test."""
    patients, said = len(one.withheld), int(one.withheld.sum())
    note = "" if patients >= limits.fewest_patients else f"{patients} patients, {limits.fewest_patients} are needed"
    here = rate(served.withheld.astype(np.float64), served.case_patients)
    tail = float(stats.binom.sf(said - 1, patients, limits.withheld))
    return Comparison(
        "withheld",
        WITHHELD,
        "share",
        (0, patients),
        distance=None if note else said / max(1, patients),
        chance=None if note else limits.withheld,
        # The largest share that a true one of the limit reaches too often to be sure.
        alert_above=None if note else float(stats.binom.isf(level, patients, limits.withheld)) / patients,
        p_value=None if note else min(1.0, tail * limits.level / level),
        note=note,
        served={"withheld": said / max(1, patients), "answered": 1 - said / max(1, patients)},
        rates=(Estimate(limits.withheld, note="allowed"), here),
    )
