"""From an interval and a gate's bounds to a verdict in one sentence."""

from __future__ import annotations

import math
from dataclasses import replace

from data_schemas.gates import Gate
from evaluation.gate_results import GateResult, Kind
from evaluation.intervals import Estimate

TOLERANCE = 1e-9
"""A difference of two floats that are equal in decimal may miss a bound by less than this; it is met."""


def started(gate: Gate) -> GateResult:
    """Returns what is known of a gate before anything is measured."""
    kind: Kind = "max_drop" if gate.max_drop is not None else "max" if gate.min is None else "min"
    bound: float | tuple[float, float] | None = next(
        (value for value in (gate.max_drop, gate.min, gate.max) if value is not None), None
    )
    if gate.min is not None and gate.max is not None:
        kind, bound = "range", (gate.min, gate.max)
    return GateResult(
        name=gate.name,
        metric=gate.metric,
        finding=gate.finding,
        slice=dict(gate.slice),
        gap=gate.gap,
        kind=kind,
        bound=bound,
        undecided=gate.when_undecided,
    )


def concluded(
    start: GateResult,
    estimated: Estimate,
    said: str,
    *,
    shortfall: float,
    bounds: tuple[float | None, float | None],
    context: str = "",
) -> GateResult:
    """Returns that a gate is met or unmet.

    Args:
        start: what is known of the gate.
        estimated: a value with both limits.
        said: what was measured, in words.
        shortfall: how far the interval reaches beyond the bounds; 0 or less is met.
        bounds: lowest and highest; None where there is none.
        context: put behind the value.
    """
    lower, upper, value = estimated.lower or 0.0, estimated.upper or 0.0, estimated.value or 0.0
    lowest, highest = bounds
    ends = {"lower": (lower, lowest, "at least"), "upper": (upper, highest, "at most")}
    asked = [(name, end, bound, word) for name, (end, bound, word) in ends.items() if bound is not None]
    judged = (lower, upper) if len(asked) == 2 else asked[0][1]
    parts = [f"{name} 95 % limit {_number(end)}, {word} {_number(bound)} was asked" for name, end, bound, word in asked]
    reason = f"{said} is {_number(value)}{context}; its {' and its '.join(parts)}"
    met = shortfall <= TOLERANCE
    if met:
        return replace(start, judged=judged, verdict="met", passed=True, reason=reason)
    more = _more_patients(estimated, bounds)
    settle = (
        f"about {more} more patients in the test split would settle it, if the value stays"
        if more is not None
        else "more patients would not help, unless the value itself gets better"
    )
    reason = f"{reason}: missed by {_distance(shortfall)}; {settle}"
    return replace(start, judged=judged, verdict="unmet", passed=False, more_patients=more, reason=reason)


def _more_patients(estimated: Estimate, bounds: tuple[float | None, float | None]) -> int | None:
    """Returns how many more patients bring the interval inside the bounds: its width falls with their root."""
    value, patients = estimated.value, estimated.patients
    if value is None or estimated.lower is None or estimated.upper is None or not patients:
        return None
    needed = 0.0
    for end, bound, sign in ((estimated.lower, bounds[0], 1.0), (estimated.upper, bounds[1], -1.0)):
        if bound is None:
            continue
        room = sign * (value - bound)
        if room <= TOLERANCE:
            return None
        needed = max(needed, patients * (abs(value - end) / room) ** 2)
    return max(1, math.ceil(needed - patients))


def not_assessable(start: GateResult, gate: Gate, *, contradicted: bool) -> GateResult:
    """Returns that nothing is judged; but not where the data does have what it is said to lack."""
    if contradicted:
        reason = (
            "declared not assessable, but the data has the attribute: remove `not_assessable`, so that it is judged"
        )
        return replace(start, verdict="unmet", reason=reason)
    return replace(start, verdict="not_assessable", passed=True, reason=gate.not_assessable or "")


def undecided(start: GateResult, reason: str) -> GateResult:
    """Returns that too little is known; the gate itself says whether that refuses."""
    return replace(start, verdict="undecided", passed=start.undecided == "report", reason=reason)


def _number(value: float) -> str:
    return f"{value:.3f}"


def _distance(shortfall: float) -> str:
    return f"{shortfall:.3f}" if shortfall >= 0.0005 else f"{shortfall:.1e}"
