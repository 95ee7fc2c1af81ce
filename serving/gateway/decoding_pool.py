"""Decoding in processes of its own: so many of them, for so long, with so much memory; one that fails is replaced.

Not `concurrent.futures`: there, one process that dies breaks the whole pool, one that hangs is never ended, and what a
process answers is unpickled. Here it is JSON, because what a decoder does with a broken file is not to be trusted.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Literal, cast

from serving.gateway.problems import TOO_MANY, ProblemError

Answer = dict[str, Any]
Told = Callable[[Answer], None]
Status = Literal["not_dicom", "no_pixels", "unsupported", "corrupt"]

_log = logging.getLogger("serving.gateway")

RETRY_AFTER_S = 5
_START_S = 60.0
"""Seconds in which a worker has imported what it needs and answers; counted on top of its first task's."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1")
"""Where every core has a process, threads would wait for each other, and each has address space of its own."""


class FileRefusedError(Exception):
    """A file gives no image; `status` and the message are what `radflow inspect` says of it.

    Attributes:
        what: the attribute to blame where a task takes no such image: modality, view or intent.
    """

    def __init__(self, status: Status, reason: str, what: str = "") -> None:
        super().__init__(reason)
        self.status: Status = status
        self.what = what


@dataclass(frozen=True)
class _Job:
    request: bytes
    future: Future[Answer]
    told: Told


class DecodingPool:
    """Runs tasks of `serving.gateway.decoding_tasks`.

    Args:
        workers: processes.
        waiting: requests that may wait while as many as there are workers are being worked for.
        timeout_s: seconds for one task, after which its process is ended.
        memory_bytes: address space of a process.

    Example:
        >>> with DecodingPool(workers=2, waiting=16) as pool, pool.admitted():
        ...     pool.submit("rendered", file="kept", out="work", frame=1, window=None, invert=False).result()
        {}
    """

    def __init__(
        self, *, workers: int, waiting: int, timeout_s: float = 120.0, memory_bytes: int = 4 * 1024**3
    ) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._places = workers + waiting
        self._taken = 0
        self._lock = threading.Lock()
        self._workers = [_Worker(timeout_s, memory_bytes) for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._work, args=(worker,), name="decoding", daemon=True)
            for worker in self._workers
        ]

    def __enter__(self) -> DecodingPool:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Starts the processes, without waiting until they have imported what they need."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ends the processes; what was not begun is cancelled."""
        for _ in self._threads:
            self._jobs.put(None)
        for worker in self._workers:
            worker.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(10)

    def alive(self) -> bool:
        """Returns whether any thread takes jobs; a process that ended is replaced with the next one."""
        return any(thread.is_alive() for thread in self._threads)

    def occupancy(self) -> tuple[int, int]:
        """Returns how many requests were admitted, and how many tasks no process has begun."""
        return self._taken, self._jobs.qsize()

    def check_admitting(self) -> None:
        """Raises as `admitted` would now, so that a body need not be sent in vain.

        Raises:
            ProblemError: TOO_MANY.
        """
        if self._taken >= self._places:
            raise too_many()

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Lets a request submit tasks for the block.

        Raises:
            ProblemError: TOO_MANY, as many as may are being worked for or wait.
        """
        with self._lock:
            if self._taken >= self._places:
                raise too_many()
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1

    def submit(self, task: str, /, *, told: Told | None = None, **arguments: Any) -> Future[Answer]:
        """Returns the answer that a task will give, or FileRefusedError that it will raise; call it when admitted.

        Args:
            task: its name.
            told: is given, on a thread of the pool, what the task tells before its answer.
            arguments: of the task.
        """
        request = json.dumps({"task": task, "arguments": arguments}).encode()
        job = _Job(request, Future(), told or _nobody)
        self._jobs.put(job)
        return job.future

    def _work(self, worker: _Worker) -> None:
        """Is what one thread does: starts its process, and gives it one job after the other."""
        worker.start()
        while (job := self._jobs.get()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                job.future.set_result(worker.answer(job.request, job.told))
            except BaseException as error:  # noqa: BLE001  # it belongs to whoever waits for the job
                job.future.set_exception(error)


class _Worker:
    """A process, and what is left of it when it fails: another one."""

    def __init__(self, timeout_s: float, memory_bytes: int) -> None:
        self._timeout_s, self._memory_bytes = timeout_s, memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._fresh = True
        self._stopped = False

    def start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "serving.gateway.decoding_worker", str(self._memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders write there what they find in a file
                env={**os.environ, **_ONE_THREAD},
                start_new_session=True,  # Ctrl-C is for the gateway, which lets them finish
                bufsize=0,
            )
            self._fresh = True
        return self._process

    def answer(self, request: bytes, told: Told) -> Answer:
        """Returns what the process answers; `told` is given what it says before.

        Raises:
            FileRefusedError: the file gives no image, or its process hung, died or took too much memory over it.
        """
        process = self.start()
        deadline = time.monotonic() + self._timeout_s + (_START_S if self._fresh else 0)
        try:
            self._send(process, request)
            while "part" in (answer := cast("Answer", json.loads(self._receive(process, deadline)))):
                told(answer["part"])
        except TimeoutError:
            self._end()
            _log.error("a decoding worker was ended: it took more than %g s", self._timeout_s)
            raise FileRefusedError("unsupported", f"decoding it takes more than {self._timeout_s:g} s") from None
        except (EOFError, OSError):
            code = self._end()
            _log.error("a decoding worker ended by itself with code %s", code)
            raise FileRefusedError("corrupt", "decoding it ended the decoder") from None
        self._fresh = False
        if "done" in answer:
            return cast("Answer", answer["done"])
        raise self._refusal(answer)

    def stop(self) -> None:
        """Ends the process for good."""
        self._stopped = True
        self._end()

    def _refusal(self, answer: Answer) -> FileRefusedError:
        if "rejected" in answer:
            return FileRefusedError(**answer["rejected"])
        if answer["failed"] == "MemoryError":
            self._end()
            mebibytes = self._memory_bytes // 2**20
            return FileRefusedError("unsupported", f"decoding it takes more than {mebibytes} MiB of memory")
        _log.error("a decoding worker raised %s", answer["failed"])
        return FileRefusedError("corrupt", f"it cannot be decoded ({answer['failed']})")

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        return code

    @staticmethod
    def _send(process: subprocess.Popen[bytes], request: bytes) -> None:
        stream = cast("IO[bytes]", process.stdin)
        data = memoryview(struct.pack(">I", len(request)) + request)
        while data:
            data = data[stream.write(data) :]

    @staticmethod
    def _receive(process: subprocess.Popen[bytes], deadline: float) -> bytes:
        descriptor, data, wanted = cast("IO[bytes]", process.stdout).fileno(), bytearray(), 4
        while len(data) < wanted:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise TimeoutError
            part = os.read(descriptor, min(wanted - len(data), 1 << 16))  # not of the next message
            if not part:
                raise EOFError
            data += part
            if len(data) >= 4:
                wanted = 4 + struct.unpack(">I", data[:4])[0]
        return bytes(data[4:])


def _nobody(_: Answer) -> None:
    """Is told what nobody wants to know."""


def too_many() -> ProblemError:
    """Returns the problem of a gateway that decodes as much as it may."""
    return ProblemError(
        TOO_MANY,
        f"as many uploads as may are being decoded or wait; try again in {RETRY_AFTER_S} s",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
