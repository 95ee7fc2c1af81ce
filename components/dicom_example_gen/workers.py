"""Processes that write the shards of one ingest, and outlive them: threads would share the interpreter's lock.

Decoders are C. Should a file end the process that decodes it (none is known to), it costs that process alone, and
its row is found by halving and rejected.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import forkserver
from typing import Any

from components.dicom_example_gen.shard import Shard, ShardJob, ShardResult, encode_row, write_shard
from imaging.manifest import ManifestRow
from imaging.threads import use_one_thread
from imaging.worker_processes import end_with_parent

PROGRESS = logging.getLogger("radflow.progress")
_POLL_S = 0.2

_counter: Any = None
"""In a worker process: the rows that all of them have done."""


class ShardWorkers:
    """Writes shards in processes of its own.

    Args:
        job: what the ingest is about.
        processes: how many.
        total: rows of all shards, for the progress.
    """

    def __init__(self, job: ShardJob, *, processes: int, total: int) -> None:
        self._job, self._processes = job, processes
        # Not `fork`: this process has TensorFlow's and Beam's threads, which a copy of it would not have.
        self._context = multiprocessing.get_context("forkserver")
        self._done = self._context.Value("q", 0)
        self._progress = _Progress(total)
        self._pool = self._new_pool(processes)
        self._waiting: dict[Future[ShardResult], Shard] = {}

    def submit(self, shard: Shard) -> None:
        """Hands a shard to the processes; returns at once."""
        try:
            self._waiting[self._pool.submit(_write, shard, self._job)] = shard
        except BrokenProcessPool as error:
            failed: Future[ShardResult] = Future()
            failed.set_exception(error)
            self._waiting[failed] = shard

    def results(self) -> Iterator[ShardResult]:
        """Yields the result of every shard, as they are done."""
        orphans = []
        while self._waiting:
            done, _ = wait(self._waiting, timeout=_POLL_S, return_when=FIRST_COMPLETED)
            self._progress.say(self._done.value)
            for future in done:
                shard = self._waiting.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    orphans.append(shard)
                else:
                    yield future.result()
        for shard in orphans:
            yield self._salvaged(shard)

    def close(self) -> None:
        """Ends the processes, and the server that they were forked from; shards that have not begun are left."""
        self._pool.shutdown(cancel_futures=True)
        forkserver._forkserver._stop()  # type: ignore[attr-defined]  # noqa: SLF001  # it would outlive this process a moment

    def _salvaged(self, shard: Shard) -> ShardResult:
        """Returns the result of a shard whose process was ended, perhaps by one of its rows."""
        lethal = frozenset(row.row for row in find_lethal(shard.rows, self._survives))
        with self._new_pool(1) as pool:
            return pool.submit(_write, replace(shard, lethal=lethal), self._job).result()

    def _survives(self, rows: Sequence[ManifestRow]) -> bool:
        with self._new_pool(1) as pool:
            try:
                pool.submit(_try, rows, self._job).result()
            except BrokenProcessPool:
                return False
        return True

    def _new_pool(self, processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(processes, self._context, initializer=_start, initargs=(self._done,))


def start_early() -> None:
    """Starts to load what workers need, in the server that they are forked from, while this process goes on."""
    multiprocessing.set_forkserver_preload([__name__])
    forkserver.ensure_running()


def find_lethal(rows: Sequence[ManifestRow], survives: Callable[[Sequence[ManifestRow]], bool]) -> list[ManifestRow]:
    """Returns the rows that end a process, by halving: about two processes for each doubling of the rows.

    Args:
        rows: rows of which some may be lethal.
        survives: whether a process outlives decoding these.
    """
    if survives(rows):
        return []
    if len(rows) == 1:
        return list(rows)
    middle = len(rows) // 2
    return find_lethal(rows[:middle], survives) + find_lethal(rows[middle:], survives)


def _start(done: Any) -> None:
    global _counter  # noqa: PLW0603  # a process of the pool has no other place to keep it
    _counter = done
    end_with_parent()
    use_one_thread()


def _write(shard: Shard, job: ShardJob) -> ShardResult:
    return write_shard(shard, job, _count_one)


def _try(rows: Sequence[ManifestRow], job: ShardJob) -> None:
    for row in rows:
        encode_row(row, job)


def _count_one() -> None:
    with _counter.get_lock():
        _counter.value += 1


class _Progress:
    """Tells how many of all images are done, and how long the rest will take."""

    def __init__(self, total: int) -> None:
        self._total, self._said, self._start = total, 0, time.monotonic()

    def say(self, done: int) -> None:
        if done <= self._said:
            return
        left = (time.monotonic() - self._start) / done * (self._total - done)
        # One line in ten per cent is kept; in between, a terminal shows the last state.
        tenth = done * 10 // self._total > self._said * 10 // self._total
        log = PROGRESS.info if tenth and self._total > 256 else PROGRESS.debug
        log("%d of %d images read, about %.0f s left", done, self._total, left)
        self._said = done
