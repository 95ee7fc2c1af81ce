"""Our copies of TensorFlow's messages are the same on the wire: each field has the original's number, type, label."""

from __future__ import annotations

import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from tensorflow.core.framework import tensor_shape_pb2, types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2, predict_pb2, status_pb2

from data_schemas.wire import example_pb2, serving_pb2

ORIGINALS = {
    example_pb2.BytesList: tf.train.BytesList,
    example_pb2.FloatList: tf.train.FloatList,
    example_pb2.Int64List: tf.train.Int64List,
    example_pb2.Feature: tf.train.Feature,
    example_pb2.Features: tf.train.Features,
    example_pb2.Example: tf.train.Example,
    serving_pb2.TensorShape: tensor_shape_pb2.TensorShapeProto,
    serving_pb2.TensorShape.Dim: tensor_shape_pb2.TensorShapeProto.Dim,
    serving_pb2.Tensor: tf.make_tensor_proto(0).__class__,
    serving_pb2.ModelSpec: model_pb2.ModelSpec,
    serving_pb2.PredictRequest: predict_pb2.PredictRequest,
    serving_pb2.PredictResponse: predict_pb2.PredictResponse,
    serving_pb2.GetModelMetadataRequest: get_model_metadata_pb2.GetModelMetadataRequest,
    serving_pb2.GetModelMetadataResponse: get_model_metadata_pb2.GetModelMetadataResponse,
    serving_pb2.GetModelStatusRequest: get_model_status_pb2.GetModelStatusRequest,
    serving_pb2.GetModelStatusResponse: get_model_status_pb2.GetModelStatusResponse,
    serving_pb2.ModelVersionStatus: get_model_status_pb2.ModelVersionStatus,
    serving_pb2.StatusProto: status_pb2.StatusProto,
}


def labels_of(message):
    """Says of each field whether it is optional or repeated; protobufs differ in how a descriptor tells it."""
    written = descriptor_pb2.DescriptorProto()
    message.CopyToProto(written)
    return {field.name: field.label for field in written.field}


def shape_of(field):
    """What decides how a field stands on the wire; a message field by the kind of its entries, for maps."""
    entries = field.message_type
    is_map = entries is not None and entries.GetOptions().map_entry
    inside = tuple(shape_of(entry) for entry in entries.fields) if is_map else ()
    oneof = field.containing_oneof.name if field.containing_oneof else None
    kind = field.TYPE_INT32 if field.type == field.TYPE_ENUM else field.type  # both are the same varint
    return field.number, kind, labels_of(field.containing_type)[field.name], oneof, inside


@pytest.mark.parametrize("ours", ORIGINALS, ids=lambda message: message.DESCRIPTOR.full_name)
def test_every_field_stands_on_the_wire_as_the_originals(ours):
    theirs = {field.name: shape_of(field) for field in ORIGINALS[ours].DESCRIPTOR.fields}
    copied = {field.name: shape_of(field) for field in ours.DESCRIPTOR.fields}
    assert copied == {name: theirs.get(name) for name in copied}


def test_every_message_of_the_copies_is_compared():
    copies = [*example_pb2.DESCRIPTOR.message_types_by_name, *serving_pb2.DESCRIPTOR.message_types_by_name]
    compared = {message.DESCRIPTOR.name for message in ORIGINALS}
    assert set(copies) == compared - {"Dim"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (serving_pb2.DataType, types_pb2.DataType),
        (serving_pb2.ModelVersionStatus.State, get_model_status_pb2.ModelVersionStatus.State),
    ],
    ids=["DataType", "State"],
)
def test_enum_values_are_the_originals(ours, theirs):
    assert dict(ours.items()).items() <= dict(theirs.items()).items()


def test_tensorflow_reads_an_example_written_with_the_copy():
    example = example_pb2.Example()
    example.features.feature["image"].bytes_list.value.append(b"\x89PNG")
    example.features.feature["rows"].int64_list.value.extend([-1, 512])
    example.features.feature["mean"].float_list.value.append(0.25)
    read = tf.train.Example.FromString(example.SerializeToString()).features.feature
    assert read["image"].bytes_list.value[0] == b"\x89PNG"
    assert list(read["rows"].int64_list.value) == [-1, 512]
    assert list(read["mean"].float_list.value) == [0.25]
