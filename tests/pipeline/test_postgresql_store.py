"""Texts for PostgreSQL have no backslash, wherever in a message they are, and come back as they were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ml_metadata
from hypothesis import given
from hypothesis import strategies as st
from ml_metadata.proto import metadata_store_pb2 as pb
from ml_metadata.proto import metadata_store_service_pb2 as service_pb

from pipeline.postgresql_store import PostgresqlStore, change_texts, decoded, encoded, used_by_tfx

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
    usual = ml_metadata.MetadataStore
    with used_by_tfx():
        assert ml_metadata.MetadataStore is PostgresqlStore
    assert ml_metadata.MetadataStore is usual
