r"""What MLMD 1.16 lacks on PostgreSQL: texts without the backslashes that it breaks on, and answers in order.

MLMD takes the first and the last character off what libpq's PQescapeLiteral gives, and puts quotes around the rest. In
a text with a backslash libpq gives ` E'...'`, so that the quotes end in the wrong place: what follows is read as SQL.
TFX's parameters are JSON, and most have backslashes. So none ever reaches MLMD: they are written as two other
characters, and read back; U+E000 is one of those that Unicode leaves to private use.

TFX pairs the outputs of a cached step with the artifacts that it asks for by id, one by one. SQLite and MySQL give them
as they were written. PostgreSQL gives them in any order, and a model would be taken for another output.
"""

from __future__ import annotations

import re

from google.protobuf.message import Message
from ml_metadata.proto.metadata_store_pb2 import ListOperationOptions

_MARK = "\ue000"
_ENCODED = {"\\": f"{_MARK}b", _MARK: f"{_MARK}e"}
_DECODED = {code: character for character, code in _ENCODED.items()}
_IDS = ("artifact_ids", "context_ids", "execution_ids", "type_ids")
_TO_ENCODE, _TO_DECODE = re.compile(rf"[\\{_MARK}]"), re.compile(rf"{_MARK}[be]")


def encoded(text: str) -> str:
    """Returns a text without backslashes, which `decoded` turns back."""
    return _TO_ENCODE.sub(lambda match: _ENCODED[match.group()], text)


def decoded(text: str) -> str:
    """Returns the text that `encoded` was given."""
    return _TO_DECODE.sub(lambda match: _DECODED[match.group()], text)


def put_in_order(request: Message, response: Message) -> None:
    """Puts what a response lists into the order of the ids in its request; by id where the request has none.

    Args:
        request: of any method; a response that it wants ordered otherwise is left.
        response: is changed.
    """
    asked: dict[int, int] = {}
    for field, value in request.ListFields():
        if isinstance(value, ListOperationOptions) and value.HasField("order_by_field"):
            return
        if field.name in _IDS:
            asked = {number: place for place, number in reversed(list(enumerate(value)))}
    for field, value in response.ListFields():
        if not isinstance(value, Message) and field.message_type and "id" in field.message_type.fields_by_name:
            value.sort(key=lambda one: (asked.get(one.id, len(asked)), one.id))
