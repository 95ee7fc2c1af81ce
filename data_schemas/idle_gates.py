"""Gates of a task file that could refuse no model, or about which nothing can be known: they look like safety."""

from __future__ import annotations

from collections.abc import Iterator

from data_schemas import features
from data_schemas.age_groups import age_group_names
from data_schemas.gates import Gate
from data_schemas.strict import Problem
from data_schemas.task import Task

_SEXES = ("F", "M", "O")


def idle_gates(task: Task) -> list[Problem]:
    """Returns what makes gates mean nothing, by paths that start at the task."""
    found: list[Problem] = []
    for index, gate in enumerate(task.gates):
        own = [*_asks_for_nothing(gate), *_excused_without_reason(gate)]
        found += [problem.beneath("gates", index) for problem in own]
        found += _of_nobody(task, index, gate)
    return found


def _asks_for_nothing(gate: Gate) -> Iterator[Problem]:
    """Says which bound every model is within: all bounds of a gate have to be so, one may be there to be seen."""
    lowest, highest = (0.0, 1.0) if gate.gap is not None else gate.range
    if gate.gap is not None and gate.metric == "calibration_in_the_large":
        highest = 2.0
    span = None if highest is None else highest - lowest
    idle = {
        "min": gate.min is not None and gate.min == lowest,
        "max": gate.max is not None and gate.max == highest,
        "max_drop": gate.max_drop is not None and span is not None and gate.max_drop >= span,
    }
    given = [name for name in idle if getattr(gate, name) is not None]
    if not given or not all(idle[name] for name in given):
        return
    said = " and ".join(f"{name} {getattr(gate, name):g}" for name in given)
    what = f"gap in {gate.metric}" if gate.gap is not None else f"{gate.metric}"
    limits = f"{lowest:g} and above" if highest is None else f"{lowest:g}..{highest:g}"
    verb = "refuses" if len(given) == 1 else "refuse"
    message = f"gate {gate.name!r}: {said} {verb} no model: {what} lies in {limits}; ask for more, or remove the gate"
    yield Problem((given[0],), message, (("metric",), ("gap",), *((name,) for name in idle)))


def _excused_without_reason(gate: Gate) -> Iterator[Problem]:
    if gate.not_assessable is not None and gate.gap is None and not gate.slice:
        message = (
            f"gate {gate.name!r}: not_assessable is for a `gap` or `slice` whose attribute the data lacks; the whole "
            "test split can be judged: remove it"
        )
        yield Problem(("not_assessable",), message, (("gap",), ("slice",)))


def _of_nobody(task: Task, index: int, gate: Gate) -> Iterator[Problem]:
    """Says which group no image can be in."""
    place, about = ("gates", index), (("age_groups",), ("modalities",), ("views",))
    for feature, wanted in gate.slice.items():
        known = _values(task, feature)
        if known and wanted not in (*known, features.UNKNOWN):
            message = (
                f"gate {gate.name!r}: no image has {feature} {wanted!r}; it is one of "
                f"{', '.join((*known, features.UNKNOWN))}"
            )
            yield Problem((*place, "slice", feature), message, about)
        if feature == features.MANUFACTURER and wanted not in (wanted.upper(), features.UNKNOWN):
            message = f"gate {gate.name!r}: manufacturers are kept in upper case; write {wanted.upper()!r}"
            yield Problem((*place, "slice", feature), message)
    if gate.gap is not None and len(_values(task, gate.gap)) == 1:
        only = _values(task, gate.gap)[0]
        message = f"gate {gate.name!r}: the task has no {gate.gap} but {only!r}, so there is no gap; remove the gate"
        yield Problem((*place, "gap"), message, about)


def _values(task: Task, feature: str) -> tuple[str, ...]:
    """Returns the values that a feature may have, besides `unknown`; none where it may have any."""
    return {
        features.SEX: _SEXES,
        features.AGE_GROUP: age_group_names(task.age_groups),
        features.MODALITY: task.modalities,
        features.VIEW: task.views,
    }.get(feature, ())
