"""What passes through MLMD's client is changed wherever in a message it is, and comes back as it was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import ml_metadata
from hypothesis import given
from hypothesis import strategies as st
from ml_metadata.proto import metadata_store_pb2 as pb
from ml_metadata.proto import metadata_store_service_pb2 as service_pb

from pipeline.metadata_client import change_texts, client_class, text_passage, uri_passage, used_by_tfx
from pipeline.postgresql import decoded, encoded, put_in_order

TEXT = st.text(st.sampled_from("\\\ue000be'\"a\n"))


@given(TEXT)
def test_what_is_encoded_has_no_backslash_and_is_decoded_again(text: str) -> None:
    assert "\\" not in encoded(text)
    assert decoded(encoded(text)) == text


def texts(value: Any) -> list[str]:
    """Returns every text in a message, or in the value of one of its fields, keys of maps included."""
    if isinstance(value, str):
        return [value]
    if hasattr(value, "ListFields"):
        return [text for _, one in value.ListFields() for text in texts(one)]
    if hasattr(value, "items"):
        return [text for pair in value.items() for one in pair for text in texts(one)]
    return [text for one in value for text in texts(one)] if isinstance(value, Iterable) else []


@given(TEXT, TEXT, TEXT)
def test_texts_are_changed_at_every_depth(name: str, key: str, value: str) -> None:
    request = service_pb.PutExecutionRequest()
    request.execution.name = name
    request.execution.custom_properties[key].string_value = value
    request.execution.custom_properties["count"].int_value = 3
    pair = request.artifact_event_pairs.add()
    pair.artifact.uri = value
    pair.event.path.steps.add(key=name)
    context_type = pb.ContextType()
    context_type.properties[key] = pb.STRING
    for message in (request, context_type):
        before = type(message)()
        before.CopyFrom(message)
        change_texts(message, encoded)
        assert not any("\\" in text for text in texts(message))
        change_texts(message, decoded)
        assert message == before


def test_tfx_gets_this_client_within_the_block_alone() -> None:
    usual, ours = ml_metadata.MetadataStore, client_class([text_passage(encoded, decoded)])
    with used_by_tfx(ours):
        assert ml_metadata.MetadataStore is ours
    assert ml_metadata.MetadataStore is usual


def to_bucket(text: str) -> str:
    return text.replace("/here/", "s3://bucket/")


def from_bucket(text: str) -> str:
    return text.replace("s3://bucket/", "/here/")


def test_uris_are_changed_on_the_way_to_the_store_and_back_and_nothing_else_is(tmp_path: Path) -> None:
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "store.sqlite")
    config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    store = client_class([uri_passage(to_bucket, from_bucket)])(config)
    artifact = pb.Artifact(type_id=store.put_artifact_type(pb.ArtifactType(name="Model")), uri="/here/model/7")
    artifact.custom_properties["path"].string_value = "/here/model/7"
    (number,) = store.put_artifacts([artifact])
    (plain,) = client_class([])(config).get_artifacts_by_id([number])
    assert plain.uri == "s3://bucket/model/7"
    assert plain.custom_properties["path"].string_value == "/here/model/7"
    assert [one.uri for one in store.get_artifacts_by_id([number])] == ["/here/model/7"]
    assert [one.id for one in store.get_artifacts_by_uri("/here/model/7")] == [number]
    assert artifact.uri == "/here/model/7"  # what was sent is left as it was


def test_an_answer_is_in_the_order_that_was_asked_for() -> None:
    request = service_pb.GetArtifactsByIDRequest(artifact_ids=[7, 3, 9, 7])
    response = service_pb.GetArtifactsByIDResponse(artifacts=[pb.Artifact(id=one) for one in (9, 3, 7)])
    put_in_order(request, response)
    assert [one.id for one in response.artifacts] == [7, 3, 9]


def test_an_answer_is_in_the_order_of_writing_where_none_was_asked_for() -> None:
    response = service_pb.GetExecutionsByContextResponse(executions=[pb.Execution(id=one) for one in (3, 9, 1)])
    put_in_order(service_pb.GetExecutionsByContextRequest(context_id=7), response)
    assert [one.id for one in response.executions] == [1, 3, 9]


def test_an_answer_that_is_wanted_in_another_order_keeps_it() -> None:
    request = service_pb.GetArtifactsRequest()
    request.options.order_by_field.field = pb.ListOperationOptions.OrderByField.CREATE_TIME
    response = service_pb.GetArtifactsResponse(artifacts=[pb.Artifact(id=one) for one in (3, 9, 1)])
    put_in_order(request, response)
    assert [one.id for one in response.artifacts] == [3, 9, 1]
