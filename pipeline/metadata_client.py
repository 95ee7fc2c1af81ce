"""MLMD's client with changes of what passes through it: for PostgreSQL, and URIs of artifacts on an object store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ml_metadata
from google.protobuf.message import Message
from ml_metadata.metadata_store import MetadataStore

_URIS = frozenset({"ml_metadata.Artifact.uri", "ml_metadata.GetArtifactsByURIRequest.uris"})


@dataclass(frozen=True)
class Passage:
    """What happens to messages on their way to the store, and back.

    Attributes:
        send: changes a request in place.
        receive: changes a response in place, given the request too.
    """

    send: Callable[[Message], None]
    receive: Callable[[Message, Message], None]


def text_passage(sent: Callable[[str], str], received: Callable[[str], str]) -> Passage:
    """Returns a passage that changes every text; one function undoes the other."""
    return _texts(sent, received, frozenset())


def uri_passage(sent: Callable[[str], str], received: Callable[[str], str]) -> Passage:
    """Returns a passage that changes artifacts' URIs alone; one function undoes the other."""
    return _texts(sent, received, _URIS)


def order_passage(receive: Callable[[Message, Message], None]) -> Passage:
    """Returns a passage that changes nothing but what a response lists."""
    return Passage(lambda _: None, receive)


def _texts(sent: Callable[[str], str], received: Callable[[str], str], only: frozenset[str]) -> Passage:
    return Passage(
        lambda request: change_texts(request, sent, only),
        lambda _, response: change_texts(response, received, only),
    )


class StoreHeldError(Exception):
    """Another program has locked the store for as long as MLMD tries, half a minute.

    MLMD raises a RuntimeError, after which TFX tries again, ten times.
    """


def is_held(error: BaseException) -> bool:
    """Says whether MLMD raised an error because another program has locked its store."""
    return "Concurrent writes aborted" in str(error) or "database is locked" in str(error)


def client_class(passages: Sequence[Passage] = ()) -> type[MetadataStore]:
    """Returns MLMD's client with some passages, the last of which is next to the store.

    What it is given and what it returns are as of any other; a store that is held, it says at once (`StoreHeldError`).
    """

    class Client(MetadataStore):
        def __init__(self, *words: Any, **options: Any) -> None:
            try:
                super().__init__(*words, **options)
            except RuntimeError as error:
                if is_held(error):
                    raise StoreHeldError(str(error)) from error
                raise

        def _pywrap_cc_call(self, method: Any, request: Message, response: Message) -> None:
            sent = type(request)()
            sent.CopyFrom(request)
            for passage in passages:
                passage.send(sent)
            super()._pywrap_cc_call(method, sent, response)
            for passage in reversed(passages):
                passage.receive(sent, response)

    return Client


def change_texts(message: Message, change: Callable[[str], str], only: frozenset[str] = frozenset()) -> None:
    """Changes texts in a message, in place: fields, repeated ones, keys and values of maps, messages within.

    Args:
        message: any.
        change: gives the new text.
        only: full names of the fields to change; every text where there are none.
    """
    fields: list[tuple[Any, Any]] = list(message.ListFields())
    for descriptor, value in fields:
        is_map = descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry
        if is_map:
            if not only:
                _change_map(value, descriptor.message_type.fields_by_name["value"], change)
        elif descriptor.type == descriptor.TYPE_MESSAGE:
            for one in [value] if isinstance(value, Message) else value:
                change_texts(one, change, only)
        elif descriptor.type == descriptor.TYPE_STRING and (not only or descriptor.full_name in only):
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
def used_by_tfx(client: type[MetadataStore]) -> Iterator[None]:
    """Lets TFX, which makes its clients itself, make one of this class within the block."""
    before = ml_metadata.MetadataStore
    ml_metadata.MetadataStore = client
    try:
        yield
    finally:
        ml_metadata.MetadataStore = before
