"""Requests put together into batches, as TensorFlow Serving's BatchingSession does it (`--enable_batching`).

Requests of one signature, the same outputs and equal dimensions after the first wait in a queue; threads that all
queues share run a batch when it is full or its time is up, and give each request its rows of the outputs.

Two things differ from TensorFlow Serving. Requests whose further dimensions differ form batches of their own, where
it fails the batch; and when a batch is refused, each of its requests is run alone, so that a wrong one fails no other.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np

from serving.server.batching_parameters import BatchingParameters
from serving.server.errors import RequestError, invalid_argument
from serving.server.servable import Array, Servable, check_inputs, check_outputs

Arrays = Mapping[str, Array]


@dataclass
class _Task:
    inputs: Arrays
    rows: int
    answer: Future[Arrays] = field(default_factory=Future)
    since: float = 0.0


@dataclass
class _Batch:
    due: float
    tasks: list[_Task] = field(default_factory=list)
    closed: bool = False

    @property
    def rows(self) -> int:
        return sum(task.rows for task in self.tasks)


@dataclass
class _Queue:
    process: Callable[[Sequence[_Task]], None]
    batches: deque[_Batch] = field(default_factory=deque)


class BatchScheduler:
    """The threads that run batches, and the queues in which requests wait for them.

    Args:
        parameters: sizes, times and the number of threads.
        waited: told the seconds that each request waited.
    """

    def __init__(self, parameters: BatchingParameters, *, waited: Callable[[float], None] | None = None) -> None:
        self.parameters = parameters
        self._waited = waited
        self._queues: dict[Hashable, _Queue] = {}  # the next to have its turn first
        self._changed = threading.Condition()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, name=f"batch-{number}", daemon=True)
            for number in range(parameters.threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, key: Hashable, process: Callable[[Arrays], Arrays], inputs: Arrays, rows: int) -> Future[Arrays]:
        """Returns what will hold the outputs.

        Args:
            key: requests of one key may be run together.
            process: runs inputs of a whole batch; the same for every call with this key.
            inputs: arrays of `rows` rows.
            rows: at least 1.

        Raises:
            RequestError: INVALID_ARGUMENT, more rows than a batch may have; UNAVAILABLE, the queue is full.
        """
        if rows > self.parameters.rows:
            raise invalid_argument(f"Task size {rows} is larger than maximum input batch size {self.parameters.rows}")
        task = _Task(inputs, rows, since=time.monotonic())
        with self._changed:
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = _Queue(lambda tasks: self._process(process, tasks))
            self._enqueue(queue, task)
            self._changed.notify()
        return task.answer

    def close(self) -> None:
        """Ends the threads once all that waits has been run."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _enqueue(self, queue: _Queue, task: _Task) -> None:
        last = queue.batches[-1] if queue.batches else None
        if last is not None and not last.closed and last.rows + task.rows > self.parameters.rows:
            last.closed = True
        if last is None or last.closed:
            if len(queue.batches) >= self.parameters.max_enqueued_batches:
                raise RequestError(
                    grpc.StatusCode.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is full",
                )
            last = _Batch(due=task.since + self.parameters.timeout_s)
            queue.batches.append(last)
        last.tasks.append(task)
        last.closed = last.rows == self.parameters.rows

    def _work(self) -> None:
        while True:
            with self._changed:
                taken = self._take()
                while taken is None:
                    if self._stopped and not self._queues:
                        return
                    self._changed.wait(self._patience())
                    taken = self._take()
            queue, batch = taken
            queue.process(batch.tasks)

    def _take(self) -> tuple[_Queue, _Batch] | None:
        """Takes a batch that is full or due off its queue; queues have their turns, and are dropped when empty."""
        now = time.monotonic()
        for key, queue in self._queues.items():
            first = queue.batches[0]
            if first.closed or self._stopped or first.due <= now:
                queue.batches.popleft()
                del self._queues[key]
                if queue.batches:
                    self._queues[key] = queue  # behind the others
                return queue, first
        return None

    def _patience(self) -> float | None:
        """Returns the seconds until the next batch is due, or None when none waits."""
        due = [queue.batches[0].due for queue in self._queues.values()]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _process(self, process: Callable[[Arrays], Arrays], tasks: Sequence[_Task]) -> None:
        now = time.monotonic()
        if self._waited is not None:
            for task in tasks:
                self._waited(now - task.since)
        running = [task for task in tasks if task.answer.set_running_or_notify_cancel()]
        try:
            outputs = self._run_together(process, running) if running else []
        except RequestError as error:
            self._run_alone(process, running, error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the requests get it and the thread goes on
            for task in running:
                task.answer.set_exception(error)
        else:
            for task, output in zip(running, outputs, strict=True):
                task.answer.set_result(output)

    def _run_alone(self, process: Callable[[Arrays], Arrays], tasks: Sequence[_Task], error: RequestError) -> None:
        if len(tasks) == 1:
            tasks[0].answer.set_exception(error)
            return
        for task in tasks:
            try:
                task.answer.set_result(self._run_together(process, [task])[0])
            except Exception as own:  # noqa: BLE001  # as above
                task.answer.set_exception(own)

    def _run_together(self, process: Callable[[Arrays], Arrays], tasks: Sequence[_Task]) -> list[Arrays]:
        rows = sum(task.rows for task in tasks)
        padding = self.parameters.padded(rows) - rows
        merged = {name: _merged([task.inputs[name] for task in tasks], padding) for name in tasks[0].inputs}
        outputs = process(merged)
        for array in outputs.values():
            _check_rows(array, rows + padding)
        ends = np.cumsum([task.rows for task in tasks]).tolist()
        return [
            {name: array[end - task.rows : end] for name, array in outputs.items()}
            for task, end in zip(tasks, ends, strict=True)
        ]


class BatchedServable:
    """A servable whose requests are run in batches; closing it closes the servable, not the scheduler.

    Args:
        servable: the loaded version.
        scheduler: what runs the batches, shared by all versions of all models.
    """

    def __init__(self, servable: Servable, scheduler: BatchScheduler) -> None:
        self._servable = servable
        self._scheduler = scheduler

    @property
    def signatures(self) -> Mapping[str, Any]:
        """SignatureDef messages by signature name."""
        return self._servable.signatures

    def signature(self, name: str) -> Any:
        """Returns a SignatureDef.

        Raises:
            RequestError: FAILED_PRECONDITION, there is none of that name.
        """
        return self._servable.signature(name)

    def run(self, signature: str, inputs: Arrays, *, outputs: Iterable[str] | None = None) -> dict[str, Array]:
        """Runs one signature, together with other requests.

        Args:
            signature: its name.
            inputs: an array for every input, all with the same number of rows.
            outputs: names of the outputs to compute; all of them unless given.

        Raises:
            RequestError: as `Servable.run`; or inputs have no rows in common, are too many for a batch, or find the
                queue full.
        """
        definition = self.signature(signature)
        check_inputs(definition, inputs)
        names = check_outputs(definition, outputs)
        rows = _common_rows(inputs)
        if rows == 0:
            return self._servable.compute(signature, inputs, names)
        shapes = tuple((name, inputs[name].shape[1:]) for name in sorted(inputs))
        key = (id(self._servable), signature, names, shapes)

        def process(merged: Arrays) -> Arrays:
            return self._servable.compute(signature, merged, names)

        pieces = self._pieces(inputs, rows)
        answers = [self._scheduler.submit(key, process, piece, size) for piece, size in pieces]
        parts = [answer.result() for answer in answers]
        return {name: _joined([part[name] for part in parts]) for name in names}

    def close(self) -> None:
        """Frees the servable; nobody uses it any more, so that nothing of it waits in a queue."""
        self._servable.close()

    def _pieces(self, inputs: Arrays, rows: int) -> list[tuple[Arrays, int]]:
        parameters = self._scheduler.parameters
        if not parameters.split_large or rows <= parameters.rows:
            return [(inputs, rows)]
        starts = range(0, rows, parameters.rows)
        cut = [{name: array[at : at + parameters.rows] for name, array in inputs.items()} for at in starts]
        return [(piece, min(parameters.rows, rows - at)) for piece, at in zip(cut, starts, strict=True)]


def _common_rows(inputs: Arrays) -> int:
    sizes = {array.shape[0] if array.ndim else -1 for array in inputs.values()}
    if -1 in sizes:
        raise invalid_argument("Batching Run() input tensors must have at least one dimension.")
    if len(sizes) != 1:
        raise invalid_argument("Batching Run() input tensors must have equal 0th-dimension size.")
    return int(sizes.pop())


def _merged(arrays: Sequence[Array], padding: int) -> Array:
    """Returns arrays one after the other, then the last one's first row `padding` times."""
    filling = [np.repeat(arrays[-1][:1], padding, axis=0)] if padding else []
    return arrays[0] if len(arrays) == 1 and not padding else np.concatenate([*arrays, *filling])


def _joined(arrays: Sequence[Array]) -> Array:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _check_rows(array: Array, rows: int) -> None:
    if array.ndim == 0:
        raise RequestError(grpc.StatusCode.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
    if len(array) != rows:
        raise RequestError(
            grpc.StatusCode.FAILED_PRECONDITION,
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
            "tensors",
        )
