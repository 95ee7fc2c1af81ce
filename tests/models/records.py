"""Records with every feature that a task's schema wants, and the Transform graph that is analyzed from them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io
from tfx_bsl.public import tfxio

from data_schemas import features
from data_schemas.schema import build_schema
from data_schemas.task import Task
from data_schemas.task_file import task_to_json
from data_schemas.wire import example_pb2
from imaging.canonical import encode_png
from imaging.quality import quality_features
from models.preprocessing import preprocessing_fn


def record(image: np.ndarray, task: Task, **values: Any) -> bytes:
    """Returns a record with every feature that the schema wants: those of `values`, measured ones, or fillers."""
    given = {features.IMAGE: [encode_png(image)], **quality_features(image, task.intensity), **values}
    example = example_pb2.Example()
    for feature in build_schema(task).feature:
        kind = {1: "bytes_list", 2: "int64_list", 3: "float_list"}[feature.type]
        filler = [] if feature.name == features.AGE_YEARS else {1: [b"unknown"], 2: [1], 3: [0.0]}[feature.type]
        getattr(example.features.feature[feature.name], kind).value.extend(given.get(feature.name, filler))
    return example.SerializeToString()


def write_transform(records: list[bytes], task: Task, scratch: Path) -> None:
    """Analyzes records as `train`, and writes the graph that this gives into `scratch/graph`."""
    source = tfxio.TFExampleBeamRecord(physical_format="inmem", telemetry_descriptors=[], schema=build_schema(task))
    function = partial(preprocessing_fn, custom_config={"task": task_to_json(task)})
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(scratch / "temporary")):
        raw = pipeline | beam.Create(records) | source.BeamSource()
        analyzed = (raw, source.TensorAdapterConfig()) | tft_beam.AnalyzeDataset(function)
        analyzed | tft_beam.WriteTransformFn(str(scratch / "graph"))
    metadata = dataset_metadata.DatasetMetadata(build_schema(task))
    metadata_io.write_metadata(metadata, str(scratch / "graph" / tft.TFTransformOutput.RAW_METADATA_DIR))
