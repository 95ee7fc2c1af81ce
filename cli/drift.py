"""`radflow drift`: whether what a gateway served is still like what the model was trained and tested on."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.gateway_storage import add_place_arguments, open_existing, problems_as_errors, storage_place
from cli.time_span import add_span_arguments, check_span, moment
from data_schemas.errors import ConfigurationError, DriftAlert

if TYPE_CHECKING:
    from datetime import datetime

    from data_schemas.description import ModelDescription
    from data_schemas.drift_limits import DriftLimits
    from evaluation.drift import ExpectedScope
    from evaluation.drift_reference import Reference
    from evaluation.served_sample import Served
    from reports.drift import DriftReport, Published
    from serving.gateway.storage.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Compare what a gateway was asked and answered with the training images and test scores that the asked version "
        "carries: header and quality features, scores, flags, what was out of scope and what was withheld. "
        "Exit code 6 where it differs by more than chance and the task's `drift` limits allow."
    )
    add_place_arguments(parser)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="the output folder of the runs [RADFLOW_OUTPUT, or radflow-output]"
    )
    parser.add_argument(
        "--task",
        metavar="TASK",
        help="the model, where OUTPUT/serving has several; or a task's YAML file, whose `drift` limits then count and "
        "not those that the model was trained with",
    )
    parser.add_argument(
        "--version", type=int, metavar="N", help="the version whose answers are looked at [the one asked last]"
    )
    add_span_arguments(parser, what="what was asked")
    parser.add_argument(
        "--against",
        nargs=2,
        type=moment,
        metavar=("FROM", "TO"),
        help="compare with what the same version was asked and answered in that time, and not with its training images "
        "and test scores; --since then is TO unless it is given",
    )
    parser.add_argument("--report", type=Path, metavar="HTML", help="also write a page, with a plot of each comparison")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(arguments: argparse.Namespace) -> int:
    """Prints how what was served compares.

    Raises:
        ConfigurationError: there is no such model, version or gateway.
        DriftAlert: it differs by more than was allowed.
    """
    if arguments.report is not None and not arguments.report.absolute().parent.is_dir():
        raise ConfigurationError(f"--report {arguments.report}: there is no folder {arguments.report.parent}; make it")
    check_span(arguments)
    _check_span(arguments)
    model = _model(arguments)
    with problems_as_errors():
        store = open_existing(storage_place(arguments))
        try:
            report = _report(store, model, arguments)
        finally:
            store.close()
    if arguments.report is not None:
        from reports.drift_page import drift_page

        arguments.report.write_text(drift_page(report), encoding="utf-8")
        print(f"the report is {arguments.report}", file=sys.stderr)
    print(json.dumps(report.to_json()) if arguments.json else report.to_text(), flush=True)
    if report.alerts:
        raise DriftAlert(report.headline)
    return 0


@dataclass(frozen=True)
class _Model:
    """A served model: its name, its versions' folders, and the limits that a task's file gives, if one was named."""

    name: str
    versions: dict[int, Path]
    limits: DriftLimits | None


def _model(arguments: argparse.Namespace) -> _Model:
    """Returns the model that the arguments mean.

    Raises:
        ConfigurationError: there is none, or there are several.
        TaskError: the task's file is none.
    """
    from data_schemas.models_config import model_folders
    from data_schemas.served_folder import versions
    from data_schemas.task_file import load_task

    root = (arguments.output or Path(os.environ.get("RADFLOW_OUTPUT") or "radflow-output")).absolute() / "serving"
    found = {folder.name: folder for folder in model_folders(root) if versions(folder)}
    if not found:
        raise ConfigurationError(f"no model in {root}: give --output DIR of a run that pushed one")
    name, limits = arguments.task, None
    if name is None and len(found) > 1:
        raise ConfigurationError(f"{root} has several models: say which, with --task {' or --task '.join(found)}")
    if name is not None and name not in found:
        task = load_task(name)
        name, limits = task.name, task.drift
    name = name or next(iter(found))
    if name not in found:
        raise ConfigurationError(f"no model {name!r} in {root}; there is {', '.join(found)}")
    return _Model(name, versions(found[name]), limits)


def _check_span(arguments: argparse.Namespace) -> None:
    """Lets what is looked at begin where what it is held against ends.

    Raises:
        ConfigurationError: the two overlap, so that images would be held against themselves.
    """
    if arguments.against is None:
        return
    first, last = arguments.against
    if arguments.since is None and (arguments.until is None or arguments.until > first):
        arguments.since = last
    apart = (arguments.since or last) >= last or (arguments.until or last) <= first
    if first >= last or not apart:
        raise ConfigurationError(
            "--against FROM TO: give FROM before TO, and no time that --since and --until hold too"
        )


def _report(store: Store, model: _Model, arguments: argparse.Namespace) -> DriftReport:
    """Returns every comparison of one version's records with what the version carries, or with earlier ones."""
    from data_schemas.description import read_description
    from evaluation.drift import drift
    from evaluation.served_sample import served_sample
    from reports.drift import DriftReport

    asked = store.asked_versions(model.name, since=arguments.since, until=arguments.until)
    number = _version(model, arguments.version, list(asked))
    description = read_description(model.versions[number])
    points = {name: description.operating_points[name] for name in description.task.labels.findings}

    def sample(since: datetime | None, until: datetime | None) -> Served:
        return served_sample(store.served_records(model.name, version=number, since=since, until=until), points)

    if arguments.against is None:
        held = _published(model.versions[number], description)
    else:
        held = _earlier(sample(*arguments.against))
    served, limits = sample(arguments.since, arguments.until), model.limits or description.task.drift
    return DriftReport(
        description=description,
        version=number,
        limits=limits,
        served=served,
        against=held.against,
        comparisons=drift(held.reference, served.sample, scope=held.scope, limits=limits),
        since=arguments.since,
        until=arguments.until,
        others={version: one.records for version, one in asked.items() if version != number},
    )


