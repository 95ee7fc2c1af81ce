"""The TFDV schema of a task: the curated base schema, with the task's labels, channels and slices merged in."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
from collections.abc import Sequence
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from data_schemas import features
from data_schemas.age_groups import age_group_names
from data_schemas.task import Task

_BASE = importlib.resources.files("data_schemas") / "base_schema.pbtxt"


def base_schema() -> schema_pb2.Schema:
    """Returns the curated schema of every feature in `data_schemas.features`, whatever the task."""
    return text_format.Parse(_BASE.read_text(encoding="utf-8"), schema_pb2.Schema())


def build_schema(task: Task) -> schema_pb2.Schema:
    """Returns the schema that ExampleValidator checks and Transform reads records by.

    Only one of `label` and `findings` stays. Tensor representations are explicit: left to itself, tfx_bsl would make
    `image` sparse, which has no presence because it stays out of the statistics.

    Args:
        task: its labels, channels, slices, age groups, modalities and views matter here.
    """
    schema = base_schema()
    _merge_labels(schema, task)
    _merge_domains(schema, task)
    for name in (features.CHANNEL_MEAN, features.CHANNEL_MEAN_SQUARE):
        _feature(schema, name).shape.dim[0].size = task.channels
    for column in task.extra_columns:
        _add_text(schema, features.extra_column(column))
    for feature in schema.feature:
        _add_tensor(schema, feature)
    return schema


def tabular_features(task: Task) -> tuple[str, ...]:
    """Returns the features that statistics are computed of: all but the pixels."""
    return tuple(feature.name for feature in build_schema(task).feature if feature.name != features.IMAGE)


def write_schema(task: Task, folder: Path) -> Path:
    """Writes the task's schema and returns the file, whose name changes with its content.

    Args:
        task: the task.
        folder: made if absent.
    """
    text = text_format.MessageToString(build_schema(task))
    path = folder / f"{task.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}.pbtxt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    return path


def _merge_labels(schema: schema_pb2.Schema, task: Task) -> None:
    multi_class = task.labels.type == "multi_class"
    other = _feature(schema, features.FINDINGS if multi_class else features.LABEL)
    schema.feature.remove(other)
    if multi_class:
        _set_domain(_feature(schema, features.LABEL), task.labels.names)
    else:
        _feature(schema, features.FINDINGS).shape.dim[0].size = len(task.labels.names)


def _merge_domains(schema: schema_pb2.Schema, task: Task) -> None:
    """Narrows what the task bounds; a task without views takes any."""
    for name, values in (
        (features.AGE_GROUP, age_group_names(task.age_groups)),
        (features.MODALITY, task.modalities),
        (features.VIEW, task.views),
    ):
        if values:
            _set_domain(_feature(schema, name), (*values, features.UNKNOWN))


def _set_domain(feature: schema_pb2.Feature, values: Sequence[str]) -> None:
    feature.string_domain.name = feature.name
    feature.string_domain.value.extend(dict.fromkeys(values))


def _add_text(schema: schema_pb2.Schema, name: str) -> None:
    feature = schema.feature.add(name=name, type=schema_pb2.BYTES)
    feature.presence.min_fraction, feature.presence.min_count = 1, 1
    feature.shape.dim.add(size=1)


def _add_tensor(schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> None:
    """Adds how a feature becomes a tensor: dense, (n, values), unless the number of values varies (`age_years`)."""
    tensor = schema.tensor_representation_group[""].tensor_representation[feature.name]
    if feature.HasField("value_count") and feature.value_count.min != feature.value_count.max:
        # A dense tensor's default value stands in for a feature that is absent, and not for an empty list.
        tensor.varlen_sparse_tensor.column_name = feature.name
        return
    tensor.dense_tensor.column_name = feature.name
    tensor.dense_tensor.shape.dim.add(size=feature.shape.dim[0].size if feature.HasField("shape") else 1)


def _feature(schema: schema_pb2.Schema, name: str) -> schema_pb2.Feature:
    return next(feature for feature in schema.feature if feature.name == name)
