"""`radflow runs`: every run of an output, what became of it, and which of their models are served and approved."""

from __future__ import annotations

import argparse
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.run_history import PastRun

_STATUS = {
    "pushed": "pushed",
    "already_served": "served already",
    "gate_refused": "refused by a gate",
    "canary_refused": "refused by the canary",
    "data_refused": "data refused",
    "failed": "failed",
    "cut_off": "cut off",
    "going_on": "going on",
}
_MOST_FINDINGS = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "List the runs of an output, oldest first: what became of each, how good its model was on the test split, and "
        "which version it is served as. `radflow lineage VERSION` says where a version comes from."
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="the output folder of the runs [RADFLOW_OUTPUT, or radflow-output]"
    )
    parser.add_argument("--task", metavar="NAME", help="only runs of this task")
    parser.add_argument("--last", type=_count, metavar="N", help="only the N newest")
    parser.add_argument("--json", action="store_true", help="print a JSON object a run")


def run(arguments: argparse.Namespace) -> int:
    """Prints the runs.

    Raises:
        ConfigurationError: there is none, or the metadata store cannot be used.
        RadflowError: the object store that has a run's evaluation cannot be read.
    """
    found = _runs(arguments)
    if arguments.json:
        for one in found:
            print(json.dumps(one.to_json()))
    else:
        print(runs_table(found, now=datetime.now(timezone.utc)))
    return 0


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def _runs(arguments: argparse.Namespace) -> list[PastRun]:
    from cli.output_folder import named_output, require_runs
    from pipeline.metadata_database import output_database
    from pipeline.metadata_graph import read_graph
    from pipeline.run_history import past_runs
    from pipeline.run_state import going_on

    output = named_output(arguments.output)
    graph = read_graph(output_database(output))
    require_runs(output, graph)
    found = past_runs(output, graph, going_on=going_on(output))
    wanted = [one for one in found if arguments.task in (None, one.task)]
    return wanted[-arguments.last :] if arguments.last else wanted


def runs_table(runs: list[PastRun], *, now: datetime) -> str:
    """Returns the runs for people.

    Args:
        runs: oldest first.
        now: until when a run has taken that still goes on.
    """
    from cli.run_text import table

    if not runs:
        return "No such run."
    rows = [(one.run, one.task or "-", _took(one, now), _status(one), _aurocs(one), _version(one)) for one in runs]
    return table([("Run", "Task", "Took", "Status", "AUROC", "Version"), *rows])


def _took(run: PastRun, now: datetime) -> str:
    minutes, seconds = divmod(round(((run.ended or now) - run.started).total_seconds()), 60)
    return f"{minutes} min {seconds:02d} s"


def _status(run: PastRun) -> str:
    words = _STATUS[run.status]
    if not run.step or run.status == "data_refused":
        return words
    return f"{words}, then stopped at {run.step}" if run.version is not None else f"{words} at {run.step}"


def _aurocs(run: PastRun) -> str:
    """Returns the AUROC of each finding; of many, the lowest and the highest."""
    values = {name: _value(metrics["auroc"]) for name, metrics in run.findings.items()}
    known = {name: value for name, value in values.items() if value is not None}
    if not known:
        return "-"
    if len(known) > _MOST_FINDINGS:
        return f"{min(known.values()):.3f} to {max(known.values()):.3f} of {len(known)} findings"
    return ", ".join(f"{name} {value:.3f}" for name, value in known.items())


def _value(estimate: dict[str, Any] | None) -> float | None:
    value: float | None = None if estimate is None else estimate["value"]
    return value


def _version(run: PastRun) -> str:
    if run.version is None:
        return "-"
    more = [*run.labels, *(["removed"] if run.removed else [])]
    return f"{run.version} ({', '.join(more)})" if more else str(run.version)
