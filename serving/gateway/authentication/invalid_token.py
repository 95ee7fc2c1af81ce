"""The one error of all that read tokens."""

from __future__ import annotations


class InvalidToken(Exception):  # noqa: N818  # it names the state of the token, as RFC 6750's invalid_token
    """The token is none that is taken. Its text is a word or two for the audit log, and never holds the token."""
