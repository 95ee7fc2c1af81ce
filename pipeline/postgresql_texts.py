r"""Texts for PostgreSQL without the backslashes that MLMD 1.16 breaks on.

MLMD takes the first and the last character off what libpq's PQescapeLiteral gives, and puts quotes around the rest. In
a text with a backslash libpq gives ` E'...'`, so that the quotes end in the wrong place: what follows is read as SQL.
TFX's parameters are JSON, and most have backslashes. So none ever reaches MLMD: they are written as two other
characters, and read back; U+E000 is one of those that Unicode leaves to private use.
"""

from __future__ import annotations

import re

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
