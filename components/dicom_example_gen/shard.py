"""One shard of an ingest, without Beam or TensorFlow: rows to serialized examples, and what is told of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from data_schemas.errors import Corrupt, ImageRejected
from data_schemas.features import SPLITS
from data_schemas.ingest_report import IngestReport, Reject
from data_schemas.task import Task
from imaging.example import TrainingExample, training_example
from imaging.manifest import ManifestRow
from imaging.pseudonyms import Pseudonyms


@dataclass
class ShardResult:
    """What a shard adds to the ingest report."""

    rows: int = 0
    examples: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=lambda: {split: Counter() for split in SPLITS})
    patients: dict[str, set[str]] = field(default_factory=lambda: {split: set() for split in SPLITS})
    rejects: list[Reject] = field(default_factory=list)
    warnings: dict[str, list[int]] = field(default_factory=dict)


def encode_rows(
    rows: Sequence[ManifestRow],
    *,
    task: Task,
    pseudonyms: Pseudonyms,
    given_splits: tuple[str, ...],
    threads: Executor,
    result: ShardResult,
    said: Callable[[], None],
) -> Iterator[tuple[str, bytes]]:
    """Yields (split, serialized tf.Example) for every row that can be used, in order, and fills `result`.

    Args:
        rows: the shard's rows.
        task: the task.
        pseudonyms: what names patients, studies and images.
        given_splits: the splits that the manifest's rows name.
        threads: decodes rows side by side.
        result: receives counts, rejects and warnings.
        said: called after each row, for the progress.
    """

    def encode(row: ManifestRow) -> TrainingExample | ImageRejected:
        try:
            data = _read(row)
            return training_example(data, row=row, task=task, pseudonyms=pseudonyms, given_splits=given_splits)
        except ImageRejected as rejection:
            return rejection

    for row, encoded in zip(rows, threads.map(encode, rows), strict=True):
        result.rows += 1
        said()
        if isinstance(encoded, ImageRejected):
            result.rejects.append(Reject(row=row.row, status=encoded.status, reason=str(encoded)))
            continue
        _count(row, encoded, task, result)
        yield encoded.split, encoded.serialized


def merge_results(results: Sequence[ShardResult], *, task: Task, key_id: str) -> str:
    """Returns the ingest report of all shards as JSON; the order of the shards does not matter."""
    labels = {
        split: {name: sum(r.labels[split][name] for r in results) for name in task.labels.names} for split in SPLITS
    }
    warnings: dict[str, list[int]] = defaultdict(list)
    for result in results:
        for warning, rows in result.warnings.items():
            warnings[warning] += rows
    report = IngestReport(
        rows=sum(result.rows for result in results),
        examples={split: sum(result.examples[split] for result in results) for split in SPLITS},
        labels=labels,
        patients={split: tuple(sorted(set().union(*(r.patients[split] for r in results)))) for split in SPLITS},
        rejects=tuple(sorted((reject for r in results for reject in r.rejects), key=lambda reject: reject.row)),
        warnings={warning: tuple(sorted(rows)) for warning, rows in sorted(warnings.items())},
        pseudonym_key_id=key_id,
    )
    return report.model_dump_json(indent=1)


def _read(row: ManifestRow) -> bytes:
    try:
        return row.file.read_bytes()
    except OSError as error:
        raise Corrupt(f"the file cannot be read: {error.strerror}") from error


def _count(row: ManifestRow, encoded: TrainingExample, task: Task, result: ShardResult) -> None:
    result.examples[encoded.split] += 1
    result.patients[encoded.split].add(encoded.patient)
    present = [row.label] if row.label else [n for n, v in zip(task.labels.names, row.findings, strict=True) if v == 1]
    result.labels[encoded.split].update(present)
    for warning in encoded.warnings:
        result.warnings.setdefault(warning.removeprefix(f"row {row.row}: "), []).append(row.row)
