"""The part of a task that says how scores become decisions: operating points, label sets, and whom the model is for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from data_schemas.strict import Positive, Share, Strict

_Inside = Annotated[float, Field(gt=0.0, lt=1.0)]
_Years = Annotated[float, Field(ge=0, le=130)]


class OperatingPoint(Strict):
    """How the score is chosen at or above which a finding is flagged; on the calibration split.

    Attributes:
        rule: `youden`, the largest sensitivity + specificity; `specificity` and `sensitivity`, the best of the other
            with this one at `value` or above; `cost`, the smallest expected cost.
        value: of `specificity` and `sensitivity`.
        false_negative_cost, false_positive_cost: of `cost`, in any unit.
        prevalence: of `cost`; that of the calibration split unless given.
    """

    rule: Literal["youden", "specificity", "sensitivity", "cost"] = "youden"
    value: _Inside = 0.9
    false_negative_cost: Positive = 1.0
    false_positive_cost: Positive = 1.0
    prevalence: _Inside | None = None

    @model_validator(mode="after")
    def _keys_belong_to_the_rule(self) -> OperatingPoint:
        given = self.model_fields_set - {"rule"}
        needed = {"specificity": {"value"}, "sensitivity": {"value"}}.get(self.rule, set())
        costs = {"false_negative_cost", "false_positive_cost", "prevalence"} if self.rule == "cost" else set()
        if needed - given:
            raise ValueError(f"rule: {self.rule} needs `value`, e.g. {{rule: {self.rule}, value: 0.9}}")
        # A value that equals its default says nothing: a dumped task has them all.
        stray = {
            name for name in given - needed - costs if getattr(self, name) != type(self).model_fields[name].default
        }
        if stray:
            raise ValueError(f"{', '.join(sorted(stray))} means nothing with rule: {self.rule}; remove it")
        return self


class Decisions(Strict):
    """How scores become decisions.

    Attributes:
        operating_point: of every finding that `findings` does not name.
        findings: operating points of single findings.
        coverage: chance with which the set of labels holds the true one.
        in_scope_share: share of images like those of the calibration split that count as in scope by their looks.
        age_range: youngest and oldest age the model is for, in completed years, both inclusive.
    """

    operating_point: OperatingPoint = OperatingPoint()
    findings: dict[str, OperatingPoint] = Field(default_factory=dict)
    coverage: _Inside = 0.9
    in_scope_share: Annotated[Share, Field(gt=0.5, lt=1)] = 0.98
    age_range: tuple[_Years, _Years] | None = None

    @model_validator(mode="after")
    def _ages_rise(self) -> Decisions:
        if self.age_range and self.age_range[0] > self.age_range[1]:
            raise ValueError("age_range is the youngest and the oldest age in years, e.g. [1, 5]")
        return self

    def point_of(self, finding: str) -> OperatingPoint:
        """Returns the operating point's rule of a finding."""
        return self.findings.get(finding, self.operating_point)
