"""`radflow evaluate`: judges a pushed model on other data than it was made from, every row of a manifest."""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import os
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from data_schemas.errors import ConfigurationError, DataRefused, ImageRejected, Unsupported
from data_schemas.features import STUDY, UNKNOWN, slice_feature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_schemas.description import ModelDescription
    from data_schemas.task import Labels, Task
    from evaluation.summary import Cases
    from imaging.example import TrainingExample
    from imaging.manifest import ManifestRow
    from imaging.pseudonyms import Pseudonyms
    from reports.external_validation import ExternalValidation
    from serving.server.servable import Servable

_JUDGED = "scores_at_calibration_prevalence"
"""The operating points are in this unit, whatever prevalence the task declares for deployment."""
_LOGITS = "raw_scores"
_OUT_OF_SCOPE = "out_of_scope"
_CONTRADICTORY = ("contradictory", "images of one study have different findings, of which no label says two")
_AHEAD = 4
"""Images a thread may be ahead of the model: enough to keep both busy, little enough to stay flat in memory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Judge a pushed model on other data (external validation): every row of the manifest, whatever its split."
    )
    parser.add_argument(
        "--model", type=Path, required=True, metavar="DIR", help="OUTPUT/serving/TASK (newest version) or one version"
    )
    parser.add_argument("--manifest", type=Path, required=True, metavar="CSV", help="images and labels to judge it on")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--report", type=Path, metavar="HTML", help="also write a page: metrics, groups, curves, shift")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="images a call [%(default)s]")


def run(arguments: argparse.Namespace) -> int:
    """Prints what the model is worth on the manifest's images.

    Raises:
        ConfigurationError: there is no model, it cannot be loaded, or the manifest is wrong.
        DataRefused: not one image could be used.
    """
    from data_schemas.description import read_description
    from data_schemas.served_folder import resolve_version
    from imaging.manifest import read_manifest
    from reports.external_validation import reasons_text

    if arguments.batch_size < 1:
        raise ConfigurationError(f"--batch-size {arguments.batch_size}: give at least 1")
    if arguments.report is not None and not arguments.report.absolute().parent.is_dir():
        raise ConfigurationError(f"--report {arguments.report}: there is no folder {arguments.report.parent}; make it")
    version = resolve_version(arguments.model)
    description = read_description(version)
    manifest = read_manifest(arguments.manifest, description.task)
    rows = manifest.rows
    if manifest.without_consent:
        print(f"{manifest.without_consent} rows are left out, for want of consent", file=sys.stderr)
    model = load(version)
    images = score(
        model,
        rows,
        task=description.task,
        batch_size=arguments.batch_size,
        progress=sys.stderr,
        scoped=description.scope is not None and description.scope.threshold is not None,
    )
    tally = by_study(images, model, task=description.task) if description.task.unit == "study" else images
    if not tally.scores:
        raise DataRefused(f"not one of {len(rows)} images could be used: {reasons_text(tally.rejected)}")
    report = _report(version, description, tally, images)
    if arguments.report is not None:
        from reports.external_page import external_page

        arguments.report.write_text(external_page(report), encoding="utf-8")
        print(f"the report is {arguments.report}", file=sys.stderr)
    print(json.dumps(report.to_json()) if arguments.json else report.to_text())
    return 0


def _report(version: Path, description: ModelDescription, tally: Tally, images: Tally) -> ExternalValidation:
    """Returns what is said of the model on these cases, and of the images beside those that it was trained on."""
    import numpy as np

    from data_schemas.training_data import read_served_training_data
    from evaluation.differences import Judged
    from evaluation.evaluation import evaluate
    from evaluation.judged import at_declared_prevalence
    from evaluation.shift import shifts
    from reports.external_validation import ExternalValidation, Shift

    task, there = description.task, read_served_training_data(version)
    judged = Judged(at_declared_prevalence(tally.cases(), description), description.operating_points)
    evaluation = evaluate(judged, task.labels, slices=task.slices, unit=task.unit)
    patients = np.array(images.patients)
    shift = Shift(
        features=None if there is None else shifts(there, images.columns(), patients),
        out_of_scope=float(np.mean(images.out_of_scope)) if images.out_of_scope else None,
        images=len(patients),
    )
    return ExternalValidation(
        version.name, description, evaluation, tally.prevalence(task.labels), tally.rejected, shift
    )


@dataclass
class Tally:
    """What has been scored and rejected so far; a scored image is a few numbers.

    Patients are numbered as they come: pseudonyms change with the key, and the bootstrap's draws follow their order.
    Where the task judges studies, `scores` of images are logits, and `by_study` makes a tally of studies of them.
    `groups` are values of the task's slices by feature; `known` is what training data is summarized by, an image each.
    """

    patients: list[int] = field(default_factory=list)
    studies: list[str] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    scores: list[Any] = field(default_factory=list)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: dict[str, list[str]] = field(default_factory=dict)
    known: list[dict[str, Any]] = field(default_factory=list)
    out_of_scope: list[bool] = field(default_factory=list)

    def know(self, row: Mapping[str, Any], task: Task) -> None:
        """Keeps an image's groups and features, of its row of the image index."""
        from data_schemas.training_data import NAMES, NUMBERS

        for name in sorted({name for names in task.slices for name in names}):
            self.groups.setdefault(name, []).append(str(row.get(slice_feature(name)) or UNKNOWN))
        self.known.append({name: row.get(name) for name in (*NUMBERS, *NAMES)})

    def answered(self, answers: Mapping[str, Sequence[Any]]) -> None:
        """Keeps what the model said of images, in order."""
        for name, values in answers.items():
            (self.out_of_scope if name == _OUT_OF_SCOPE else self.scores).extend(values)

    def cases(self) -> Cases:
        """Returns the scored images."""
        import numpy as np

        from evaluation.summary import Cases

        groups = {name: np.array(values) for name, values in self.groups.items()}
        return Cases(np.array(self.patients), np.array(self.labels), np.array(self.scores), groups=groups)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Returns the images' features, as `evaluation.shift` takes them."""
        import numpy as np

        from data_schemas.training_data import NAMES, NUMBERS

        numbers = {name: np.array([one.get(name) for one in self.known], np.float64) for name in NUMBERS}
        return {**numbers, **{name: np.array([one.get(name) or UNKNOWN for one in self.known]) for name in NAMES}}

    def prevalence(self, labels: Labels) -> dict[str, float | None]:
        """Returns each finding's share of the images on which it is known."""
        import numpy as np

        from evaluation.metrics import binary_labels

        found: dict[str, float | None] = {}
        for finding in labels.findings:
            truth = binary_labels(np.array(self.labels), labels.names.index(finding))
            found[finding] = float(np.mean(truth[truth >= 0])) if (truth >= 0).any() else None
        return found


