"""Finds a run of an output folder, the latest or one by its id, and what it left."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_schemas.errors import ConfigurationError
from pipeline.lineage import RunOutputs, run_ids
from pipeline.metadata_database import output_database
from pipeline.run_state import run_state

LATEST = "latest"
OUTPUT_VARIABLE = "RADFLOW_OUTPUT"
DEMO_OUTPUT = "radflow-output"
"""Where `radflow demo` writes unless it is told otherwise."""

_REPORTS = "reports"


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended, in a push, in a refusal, or in a stop.

    Attributes:
        output: the folder that received everything.
        run_id: its name, e.g. `2026-11-24T15-48-38`.
        outputs: what its nodes left.
    """

    output: Path
    run_id: str
    outputs: RunOutputs

    def folder(self, node: str, output: str) -> Path:
        """Returns the folder of a node's output.

        Raises:
            ConfigurationError: the run did not get so far, or the folder was removed since.
        """
        found = self.outputs.get(node, output)
        if found is None:
            raise ConfigurationError(f"run {self.run_id} has no {output} of {node}: it stopped before; see its log")
        if not found.uri.is_dir():
            raise ConfigurationError(f"run {self.run_id}: {output} of {node} was removed from {self.output}; run again")
        return found.uri

    @property
    def report_folder(self) -> Path:
        """The folder of this run's reports that a stop leaves too."""
        return self.output / _REPORTS / self.run_id


def output_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Returns the folder that RADFLOW_OUTPUT names, else the demo's, here or one folder above."""
    if environment.get(OUTPUT_VARIABLE):
        return Path(environment[OUTPUT_VARIABLE])
    here = Path.cwd() / DEMO_OUTPUT
    return here if here.is_dir() else Path.cwd().parent / DEMO_OUTPUT


def find_run(output: Path, run: str = LATEST, *, having: tuple[str, str] | None = None) -> FinishedRun:
    """Returns a run.

    Args:
        output: the folder that was given to `radflow run --output`.
        run: its id, or `latest`.
        having: node and output that the run must have; the latest that has it is taken.

    Raises:
        ConfigurationError: there is no such run.
    """
    output = output.absolute()
    ids = run_ids(output_database(output))
    if not ids:
        raise ConfigurationError(
            f"there is no run in {output} yet: `make demo` or `radflow run --output DIR` makes one; "
            f"{OUTPUT_VARIABLE} or --output names another folder"
        )
    if run != LATEST and run not in ids:
        raise ConfigurationError(f"there is no run {run!r} in {output}; runs: {', '.join(ids)}")
    wanted = reversed(ids) if run == LATEST else [run]
    for run_id in wanted:
        outputs = RunOutputs(output_database(output), run_id)
        if having is None or outputs.get(*having) is not None:
            return FinishedRun(output, run_id, outputs)
    node, name = having or ("", "")
    newest = run_state(output, ids[-1] if run == LATEST else run)
    if newest.going_on:
        raise ConfigurationError(f"{newest.text()}, and there is no {name} of {node} before its end: wait for it")
    who = "no run" if run == LATEST else f"run {run} does not"
    verb = "has" if run == LATEST else "have"
    raise ConfigurationError(f"{who} {verb} the {name} of {node}: it stopped before; the logs are in {output / 'logs'}")
