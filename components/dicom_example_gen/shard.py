"""One shard of an ingest, without Beam or TensorFlow: rows to records on disk, and what is told of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from components.dicom_example_gen.tfrecord import RecordWriter
from components.image_index import index_file, write_index
from components.whole_file import whole_file
from data_schemas.errors import Corrupt, ImageRejected
from data_schemas.features import SPLITS
from data_schemas.ingest_report import IngestReport, Reject
from data_schemas.task import Task
from imaging.example import TrainingExample, training_examples
from imaging.image_file import read_image_file
from imaging.manifest import ManifestRow
from imaging.pseudonyms import Pseudonyms

_LETHAL = Corrupt("decoding it ends the process")


@dataclass
class ShardResult:
    """What a shard adds to the ingest report."""

    rows: int = 0
    withdrawn: int = 0
    examples: Counter[str] = field(default_factory=Counter)
    labels: dict[str, Counter[str]] = field(default_factory=lambda: {split: Counter() for split in SPLITS})
    patients: dict[str, set[str]] = field(default_factory=lambda: {split: set() for split in SPLITS})
    rejects: list[Reject] = field(default_factory=list)
    warnings: dict[str, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Shard:
    """Rows that one process decodes and writes.

    Attributes:
        index, count: name its files, `index` of `count`.
        rows: of the manifest.
        lethal: numbers of rows that end the process which decodes them, found the hard way; they are not opened.
    """

    index: int
    count: int
    rows: tuple[ManifestRow, ...]
    lethal: frozenset[int] = frozenset()


@dataclass(frozen=True)
class ShardJob:
    """What all shards of an ingest share.

    Attributes:
        task: the task.
        given_splits: the splits that the manifest's rows name.
        pseudonyms: what names patients, studies and images.
        folders: where each split's records go.
        index_folder: where the image index goes.
        withdrawn: pseudonyms of patients who are left out.
    """

    task: Task
    given_splits: tuple[str, ...]
    pseudonyms: Pseudonyms
    folders: Mapping[str, str]
    index_folder: str
    withdrawn: frozenset[str] = frozenset()


def write_shard(shard: Shard, job: ShardJob, said: Callable[[], None]) -> ShardResult:
    """Writes a shard's records, a file for every split, and its part of the image index; replaces what was there.

    Args:
        shard: the rows.
        job: what the ingest is about.
        said: called after each row, for the progress.
    """
    result, index = ShardResult(), []
    name = f"data_tfrecord-{shard.index:05d}-of-{shard.count:05d}.gz"
    with ExitStack() as stack:
        # Every split gets a file from every shard, an empty one too: TFX's readers refuse a split without files.
        writers = {split: stack.enter_context(_writer(f"{folder}/{name}")) for split, folder in job.folders.items()}
        for row in shard.rows:
            encoded = _LETHAL if row.row in shard.lethal else encode_row(row, job)
            if isinstance(encoded, ImageRejected):
                result.rejects.append(Reject(row=row.row, status=encoded.status, reason=str(encoded)))
            elif encoded[0].patient in job.withdrawn:
                result.withdrawn += 1
            else:
                for example in encoded:
                    writers[example.split].write(example.serialized)
                    index.append(example.index_row)
                    _count(row, example, job.task, result)
            result.rows += 1
            said()
    with whole_file(f"{job.index_folder}/{index_file(shard.index, shard.count)}") as file:
        write_index(index, file, task=job.task)
    return result


def encode_row(row: ManifestRow, job: ShardJob) -> tuple[TrainingExample, ...] | ImageRejected:
    """Returns the records of a row, one a frame that the task takes, or why there is none."""
    try:
        return training_examples(
            _read(row), row=row, task=job.task, pseudonyms=job.pseudonyms, given_splits=job.given_splits
        )
    except ImageRejected as rejection:
        return rejection


def merge_results(results: Sequence[ShardResult], *, task: Task, key_id: str, without_consent: int = 0) -> str:
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
        without_consent=without_consent,
        withdrawn=sum(result.withdrawn for result in results),
        examples={split: sum(result.examples[split] for result in results) for split in SPLITS},
        labels=labels,
        patients={split: tuple(sorted(set().union(*(r.patients[split] for r in results)))) for split in SPLITS},
        rejects=tuple(sorted((reject for r in results for reject in r.rejects), key=lambda reject: reject.row)),
        warnings={warning: tuple(sorted(rows)) for warning, rows in sorted(warnings.items())},
        pseudonym_key_id=key_id,
    )
    return report.model_dump_json(indent=1)


@contextmanager
def _writer(path: str) -> Iterator[RecordWriter]:
    with whole_file(path) as file:
        writer = RecordWriter(file)
        yield writer
        writer.close()


def _read(row: ManifestRow) -> bytes:
    try:
        return read_image_file(row.file)
    except OSError as error:
        raise Corrupt(f"the file cannot be read: {error.strerror}") from error


def _count(row: ManifestRow, encoded: TrainingExample, task: Task, result: ShardResult) -> None:
    result.examples[encoded.split] += 1
    result.patients[encoded.split].add(encoded.patient)
    present = [row.label] if row.label else [n for n, v in zip(task.labels.names, row.findings, strict=True) if v == 1]
    result.labels[encoded.split].update(present)
    for warning in encoded.warnings:
        result.warnings.setdefault(warning.removeprefix(f"row {row.row}: "), []).append(row.row)
