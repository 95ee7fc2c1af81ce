"""Reads a task from YAML, and says of every problem which line it is on and how to mend it."""

from __future__ import annotations

import difflib
import importlib.resources
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel

from data_schemas.errors import TaskError
from data_schemas.gates import Gate
from data_schemas.image_settings import Image
from data_schemas.task import Model, Task, Waived
from data_schemas.task_problems import checked

_TASKS = importlib.resources.files("data_schemas") / "tasks"


def shipped_tasks() -> tuple[str, ...]:
    """Returns the names of the tasks that ship with Radflow, sorted."""
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in _TASKS.iterdir() if entry.name.endswith(".yaml")))


def shipped_task_text(name: str) -> str:
    """Returns the YAML of the task that ships under a name.

    Raises:
        TaskError: no such task ships.
    """
    if name not in shipped_tasks():
        raise TaskError(name, [f"no such task; shipped tasks: {', '.join(shipped_tasks())}"])
    return (_TASKS / f"{name}.yaml").read_text(encoding="utf-8")


def load_task(name_or_path: str) -> Task:
    """Returns the task that ships under a name, or that a YAML file describes.

    Args:
        name_or_path: a shipped task's name, or the path of a `.yaml` file.

    Raises:
        TaskError: there is no such task, or the file is wrong; every problem is listed with its line.
    """
    if not name_or_path.endswith((".yaml", ".yml")) and name_or_path in shipped_tasks():
        return parse_task(shipped_task_text(name_or_path), f"task {name_or_path}")
    path = Path(name_or_path)
    try:
        data = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise TaskError(f"task file {path.name}", [f"it cannot be read ({error.strerror})"]) from error
    if data is None:
        raise TaskError(name_or_path, [f"no such task or file; shipped tasks: {', '.join(shipped_tasks())}"])
    return parse_task(_decoded(data, f"task file {path.name}"), f"task file {path.name}")


def parse_task(text: str, what: str = "task") -> Task:
    """Returns the task that YAML text describes.

    Args:
        text: the YAML document.
        what: how messages name it.

    Raises:
        TaskError: every problem, each with its line and what would mend it.
    """
    node, value = _yaml(text, what)
    if not isinstance(node, yaml.MappingNode):
        raise TaskError(
            what, ["line 1: a task is a mapping of keys to values; see `radflow tasks --show synthetic_chest`"]
        )
    task, errors, clashes = checked(value)
    problems = [(line, f"{key!r} stands twice; keep one") for key, line in _repeated_keys(node)]
    problems += [_problem(node, details) for details in errors]
    problems += [_located(node, problem.path, problem.message) for problem in clashes]
    if task is None or problems:
        raise TaskError(what, [f"line {line}: {message}" for line, message in sorted(problems)])
    return task


def task_to_json(task: Task) -> str:
    """Returns the task as canonical JSON: equal tasks give equal text, whatever their YAML looked like."""
    return json.dumps(task.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def records_json(task: Task) -> str:
    """Returns the task as `task_to_json` does, with everything replaced that decides nothing about its records.

    DicomExampleGen is given this text, so that another input size, learning rate, gate or wording does not read and
    decode every image again.
    """
    graph_alone = {name: Image.model_fields[name].default for name in ("size", "normalization")}
    image = task.image.model_copy(update=graph_alone)
    waived = Waived(waived="-") if isinstance(task.consent, Waived) else task.consent
    return transform_json(task.model_copy(update={"image": image}), consent=waived)


def transform_json(task: Task, *, consent: Literal["required"] | Waived = "required") -> str:
    """Returns the task as `task_to_json` does, with all replaced that decides nothing about its graph.

    Args:
        task: the task.
        consent: what stands for its `consent`.
    """
    unit = ("unit", "study_score")  # of the score that images are put together to, after the graph
    defaults = ("data_policy", "decisions", "deployment_prevalence", "limitations", "training", "tuning", *unit)
    neutral = {name: Task.model_fields[name].get_default(call_default_factory=True) for name in defaults}
    texts = dict.fromkeys(("title", "intended_use", "population", "reference_standard"), "-")
    gate = Gate(name="-", metric="accuracy", finding=task.labels.findings[0], min=0.0)
    named = {"gates": (gate,), "model": Model(backbone="-", weights="none"), "consent": consent}
    return task_to_json(task.model_copy(update={**neutral, **texts, **named}))


def task_from_json(text: str) -> Task:
    """Returns the task that `task_to_json` wrote."""
    return Task.model_validate_json(text)


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TaskError(what, [f"line {line}: this is not UTF-8 text; save the file as UTF-8"]) from error


def _yaml(text: str, what: str) -> tuple[yaml.Node | None, Any]:
    """Returns the document's nodes, which know their lines, and its value."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = f"line {line}: this is not YAML: {error.problem}"
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"line {line}: this is not YAML: the character #x{ord(text[error.position]):04x}; remove it"
    except RecursionError:
        problem = "this is nested too deeply; a task has four levels at most"
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        # What PyYAML's constructors let through, e.g. the date 2024-13-45, or a word after !!int.
        problem = f"a value is not what its form or tag promises ({error}); quote it if it is text"
    raise TaskError(what, [problem])


def _problem(root: yaml.Node, details: Any) -> tuple[int, str]:
    location = [part for part in details["loc"] if not (isinstance(part, str) and part.startswith("function-"))]
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        message = _unknown_key(location)
    elif details["type"] == "missing":
        message = "this key is missing; add it"
    elif "input" in details and isinstance(details["input"], str | int | float):
        message = f"{message} (it is {details['input']!r})"
    return _located(root, location, message)


def _located(root: yaml.Node, location: Sequence[Any], message: str) -> tuple[int, str]:
    where = ".".join(str(part) for part in location) or "the task"
    return _line(root, location), f"{where}: {message}"


def _unknown_key(location: list[Any]) -> str:
    known = _keys_at(location[:-1])
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return "unknown key" + (f"; did you mean {close[0]!r}?" if close else f"; known here: {', '.join(known)}")


def _keys_at(location: list[Any]) -> list[str]:
    model: Any = Task
    for part in location:
        if isinstance(part, int):
            continue
        model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields)


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def _line(node: yaml.Node, location: Sequence[Any]) -> int:
    """Returns the 1-based line of the deepest node on the way to `location`."""
    line: int = node.start_mark.line + 1
    for part in location:
        step = _child(node, part)
        if step is None:
            break
        line, node = step
    return line


def _child(node: yaml.Node, part: Any) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line + 1, node.value[part]
    return None


def _repeated_keys(root: yaml.Node) -> Iterator[tuple[str, int]]:
    # Each node once: through aliases a node can stand in many places, and even in itself.
    todo, met = [root], {id(root)}
    while todo:
        node = todo.pop()
        children = []
        if isinstance(node, yaml.MappingNode):
            yield from _repeated_in(node)
            children = [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        fresh = [child for child in children if id(child) not in met]
        met.update(map(id, fresh))
        todo += reversed(fresh)


def _repeated_in(node: yaml.MappingNode) -> Iterator[tuple[str, int]]:
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            yield key.value, key.start_mark.line + 1
        seen.add(key.value)
