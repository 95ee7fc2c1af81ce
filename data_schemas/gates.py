"""What a task demands of a model before it may be pushed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, model_validator

from data_schemas.metrics import METRICS, NEITHER_IS_BETTER, RANGES
from data_schemas.strict import Problem, Share, Strict, Text, refuse

GAP_METRICS = ("sensitivity", "specificity", "auroc", "calibration_in_the_large", "underdiagnosis_rate")
"""Metrics whose largest difference between groups a gate may bound."""
MIN_PATIENTS = 30
"""Fewer patients with, or without, a finding leave a gate undecided, unless it says otherwise."""

Undecided = Literal["refuse", "report"]
_NAMES = (*METRICS, *(name for name in GAP_METRICS if name not in METRICS))


class Gate(Strict):
    """One condition for a push, on the test split: `min`, `max`, both, or `max_drop`.

    What is held against a bound is the unfavourable end of the 95 % interval: a model passes when it is good enough
    whatever the chance that drew these patients. Each gate must be met, so no gate needs a correction for the others.

    Attributes:
        name: what reports and messages call it.
        metric: one of `METRICS`; with `gap`, one of `GAP_METRICS`.
        finding: the finding it is about; without it, all findings' macro average, or the whole task's `accuracy` and
            `balanced_accuracy`; with `gap`, every finding must meet it.
        slice: values of slice features that narrow it to a group, e.g. `{sex: F}`; empty is overall.
        gap: a slice feature; what is judged is then the largest difference between its groups, which needs a `max`.
        min, max: bounds that the interval must lie within, both inclusive.
        max_drop: how far the value may be worse than the champion's, by the end of the paired difference's interval.
        min_patients: with fewer patients that have the finding, or that have not, the gate is undecided.
        undecided: what an undecided gate does: `refuse` the push, or only `report`. A fairness gate (`gap`) must say.
        not_assessable: why the data cannot answer, e.g. because it has no sex; then nothing is judged, and report and
            page say so first.
    """

    name: Text
    metric: Literal[_NAMES]  # type: ignore[valid-type]  # a literal's values may come from a tuple at run time
    finding: str | None = None
    slice: dict[str, str] = Field(default_factory=dict)
    gap: str | None = None
    min: float | None = None
    max: float | None = None
    max_drop: Share | None = None
    min_patients: Annotated[int, Field(ge=2)] = MIN_PATIENTS
    undecided: Undecided | None = None
    not_assessable: Text | None = None

    @model_validator(mode="after")
    def _makes_sense(self, info: ValidationInfo) -> Gate:
        refuse(self.problems(), info)
        return self

    def problems(self) -> list[Problem]:
        """Returns what does not go together, by paths that start at the gate."""
        return [*self._bound_problems(), *self._range_problems(), *self._gap_problems()]

    def _bound_problems(self) -> Iterator[Problem]:
        given = [name for name in ("min", "max", "max_drop") if getattr(self, name) is not None]
        if not given or ("max_drop" in given and len(given) > 1):
            said = f"has {' and '.join(given) or 'no bound'}; give min, max, both, or max_drop alone"
            yield self._problem("max_drop" if given else "name", said, "min", "max")
        if self.max_drop is not None and self.slice:
            yield self._problem("slice", "max_drop is overall; remove `slice`", "max_drop")
        if self.max_drop is not None and self.metric in NEITHER_IS_BETTER:
            said = f"neither more nor less of {self.metric} is better, so it has no drop; use min and max"
            yield self._problem("max_drop", said, "metric")
        if self.min is not None and self.max is not None and self.min >= self.max:
            yield self._problem("min", f"min {self.min:g} is not below max {self.max:g}", "max")

    def _range_problems(self) -> Iterator[Problem]:
        lowest, highest = self.range
        for bound in ("min", "max"):
            value = getattr(self, bound)
            if value is not None and (value < lowest or (highest is not None and value > highest)):
                span = f"{lowest:g}..{highest:g}" if highest is not None else f"{lowest:g} and above"
                yield self._problem(bound, f"{bound} is {value:g}; {self.metric} lies in {span}", "metric")

    def _gap_problems(self) -> Iterator[Problem]:
        if self.gap is None:
            if self.metric not in METRICS:
                said = f"{self.metric} is judged between groups: add `gap: ATTRIBUTE`, e.g. gap: sex"
                yield self._problem("metric", said, "gap")
            return
        if self.metric not in GAP_METRICS:
            said = f"gap of {self.metric} is not judged; use one of {', '.join(GAP_METRICS)}"
            yield self._problem("metric", said)
        if self.max is None or self.min is not None or self.max_drop is not None or self.slice:
            said = "a gap has a `max`, and neither `min` nor `max_drop` nor `slice`"
            yield self._problem("gap", said, "min", "max", "max_drop", "slice")
        if self.metric == "underdiagnosis_rate" and self.finding is not None:
            yield self._problem("finding", "underdiagnosis_rate is of the whole task; remove `finding`", "metric")
        if self.undecided is None and self.not_assessable is None:
            said = (
                "a fairness gate must say what happens while a group has too few patients: `undecided: refuse` or "
                "`undecided: report`; where the data lacks the attribute, `not_assessable: REASON`"
            )
            yield self._problem("gap", said, "undecided", "not_assessable")

    def _problem(self, key: str, what: str, *about: str) -> Problem:
        return Problem((key,), f"gate {self.name!r}: {what}", tuple((name,) for name in ("name", *about)))

    @property
    def range(self) -> tuple[float, float | None]:
        """Lowest and highest value of what is judged; None where there is no highest."""
        return RANGES.get(self.metric, (-1.0, 1.0))

    @property
    def when_undecided(self) -> Undecided:
        """What an undecided gate does; a gate that says nothing refuses."""
        return self.undecided or "refuse"
