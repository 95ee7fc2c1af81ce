"""Runs the ingest: shards of the manifest through Beam, each decoded by threads and written where it was decoded.

TFX's own ExampleGen writes through a shuffle, which holds every image in memory; here each shard writes its TFRecords
itself, so memory stays flat whatever the number of images.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from components.dicom_example_gen.shard import ShardResult, encode_rows, merge_results
from data_schemas.features import SPLITS
from data_schemas.ingest_report import FILE_NAME
from data_schemas.task import Task
from data_schemas.task_file import task_from_json
from imaging.manifest import Manifest, ManifestRow, read_manifest
from imaging.pseudonyms import Pseudonyms

PROGRESS = logging.getLogger("radflow.progress")
_SHARD_ROWS = 256
# TFX reads gzip; PNGs are compressed already, and a second time costs as much as decoding the image did.
_OPTIONS = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=0)


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of DicomExampleGen."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the splits and `ingest.json`."""
        self._log_startup(input_dict, output_dict, exec_properties)
        task = task_from_json(exec_properties["task"])
        input_config = proto_utils.json_to_proto(exec_properties["input_config"], example_gen_pb2.Input())
        manifest = read_manifest(Path(exec_properties["input_base"]) / input_config.splits[0].pattern, task)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")
        folders = {name: artifact_utils.get_split_uri([examples], name) for name in SPLITS}
        report = artifact_utils.get_single_instance(output_dict["ingest_report"])
        pseudonyms = Pseudonyms.load_or_create(Path(exec_properties["pseudonym_key"]))
        self._ingest(manifest, task, pseudonyms=pseudonyms, folders=folders, report=f"{report.uri}/{FILE_NAME}")

    def _ingest(
        self, manifest: Manifest, task: Task, *, pseudonyms: Pseudonyms, folders: dict[str, str], report: str
    ) -> None:
        for folder in folders.values():
            tf.io.gfile.makedirs(folder)
        write = _WriteShard(task, manifest.splits, pseudonyms=pseudonyms, folders=folders)
        with self._make_beam_pipeline() as pipeline:
            results = (
                pipeline
                | "Shards" >> beam.Create(_shards(manifest))
                | "Spread" >> beam.Reshuffle()
                | "DecodeAndWrite" >> beam.ParDo(write)
            )
            (
                results
                | "Gather" >> beam.combiners.ToList()
                | "Report" >> beam.Map(merge_results, task=task, key_id=pseudonyms.key_id)
                | "WriteReport" >> beam.Map(_write_text, path=report)
            )


@dataclass(frozen=True)
class _Shard:
    """Rows that one worker decodes at a time; `index` of `count` names its files, `total` rows are in all shards."""

    index: int
    count: int
    total: int
    rows: tuple[ManifestRow, ...]


def _shards(manifest: Manifest) -> list[_Shard]:
    """Deals the rows out like cards, so that a manifest sorted by label or site gives alike shards."""
    count = -(-len(manifest.rows) // _SHARD_ROWS)
    return [_Shard(index, count, len(manifest.rows), manifest.rows[index::count]) for index in range(count)]


class _WriteShard(beam.DoFn):
    """Decodes a shard and writes its share of every split; a retried shard replaces what it had written."""

    def __init__(
        self, task: Task, given_splits: tuple[str, ...], *, pseudonyms: Pseudonyms, folders: dict[str, str]
    ) -> None:
        self._task, self._given_splits = task, given_splits
        self._pseudonyms, self._folders = pseudonyms, folders
        self._read, self._start = 0, 0.0

    def setup(self) -> None:
        # Decoders, resize and PNG release the GIL, so threads are as good as processes and share the task.
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1)

    def teardown(self) -> None:
        self._threads.shutdown()

    def process(self, shard: _Shard) -> Iterator[ShardResult]:
        result = ShardResult()
        encoded = encode_rows(
            shard.rows, task=self._task, pseudonyms=self._pseudonyms, given_splits=self._given_splits,
            threads=self._threads, result=result, said=partial(self._say, shard.total),
        )  # fmt: skip
        _write_records(encoded, shard, self._folders)
        yield result

    def _say(self, total: int) -> None:
        """Tells how far this worker is: of all images where it is the only one, as on one machine."""
        self._start = self._start or time.monotonic()
        self._read += 1
        left = (time.monotonic() - self._start) / self._read * (total - self._read)
        # One line in ten per cent is kept; in between, a terminal shows every tenth image.
        if self._read * 10 // total > (self._read - 1) * 10 // total and total > _SHARD_ROWS:
            PROGRESS.info("%d of %d images read, about %.0f s left", self._read, total, left)
        elif self._read % 10 == 0:
            PROGRESS.debug("%d of %d images read, about %.0f s left", self._read, total, left)


def _write_records(encoded: Iterable[tuple[str, bytes]], shard: _Shard, folders: dict[str, str]) -> None:
    name = f"data_tfrecord-{shard.index:05d}-of-{shard.count:05d}.gz"
    partial = {split: f"{folder}/.{name}.partial" for split, folder in folders.items()}
    with ExitStack() as stack:
        # Every split gets a file from every shard, an empty one too: TFX's readers refuse a split without files.
        writers = {split: stack.enter_context(tf.io.TFRecordWriter(path, _OPTIONS)) for split, path in partial.items()}
        for split, serialized in encoded:
            writers[split].write(serialized)
    for split, path in partial.items():
        tf.io.gfile.rename(path, f"{folders[split]}/{name}", overwrite=True)


def _write_text(text: str, path: str) -> None:
    tf.io.gfile.makedirs(path.rsplit("/", 1)[0])
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
