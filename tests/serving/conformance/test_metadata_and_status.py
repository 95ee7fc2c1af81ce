"""GetModelMetadata and GetModelStatus."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


def metadata_request(*fields, name="toy", label=None):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = name
    if label:
        request.model_spec.version_label = label
    return request


def status_request(name="toy", version=None):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    if version is not None:
        request.model_spec.version.value = version
    return request


def test_metadata_are_the_signatures(prediction):
    response = prediction.GetModelMetadata(metadata_request("signature_def"))
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert (response.model_spec.name, response.model_spec.version.value) == ("toy", 2)
    assert {"serving_default", "explain", "describe"} <= set(signatures.signature_def)
    assert signatures.signature_def["explain"].inputs["label"].dtype == tf.int64.as_datatype_enum


def test_metadata_of_a_label(prediction):
    response = prediction.GetModelMetadata(metadata_request("signature_def", label="stable"))
    assert response.model_spec.version.value == 1


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get_model_metadata_pb2.GetModelMetadataRequest(), (INVALID_ARGUMENT, "Missing ModelSpec")),
        (
            metadata_request(),
            (INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"),
        ),
        (
            metadata_request("signature_def", "assets"),
            (INVALID_ARGUMENT, "Metadata field assets is not supported"),
        ),
        (
            metadata_request("signature_def", name="chest"),
            (NOT_FOUND, "Servable not found for request: Latest(chest)"),
        ),
    ],
    ids=["no spec", "no field", "other field", "unknown model"],
)
def test_metadata_that_are_refused(prediction, status_of, request_, expected):
    assert status_of(prediction.GetModelMetadata, request_) == expected


@pytest.mark.parametrize(("version", "expected"), [(None, [2, 1]), (1, [1])])
def test_status_of_what_is_served(model, version, expected):
    statuses = model.GetModelStatus(status_request(version=version)).model_version_status
    assert [status.version for status in statuses] == expected
    assert {(status.state, status.status.error_code, status.status.error_message) for status in statuses} == {
        (AVAILABLE, 0, "")
    }


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (get_model_status_pb2.GetModelStatusRequest(), (INVALID_ARGUMENT, "Missing ModelSpec")),
        (status_request("chest"), (NOT_FOUND, "Could not find any versions of model chest")),
        (status_request("toy", 7), (NOT_FOUND, "Could not find version 7 of model toy")),
    ],
    ids=["no spec", "unknown model", "unknown version"],
)
def test_status_that_is_refused(model, status_of, request_, expected):
    assert status_of(model.GetModelStatus, request_) == expected