def load(version: Path) -> Servable:
    """Returns the model of a version folder, loaded as TensorFlow Serving does.

    Raises:
        ConfigurationError: TensorFlow cannot load it.
    """
    from serving.server.servable import Servable

    # TensorFlow calls the session loader deprecated; it is the one that TensorFlow Serving's behaviour matches.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    try:
        return Servable.load(version)
    except Exception as error:  # TensorFlow raises many kinds, and each means the same to the caller
        raise ConfigurationError(
            f"the model in {version} cannot be loaded ({type(error).__name__}): push it again with `radflow run`"
        ) from error


def score(
    servable: Servable,
    rows: Sequence[ManifestRow],
    *,
    task: Task,
    batch_size: int,
    progress: TextIO,
    scoped: bool = False,
) -> Tally:
    """Returns every row scored, or rejected with the reason.

    Args:
        servable: the model.
        rows: of the manifest.
        task: the model's.
        batch_size: images a call.
        progress: where to write how far it is.
        scoped: whether the model says what is out of its scope.
    """
    outputs = [_LOGITS if task.unit == "study" else _JUDGED, *([_OUT_OF_SCOPE] if scoped else [])]
    tally, batch = Tally(), _Batch(servable, batch_size, outputs=outputs)
    numbers: dict[str, int] = {}
    for done, outcome in enumerate(_ingest(rows, task), 1):
        if isinstance(outcome, ImageRejected):
            tally.rejected[outcome.status, str(outcome)] += 1
        else:
            for example in outcome.examples:
                tally.patients.append(numbers.setdefault(example.patient, len(numbers)))
                tally.studies.append(example.index_row[STUDY])
                row = outcome.row
                tally.labels.append(task.labels.names.index(row.label) if row.label else row.findings)
                tally.know(example.index_row, task)
                tally.answered(batch.add(example.serialized))
        if done == len(rows):
            tally.answered(batch.flush())
        _say(progress, done, len(rows))
    return tally


