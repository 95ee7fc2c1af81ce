"""Runs the ingest: shards of the manifest through Beam, each written by the process that decoded it.

TFX's own ExampleGen writes through a shuffle, which holds every image in memory; here each shard writes its TFRecords
itself, so memory stays flat whatever the number of images.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from components.dicom_example_gen.beam_shards import WriteShards, write_report
from components.dicom_example_gen.shard import Shard, ShardJob, merge_results
from components.dicom_example_gen.workers import start_early
from data_schemas.features import SPLITS
from data_schemas.ingest_report import FILE_NAME
from data_schemas.task_file import task_from_json
from imaging.manifest import Manifest, read_manifest
from imaging.pseudonyms import Pseudonyms
from imaging.withdrawals import read_withdrawn

_SHARDS, _FEWEST_ROWS, _MOST_ROWS = 32, 32, 4096
"""Shards enough to keep every core busy to the end, each large enough that files are few."""


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
        start_early()
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
        for folder in (*folders.values(), report.uri):
            tf.io.gfile.makedirs(folder)
        job = ShardJob(
            task,
            manifest.splits,
            pseudonyms=pseudonyms,
            folders=folders,
            index_folder=report.uri,
            withdrawn=read_withdrawn(Path(exec_properties["withdrawals"])),
        )
        self._ingest(manifest, job)

    def _ingest(self, manifest: Manifest, job: ShardJob) -> None:
        merge = partial(
            merge_results, task=job.task, key_id=job.pseudonyms.key_id, without_consent=manifest.without_consent
        )
        with self._make_beam_pipeline() as pipeline:
            write = WriteShards(job, processes=_processes(pipeline.options), total=len(manifest.rows))
            results = (
                pipeline
                | "Shards" >> beam.Create(_shards(manifest))
                | "Spread" >> beam.Reshuffle()
                | "DecodeAndWrite" >> beam.ParDo(write)
            )
            (
                results
                | "Gather" >> beam.combiners.ToList()
                | "Report" >> beam.Map(merge)
                | "WriteReport" >> beam.Map(write_report, path=f"{job.index_folder}/{FILE_NAME}")
            )


def _processes(options: PipelineOptions) -> int:
    """Returns how many processes Beam's one in-process worker should have; 0 where Beam itself brings workers."""
    direct = options.view_as(StandardOptions).runner in (None, "DirectRunner")
    in_memory = options.view_as(DirectOptions).direct_running_mode in (None, "in_memory")
    return (os.cpu_count() or 1) if direct and in_memory else 0


def _shards(manifest: Manifest) -> list[Shard]:
    """Deals the rows out like cards, so that a manifest sorted by label or site gives alike shards."""
    size = min(max(len(manifest.rows) // _SHARDS, _FEWEST_ROWS), _MOST_ROWS)
    count = -(-len(manifest.rows) // size)
    return [Shard(index, count, manifest.rows[index::count]) for index in range(count)]
