"""Finds everything that is wrong with a task at once: values that are not what they should be, and what clashes.

What does not go together can only be told of values that are sound. So the unsound ones are put aside, harmless ones in
their place, and nothing is said that would rest on those.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

from pydantic import ValidationError

from data_schemas.idle_gates import idle_gates
from data_schemas.strict import APART, ClashError, Path, Problem
from data_schemas.task import Task

_HARMLESS: dict[str, Any] = {
    "name": "task",
    "title": "-",
    "intended_use": "-",
    "population": "-",
    "reference_standard": "-",
    "consent": "required",
    "modalities": ["CR"],
    "labels": {"type": "multi_class", "names": ["a", "b"]},
    "gates": [{"name": "-", "metric": "auroc", "min": 0.5}],
}
"""A sound value of every key that a task must have."""
_HARMLESS_GATE = {"name": "-", "metric": "auroc"}
_ROUNDS = 4
"""How often values are put aside: what one hides can be unsound too."""


def checked(value: Any) -> tuple[Task | None, list[Any], list[Problem]]:
    """Returns the task, or what is wrong with it.

    Args:
        value: what YAML said.

    Returns:
        the task, or None where it is none; pydantic's errors; and what does not go together.
    """
    try:
        task = Task.model_validate(value)
    except ValidationError as error:
        errors = _real(error.errors())
        return None, [one for one in errors if not _is_clash(one)], _clashes(value, errors)
    return task, [], idle_gates(task)


def _real(errors: Sequence[Any]) -> list[Any]:
    """Leaves out that a list is too short where it is so because its members are unsound."""
    places = [one["loc"] for one in errors]
    return [
        one
        for one in errors
        if one["type"] != "too_short"
        or not any(place[:-1][: len(one["loc"])] == one["loc"] for place in places if place)
    ]


def _is_clash(details: Any) -> bool:
    return isinstance(details.get("ctx", {}).get("error"), ClashError)


def _clashes(value: Any, errors: Sequence[Any]) -> list[Problem]:
    """Returns what does not go together, also beside values that are unsound."""
    task, aside = _sound_part(value, [one for one in errors if not _is_clash(one)])
    if task is None:
        return [problem for one in errors if _is_clash(one) for problem in _beneath(one)]
    found = [problem.beneath("gates", index) for index, gate in enumerate(task.gates) for problem in gate.problems()]
    found += [*task.problems(), *idle_gates(task)]
    return [problem for problem in found if not _rests_on(problem, aside)]


def _beneath(details: Any) -> list[Problem]:
    return [problem.beneath(*details["loc"]) for problem in details["ctx"]["error"].found]


def _sound_part(value: Any, errors: Sequence[Any]) -> tuple[Task | None, set[Path]]:
    """Returns the task with harmless values in the place of unsound ones, and the paths of those."""
    sound, aside = copy.deepcopy(value), set[Path]()
    for deep in range(_ROUNDS):
        for one in errors:
            aside.add(_put_aside(sound, tuple(one["loc"]), whole=deep > 0))
        try:
            return Task.model_validate(sound, context=APART), aside
        except ValidationError as error:
            errors = _real(error.errors())
    return None, aside


def _put_aside(value: dict[Any, Any], path: Path, *, whole: bool) -> Path:
    """Replaces what a path leads to; returns the path of what was replaced.

    Args:
        value: changed.
        path: of an error.
        whole: replace the task's key, where leaving out one beneath it did not help.
    """
    top = path[0]
    if top == "gates" and len(path) > 1 and isinstance(value["gates"], list) and isinstance(path[1], int):
        return _put_gate_aside(value["gates"], path, whole=whole)
    if not whole and len(path) > 1 and _leave_out(value, path):
        return path
    if top in _HARMLESS:
        value[top] = copy.deepcopy(_HARMLESS[str(top)])
    else:
        value.pop(top, None)
    return (top,)


def _put_gate_aside(gates: list[Any], path: Path, *, whole: bool) -> Path:
    index = int(path[1])
    if whole or len(path) == 2 or not isinstance(gates[index], dict):
        gates[index] = copy.deepcopy(_HARMLESS["gates"][0])
        return path[:2]
    key = str(path[2])
    gates[index].pop(path[2], None)
    if key in _HARMLESS_GATE:
        gates[index][key] = _HARMLESS_GATE[key]
    return path[:3]


def _leave_out(value: Any, path: Path) -> bool:
    """Removes the last key of a path; False where it is in no mapping, or absent."""
    for part in path[:-1]:
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, dict) or path[-1] not in value:
        return False
    del value[path[-1]]
    return True


def _rests_on(problem: Problem, aside: Collection[Path]) -> bool:
    """Whether a problem is about something that was put aside."""
    paths = (problem.path, *problem.about)
    return any(path[: len(one)] == one[: len(path)] for path in paths for one in aside)
