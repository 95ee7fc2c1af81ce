"""`radflow compare`: two runs on the test images that both judged, with paired differences."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import ConfigurationError
from data_schemas.model_files import ASSETS, DESCRIPTION_FILE, TRAINING_PATIENTS_FILE

if TYPE_CHECKING:
    from data_schemas.description import ModelDescription
    from evaluation.paired import JudgedRun
    from pipeline.finished_run import FinishedRun

_SERVING = "Format-Serving"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Compare the models of two runs on the test images that both judged: each one's metrics, and the second less "
        "the first, paired by patient."
    )
    for name, which in (("run_a", "first"), ("run_b", "second")):
        parser.add_argument(name, metavar=name.upper(), help=f"the {which} run: its id, or `latest`")
    parser.add_argument(
        "--output", type=Path, default=Path("radflow-output"), metavar="DIR", help="the runs' output [%(default)s]"
    )
    parser.add_argument(
        "--output-b", type=Path, metavar="DIR", help="the second run's output, where it is another [that of --output]"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")


def run(arguments: argparse.Namespace) -> int:
    """Prints the comparison.

    Raises:
        ConfigurationError: there is no such run, or the two cannot be compared.
    """
    from evaluation.paired import compare
    from pipeline.finished_run import find_run
    from reports.comparison import RunComparison

    having = ("Evaluator", "evaluation")
    runs = [
        find_run(arguments.output, arguments.run_a, having=having),
        find_run(arguments.output_b or arguments.output, arguments.run_b, having=having),
    ]
    first, second = (judged_run(one) for one in runs)
    warnings = _warnings(*map(_pseudonym_key, runs), descriptions=(first.description, second.description))
    for warning in warnings:  # before what may end the comparison because of it
        print(f"radflow compare: {warning}", file=sys.stderr)
    compared = compare(first, second)
    report = RunComparison(
        title=second.description.task.title,
        task=second.description.task.name,
        runs=(runs[0].run_id, runs[1].run_id),
        compared=compared,
        warnings=warnings,
    )
    print(json.dumps(report.to_json()) if arguments.json else report.to_text())
    return 0


def judged_run(finished: FinishedRun) -> JudgedRun:
    """Returns a run's test images, and what its model says of itself.

    Raises:
        ConfigurationError: they are not there, or of another version of Radflow.
    """
    from pydantic import ValidationError

    from components.evaluator.results import read_cases
    from data_schemas.description import ModelDescription
    from evaluation.paired import JudgedRun

    evaluation, assets = finished.folder("Evaluator", "evaluation"), _assets(finished)
    try:
        description = ModelDescription.model_validate_json((assets / DESCRIPTION_FILE).read_text(encoding="utf-8"))
        return JudgedRun(read_cases(evaluation), description)
    except (OSError, ValidationError) as error:
        raise ConfigurationError(
            f"run {finished.run_id} left no cases and description that this version of Radflow reads "
            f"({type(error).__name__}): run it again"
        ) from error


def _assets(finished: FinishedRun) -> Path:
    return finished.folder("Trainer", "model") / _SERVING / ASSETS


def _pseudonym_key(finished: FinishedRun) -> str:
    """Returns the id of the key that a run's pseudonyms were made with."""
    text = (_assets(finished) / TRAINING_PATIENTS_FILE).read_text(encoding="utf-8")
    return str(json.loads(text)["pseudonym_key_id"])


def _warnings(first_key: str, second_key: str, *, descriptions: tuple[ModelDescription, ModelDescription]) -> list[str]:
    """Says what makes a comparison less sure than it looks."""
    found = []
    if first_key != second_key:
        found.append(
            "the runs' pseudonyms were made with different keys, so that images and patients of one are strangers to "
            "the other; use one output folder, or the same key"
        )
    declared = [one.deployment_prevalence for one in descriptions]
    if declared[0] != declared[1]:
        found.append(
            "the runs declare different prevalences, so that PPV, NPV and calibration of each hold elsewhere; compare "
            "AUROC, sensitivity and specificity"
        )
    return found