@dataclass(frozen=True)
class _Held:
    """What is held against, and what is said of it."""

    reference: Reference
    scope: ExpectedScope | None
    against: Published | Served


def _published(folder: Path, description: ModelDescription) -> _Held:
    """Returns the training images and test scores that a version carries."""
    from data_schemas.served_evaluation import read_served_evaluation
    from data_schemas.training_data import read_served_training_data
    from evaluation.drift import ExpectedScope
    from evaluation.drift_reference import PublishedReference
    from reports.drift import Published

    training, evaluation, scope = read_served_training_data(folder), read_served_evaluation(folder), description.scope
    tested = {} if evaluation is None else evaluation.scores
    expected = None
    if scope is not None and scope.threshold is not None:
        expected = ExpectedScope(1 - scope.in_scope_share, scope.patients)
    patients = max((one.patients for one in tested.values()), default=None)
    said = Published(training=None if training is None else training.patients, tested=patients)
    return _Held(PublishedReference(training, tested), expected, said)


def _earlier(before: Served) -> _Held:
    """Returns what was served in an earlier time."""
    from evaluation.drift import ExpectedScope
    from evaluation.drift_reference import KnownReference
    from evaluation.drift_sample import rate

    expected, sample = None, before.sample
    if len(sample.out_of_scope):
        found = rate(sample.out_of_scope, sample.patients)
        expected = ExpectedScope(found.value or 0.0, found.patients or 0)
    return _Held(KnownReference(sample, sample), expected, before)


def _version(model: _Model, wanted: int | None, asked: list[int]) -> int:
    """Returns the version whose answers are looked at: the one that was named, else asked last, else the newest.

    Raises:
        ConfigurationError: its folder is not there, so that nobody knows what it was trained on.
    """
    number = wanted if wanted is not None else asked[0] if asked else max(model.versions)
    if number not in model.versions:
        known = ", ".join(str(one) for one in sorted(model.versions))
        who = "was asked last, and " if wanted is None else ""
        raise ConfigurationError(
            f"version {number} of {model.name} {who}is not in OUTPUT/serving/{model.name}, which has {known}: give "
            "--output DIR of the run that pushed it, or --version of one that is there"
        )
    return number
