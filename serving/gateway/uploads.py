"""Receives a multipart upload: straight to files of numbers of our own, counting what comes, keeping no name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

import anyio
from anyio import CapacityLimiter
from fastapi import Request
from pydantic import Field, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from serving.gateway.problems import BAD_REQUEST, INVALID, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, ProblemError
from serving.gateway.schemas.base import Asked
from serving.gateway.schemas.predictions import Declared

_BLOCK = 1 << 20
"""Bytes that are gathered before a thread parses and writes them: a thread for every chunk would cost more."""
_LONGEST_FIELD = 256
_LONGEST_HEADER = 8192
_FILES = b"files"


class UploadFields(Asked):
    """The fields of an upload beside its files."""

    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    predict: Literal["true", "false"] = "true"
    modality: str | None = None
    view: str | None = None
    age_years: str | None = None


@dataclass(frozen=True)
class Limits:
    """What an upload may hold; see the settings of these names."""

    request_bytes: int
    file_bytes: int
    files: int


@dataclass
class Upload:
    """What was received.

    Attributes:
        files: where each file is, in their order; None for one that was larger than a file may be.
        fields: text by name.
    """

    files: list[Path | None] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


async def receive(request: Request, folder: Path, limits: Limits, writers: CapacityLimiter) -> Upload:
    """Returns an upload once all of it has come.

    Args:
        request: its body is read once, in pieces.
        folder: receives the files.
        limits: of the upload.
        writers: threads that may parse and write at a time: few, since each keeps the event loop from the interpreter.

    Raises:
        ProblemError: UNSUPPORTED_MEDIA_TYPE, BAD_REQUEST, TOO_LARGE, or INVALID for a field that is none.
    """
    receiver = _Receiver(_boundary(request), folder, limits)
    pending, size = bytearray(), 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limits.request_bytes:
                raise ProblemError(TOO_LARGE, f"an upload has at most {limits.request_bytes} bytes: send fewer files")
            pending += chunk
            if len(pending) >= _BLOCK:
                await anyio.to_thread.run_sync(receiver.feed, bytes(pending), limiter=writers)
                pending.clear()
        await anyio.to_thread.run_sync(receiver.finish, bytes(pending), limiter=writers)
    except ClientDisconnect as error:
        raise ProblemError(BAD_REQUEST, "the connection ended before the upload did") from error
    finally:
        receiver.close()
    return receiver.upload


def checked_fields(given: Mapping[str, str]) -> tuple[UploadFields, Declared]:
    """Returns the fields of an upload, and what it declares; an empty one is as if it were absent.

    Raises:
        ProblemError: INVALID, with one object for each field that is wrong.
    """
    try:
        fields = UploadFields.model_validate({name: text for name, text in given.items() if text.strip()})
        stated = {name: getattr(fields, name) for name in ("modality", "view", "age_years")}
        return fields, Declared.model_validate({name: text for name, text in stated.items() if text is not None})
    except ValidationError as error:
        errors = [{"loc": ["body", *one["loc"]], "msg": one["msg"]} for one in error.errors()]
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in errors)
        raise ProblemError(INVALID, told, errors=errors) from error


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise ProblemError(UNSUPPORTED_MEDIA_TYPE, "an upload is multipart/form-data, its files in parts named `files`")
    if not options.get(b"boundary"):
        raise ProblemError(BAD_REQUEST, "the Content-Type multipart/form-data has no boundary")
    return options[b"boundary"]


class _Receiver:
    """Follows the parser through the parts of a body."""

    def __init__(self, boundary: bytes, folder: Path, limits: Limits) -> None:
        self.upload = Upload()
        self._folder, self._limits = folder, limits
        self._file: BinaryIO | None = None
        self._written = 0
        self._text: bytearray | None = None
        self._name = ""
        self._header, self._value = bytearray(), bytearray()
        self._disposition = b""
        self._ended = False
        callbacks = {
            "on_part_begin": self._part_begins,
            "on_header_field": lambda data, start, end: self._gather(self._header, data[start:end]),
            "on_header_value": lambda data, start, end: self._gather(self._value, data[start:end]),
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": lambda data, start, end: self._part_data(data[start:end]),
            "on_part_end": self._part_ends,
            "on_end": self._all_ends,
        }
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]  # its TypedDict of callbacks

    def feed(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise ProblemError(BAD_REQUEST, "the body is no multipart/form-data that can be read") from error

    def finish(self, data: bytes) -> None:
        if data:
            self.feed(data)
        if not self._ended:
            raise ProblemError(BAD_REQUEST, "the body ends before its last boundary")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _part_begins(self) -> None:
        self._disposition, self._name = b"", ""

    def _gather(self, into: bytearray, data: bytes) -> None:
        into += data
        if len(into) > _LONGEST_HEADER:
            raise ProblemError(BAD_REQUEST, "a part of the body has headers that are too long")

    def _header_ends(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"")
        if name == _FILES:
            self._file_begins()
            return
        self._name = name.decode("utf-8", "replace")
        if self._name not in UploadFields.model_fields:
            known = ", ".join(["files", *UploadFields.model_fields])
            raise ProblemError(INVALID, f"the body has a part that is none of {known}")
        self._text = bytearray()

    def _file_begins(self) -> None:
        number = len(self.upload.files)
        if number >= self._limits.files:
            raise ProblemError(TOO_LARGE, f"an upload has at most {self._limits.files} files")
        path = self._folder / f"file{number}"
        self._file, self._written = path.open("wb"), 0
        self.upload.files.append(path)

    def _part_data(self, data: bytes) -> None:
        if self._text is not None:
            self._text += data
            if len(self._text) > _LONGEST_FIELD:
                raise ProblemError(INVALID, f"the field {self._name} is longer than {_LONGEST_FIELD} bytes")
        elif self._file is not None:
            self._written += len(data)
            if self._written <= self._limits.file_bytes:
                self._file.write(data)

    def _part_ends(self) -> None:
        if self._text is not None:
            self.upload.fields[self._name] = bytes(self._text).decode("utf-8", "replace")
            self._text = None
        elif self._file is not None:
            self._file.close()
            self._file = None
            if self._written > self._limits.file_bytes:
                (self._folder / f"file{len(self.upload.files) - 1}").unlink()
                self.upload.files[-1] = None

    def _all_ends(self) -> None:
        self._ended = True
