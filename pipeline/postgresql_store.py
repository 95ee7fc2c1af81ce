r"""MLMD's client for PostgreSQL, without the backslashes that MLMD 1.16 breaks on.

MLMD takes the first and the last character off what libpq's PQescapeLiteral gives, and puts quotes around the rest. In
a text with a backslash libpq gives ` E'...'`, so that the quotes end in the wrong place: what follows is read as SQL.
TFX's parameters are JSON, and most have backslashes. So none ever reaches MLMD: they are written as two other
characters, and read back; U+E000 is one of those that Unicode leaves to private use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ml_metadata
from google.protobuf.message import Message
from ml_metadata.metadata_store import MetadataStore

_MARK = "\ue000"
_ENCODED = {"\\": f"{_MARK}b", _MARK: f"{_MARK}e"}
_DECODED = {code: character for character, code in _ENCODED.items()}
_TO_ENCODE, _TO_DECODE = re.compile(rf"[\\{_MARK}]"), re.compile(rf"{_MARK}[be]")


def encoded(text: str) -> str:
    """Returns a text without backslashes, which `decoded` turns back."""
    return _TO_ENCODE.sub(lambda match: _ENCODED[match.group()], text)


def decoded(text: str) -> str:
    """Returns the text that `encoded` was given."""
    return _TO_DECODE.sub(lambda match: _DECODED[match.group()], text)


class PostgresqlStore(MetadataStore):
    """MLMD's client; what it is given and what it returns are as of any other."""

    def _pywrap_cc_call(self, method: Any, request: Message, response: Message) -> None:
        sent = type(request)()
        sent.CopyFrom(request)
        change_texts(sent, encoded)
        super()._pywrap_cc_call(method, sent, response)
        change_texts(response, decoded)


def change_texts(message: Message, change: Callable[[str], str]) -> None:
    """Changes every text in a message, in place: fields, repeated ones, keys and values of maps, messages within."""
    fields: list[tuple[Any, Any]] = list(message.ListFields())
    for descriptor, value in fields:
        is_map = descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry
        if is_map:
            _change_map(value, descriptor.message_type.fields_by_name["value"], change)
        elif descriptor.type == descriptor.TYPE_MESSAGE:
            for one in [value] if isinstance(value, Message) else value:
                change_texts(one, change)
        elif descriptor.type == descriptor.TYPE_STRING:
            if isinstance(value, str):
                setattr(message, descriptor.name, change(value))
            else:
                value[:] = [change(one) for one in value]


def _change_map(entries: Any, kind: Any, change: Callable[[str], str]) -> None:
    for key in list(entries):
        new = change(key) if isinstance(key, str) else key
        if kind.type == kind.TYPE_MESSAGE:
            change_texts(entries[key], change)
            if new != key:
                entries[new].CopyFrom(entries[key])
        elif new != key or kind.type == kind.TYPE_STRING:
            entries[new] = change(entries[key]) if kind.type == kind.TYPE_STRING else entries[key]
        if new != key:
            del entries[key]


@contextmanager
def used_by_tfx() -> Iterator[None]:
    """Lets TFX, which makes its clients itself, use `PostgresqlStore` within the block."""
    before = ml_metadata.MetadataStore
    ml_metadata.MetadataStore = PostgresqlStore
    try:
        yield
    finally:
        ml_metadata.MetadataStore = before
