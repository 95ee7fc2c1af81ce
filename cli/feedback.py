"""`radflow feedback export`: the cases that readers reviewed, as a manifest and images to train or judge on."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.gateway_storage import add_place_arguments, open_existing, problems_as_errors, storage_place
from cli.time_span import add_span_arguments, check_span
from data_schemas.errors import ConfigurationError, DataRefused

if TYPE_CHECKING:
    from data_schemas.task import Task
    from serving.gateway.feedback_manifest import Exported, Labelled
    from serving.gateway.storage.reviewed import ReviewedCase, ReviewedImage
    from serving.gateway.storage.store import Store

_KINDS = ("opinion", "agree", "disagree", "correct")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = "Take back what readers said of the cases that a model was asked about."
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, help="what to do")
    export = actions.add_parser(
        "export",
        help="write reviewed cases as a manifest and images, which `radflow run` and `radflow evaluate` take",
        description="Write reviewed cases as manifest.csv and images/, which `radflow run` and `radflow evaluate` "
        "take, with a README.txt that says what they are good for.",
    )
    export.add_argument("--to", type=Path, required=True, metavar="DIR", help="is made; a new folder")
    export.add_argument(
        "--task",
        required=True,
        metavar="TASK",
        help="whose labels they are: a task's name or YAML file, as for `radflow run`; its model's cases are taken",
    )
    add_place_arguments(export)
    export.add_argument("--images", metavar="URL", help="with --database: the gateway's image store")
    add_span_arguments(export, what="reviews")
    export.add_argument(
        "--labels",
        choices=("final", "blind"),
        default="final",
        help="each reader's last word, or only opinions from before the gateway sent the reader anything that the "
        "model said [%(default)s]",
    )
    export.add_argument(
        "--conflicts",
        choices=("leave-out", "majority"),
        default="leave-out",
        help="where readers disagree: leave the case out, or take what more than half of them say [%(default)s]",
    )
    export.add_argument(
        "--consent",
        choices=("yes", "ask"),
        help="the column `consent`: `yes`, all of these patients agreed to training; `ask`, empty, to be filled in by "
        "hand. Needed where the task asks for consent",
    )
    export.add_argument("--samples", action="store_true", help="also the gateway's own sample cases")
    export.add_argument("--force", action="store_true", help="replace a former export in DIR")
    export.add_argument("--json", action="store_true", help="print one JSON object instead of lines")


def run(arguments: argparse.Namespace) -> int:
    """Writes the export, and prints what became of the reviewed cases.

    Raises:
        ConfigurationError: there is no such task or gateway, consent is not declared, or DIR cannot be written.
        DataRefused: not one case gave labels.
    """
    from data_schemas.task_file import load_task
    from serving.gateway.feedback_manifest import MANIFEST, check_target

    check_span(arguments)
    task = load_task(arguments.task)
    consent = _consent(arguments.consent, task)
    check_target(arguments.to.absolute(), replace=arguments.force)
    with problems_as_errors():
        exported = _export(arguments, task, consent)
    print(json.dumps(exported.to_json()) if arguments.json else _text(exported, arguments.to / MANIFEST))
    return 0


def _export(arguments: argparse.Namespace, task: Task, consent: str) -> Exported:
    from serving.gateway.feedback_manifest import export

    place = storage_place(arguments)
    store = open_existing(dataclasses.replace(place, image_store=arguments.images or place.image_store))
    samples: list[str] = []
    try:
        read_at = datetime.now(timezone.utc)
        labelled = _labelled(store, task, arguments, samples)
        exported = export(labelled, _opener(store), arguments.to, task=task, consent=consent, replace=arguments.force)
        store.mark_exported(exported.case_ids, _operator(), at=read_at)
    except DataRefused as error:
        if samples:
            raise DataRefused(
                f"{error}; readers reviewed {len(samples)} of the sample cases, which --samples takes too"
            ) from error
        raise
    finally:
        store.close()
    return exported


def _labelled(store: Store, task: Task, arguments: argparse.Namespace, samples: list[str]) -> Iterator[Labelled]:
    """Yields the cases that are to be exported; `samples` receives the ids of sample cases that are not."""
    from serving.gateway.feedback_manifest import Labelled
    from serving.gateway.reader_labels import case_labels

    for case in store.reviewed_cases(model=task.name, kinds=_KINDS):
        if case.sample and not arguments.samples:
            samples.append(case.id)
            continue
        labels = case_labels(
            case,
            task.labels,
            use=arguments.labels,
            conflicts=arguments.conflicts,
            since=arguments.since,
            until=arguments.until,
        )
        yield Labelled(case, labels)


def _opener(store: Store) -> Any:
    operator = _operator()

    def open_image(case: ReviewedCase, image: ReviewedImage) -> AbstractContextManager[Path]:
        return store.images.file(case.id, image.image.id, operator)

    return open_image


def _operator() -> Any:
    from serving.gateway.principal import LOCAL

    return LOCAL


def _consent(answer: str | None, task: Task) -> str:
    """Returns the column's value.

    Raises:
        ConfigurationError: the task asks for consent, and nobody said whether there is any.
    """
    if answer is None and task.consent == "required":
        raise ConfigurationError(
            f"the task {task.name} asks for consent, of which the gateway knows nothing: say --consent yes if all of "
            "these patients agreed to training, or --consent ask to fill in the column by hand"
        )
    return "yes" if answer == "yes" else ""


def _text(exported: Exported, manifest: Path) -> str:
    bases = ", ".join(f"{name} {count}" for name, count in exported.bases.most_common())
    labels = ", ".join(f"{name} {count}" for name, count in exported.labels.most_common())
    lines = [
        f"{exported.cases} cases, {exported.images} images of {exported.patients} patients: {manifest}",
        f"labels (images): {labels or 'none'}",
        f"rest on (cases): {bases or 'nothing'}; {exported.blind} given before the model's answer was sent",
    ]
    if exported.moved:
        lines.append(f"cases of which the reader said another thing before the model's answer: {exported.moved}")
    lines += [f"left out: {count}, {reason}" for reason, count in exported.left_out.most_common()]
    if exported.missing:
        lines.append(f"{exported.missing} images are gone or were altered")
    return "\n".join([*lines, "No random sample, and not independent of the model: read README.txt beside it first."])
