"""A process that decodes files for the gateway: `python -m serving.gateway.decoding_worker MEMORY_BYTES`.

Requests and answers are JSON behind their length, four bytes big endian, on stdin and stdout: whatever a broken file
makes a decoder do, the gateway reads nothing from it but JSON. Before its answer, a task may tell a part of it. The
process ends when stdin does.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from data_schemas.errors import ImageRejected

NICE = 10
"""Decoding takes every core that it gets; the gateway's own process, which answers everybody, goes before it."""


def main(memory_bytes: int) -> None:
    """Answers requests until there are no more.

    Args:
        memory_bytes: address space that this process may have.
    """
    from serving.gateway.decoding_tasks import answer_of

    os.nice(NICE)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold patients' images
    while (request := _read(requests)) is not None:
        answer = _answered(answer_of, request, lambda part: _write(answers, {"part": part}))
        _write(answers, answer)
        if answer.get("failed") == "MemoryError":
            return  # a fresh process has its memory in order again


def _answered(answer_of: Any, request: bytes, tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    try:
        return {"done": answer_of(request, tell)}
    except ImageRejected as rejection:
        return {"rejected": {"status": rejection.status, "reason": str(rejection), "what": _blamed(rejection)}}
    except Exception as error:  # noqa: BLE001  # one file's failure is answered; its text may quote the file
        return {"failed": type(error).__name__}


def _blamed(rejection: ImageRejected) -> str:
    return str(getattr(rejection, "what", ""))


def _read(stream: BinaryIO) -> bytes | None:
    head = stream.read(4)
    if len(head) < 4:
        return None
    return stream.read(struct.unpack(">I", head)[0])


def _write(stream: BinaryIO, answer: dict[str, Any]) -> None:
    data = json.dumps(answer).encode()
    stream.write(struct.pack(">I", len(data)) + data)
    stream.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
