"""The one error that the model server answers a request with."""

from __future__ import annotations

import grpc

_MAX_MESSAGE = 1024
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class RequestError(Exception):
    """A request that cannot be answered, with the gRPC status that TensorFlow Serving would answer it with.

    Attributes:
        code: the status code.
        message: the whole text; `details` is what goes over the wire.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def details(self) -> str:
        """The message, cut as TensorFlow Serving cuts it (grpc_status_util.cc)."""
        return self.message if len(self.message) <= _MAX_MESSAGE else self.message[:_MAX_MESSAGE] + "...TRUNCATED"


def invalid_argument(message: str) -> RequestError:
    """Returns an INVALID_ARGUMENT error."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, message)


def status_code(number: int) -> grpc.StatusCode:
    """Returns the gRPC status of a TensorFlow error's code: the numbers are the same, unknown ones are UNKNOWN."""
    return _CODES.get(number, grpc.StatusCode.UNKNOWN)