def by_study(images: Tally, servable: Servable, *, task: Task) -> Tally:
    """Returns the studies that scored images make, with the scores that the model's `calibrate` gives them.

    Images of a study that contradicts itself are among the rejected ones.

    Args:
        images: with logits.
        servable: the model that gave them.
        task: the model's.
    """
    import numpy as np

    from evaluation.studies import to_studies

    if not images.scores:
        return images
    found = to_studies(
        patients=np.array(images.patients),
        studies=np.array(images.studies),
        labels=np.array(images.labels),
        raw_scores=np.array(images.scores),
        groups={name: np.array(values) for name, values in images.groups.items()},
        task=task,
    )
    rejected = images.rejected.copy()
    if found.left_out:
        rejected[_CONTRADICTORY] += int(np.isin(images.studies, found.left_out).sum())
    scores = servable.run("calibrate", {"raw_scores": found.raw_scores}, outputs=[_JUDGED])[_JUDGED]
    groups = {name: values.tolist() for name, values in found.groups.items()}
    return Tally(list(found.patients), list(found.studies), list(found.labels), list(scores), rejected, groups)


class _Batch:
    """Records that wait until there are enough of them for a call of the model."""

    def __init__(self, servable: Servable, size: int, *, outputs: Sequence[str]) -> None:
        self._servable, self._size, self._outputs = servable, size, list(outputs)
        self._waiting: list[bytes] = []

    def add(self, record: bytes) -> Mapping[str, Sequence[Any]]:
        """Returns the outputs of all that wait, in order, if the batch is full now; else nothing."""
        self._waiting.append(record)
        return self.flush() if len(self._waiting) == self._size else {}

    def flush(self) -> Mapping[str, Sequence[Any]]:
        """Returns the outputs of all that wait, in order."""
        import numpy as np

        if not self._waiting:
            return {}
        inputs = np.empty(len(self._waiting), dtype=object)
        inputs[:] = self._waiting
        self._waiting = []
        said = self._servable.run("serving_default", {"inputs": inputs}, outputs=self._outputs)
        return {name: list(said[name]) for name in self._outputs}


@dataclass(frozen=True)
class _Read:
    """A row of the manifest and its records, one a frame that the task takes."""

    row: ManifestRow
    examples: tuple[TrainingExample, ...]


def _ingest(rows: Sequence[ManifestRow], task: Task) -> Iterator[_Read | ImageRejected]:
    """Yields each row's records, in order, read by as many threads as there are cores."""
    from concurrent.futures import Future, ThreadPoolExecutor

    from imaging.pseudonyms import Pseudonyms

    # The key lives as long as this run: it only tells patients apart.
    pseudonyms = Pseudonyms(os.urandom(32))
    workers = os.cpu_count() or 1
    waiting: deque[Future[_Read | ImageRejected]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for row in rows:
            waiting.append(pool.submit(_record, row, task, pseudonyms))
            if len(waiting) == _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _record(row: ManifestRow, task: Task, pseudonyms: Pseudonyms) -> _Read | ImageRejected:
    """Returns the records that the pipeline would have made of a row, or why there are none."""
    from imaging.image_file import read_image_file

    try:
        data = read_image_file(row.file)
        return _read(data, row=row, task=task, pseudonyms=pseudonyms)
    except Unsupported as error:
        if row.patient_id or row.study_id:
            return error
    except OSError as error:
        return Unsupported(f"the file cannot be read: {error.strerror}")
    except ImageRejected as error:
        return error
    # Nothing says whose it is: where nothing is split, it may be a patient's own.
    try:
        return _read(data, row=dataclasses.replace(row, study_id=f"row {row.row}"), task=task, pseudonyms=pseudonyms)
    except ImageRejected as error:
        return error


def _read(data: bytes, *, row: ManifestRow, task: Task, pseudonyms: Pseudonyms) -> _Read:
    from imaging.example import training_examples

    return _Read(row, training_examples(data, row=row, task=task, pseudonyms=pseudonyms))


def _say(progress: TextIO, done: int, total: int) -> None:
    """Writes how far it is: in place on a terminal, else a line every tenth."""
    if progress.isatty():
        progress.write(f"\rscored {done} of {total}" + ("\n" if done == total else ""))
        progress.flush()
    elif done == total or done % max(1, total // 10) == 0:
        progress.write(f"scored {done} of {total}\n")
