"""`radflow tasks`: lists the shipped tasks, shows one as a start for a new one, or checks a task's file."""

from __future__ import annotations

import argparse

from data_schemas.task_file import load_task, shipped_task_text, shipped_tasks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--show", metavar="NAME", help="print a shipped task's YAML: copy it to start a new task")
    choice.add_argument("--check", metavar="FILE", help="check a task's YAML and list every problem with its line")


def run(arguments: argparse.Namespace) -> int:
    """Prints what was asked for.

    Raises:
        TaskError: there is no such task, or the file is wrong.
    """
    if arguments.show is not None:
        print(shipped_task_text(arguments.show), end="")
    elif arguments.check is not None:
        print(_checked(arguments.check))
    else:
        print(_listed())
    return 0


def _listed() -> str:
    names = shipped_tasks()
    width = max(map(len, names))
    return "\n".join(f"{name:<{width}}  {load_task(name).title}" for name in names)


def _checked(path: str) -> str:
    from models.backbones import backbone_row

    task = load_task(path)
    backbone_row(task.model, size=task.image.size)
    kind = task.labels.type.replace("_", "-")
    return f"{task.name}: a valid {kind} task with labels {', '.join(task.labels.names)}, and {len(task.gates)} gates"
