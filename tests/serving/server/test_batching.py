"""Which requests are run together, with a servable that only adds up."""

from __future__ import annotations

import threading
import time

import grpc
import numpy as np
import pytest

from serving.server.batching import BatchedServable, BatchScheduler
from serving.server.batching_parameters import BatchingParameters
from serving.server.errors import RequestError, invalid_argument
from serving.server.servable import Servable

LONG = 30.0


class Adding:
    """Runs batches: doubles each row, refuses negative numbers, and notes what it was given."""

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()
        self.started = threading.Event()

    def __call__(self, inputs):
        self.started.set()
        assert self.gate.wait(LONG)
        self.batches.append(inputs["x"].tolist())
        if (inputs["x"] < 0).any():
            raise invalid_argument("negative")
        return {"y": 2 * inputs["x"]}


@pytest.fixture
def adding():
    return Adding()


@pytest.fixture
def scheduler():
    made = []

    def make(**parameters):
        made.append(BatchScheduler(BatchingParameters(**{"threads": 1, **parameters})))
        return made[-1]

    yield make
    for one in made:
        one.close()


def submit(scheduler, adding, *values, key="k"):
    return scheduler.submit(key, adding, {"x": np.array(values, float)}, len(values))


def answer(future):
    return future.result(timeout=LONG)["y"].tolist()


def test_a_full_batch_runs_at_once_and_each_gets_its_rows(scheduler, adding):
    three = scheduler(max_batch_size=3, timeout_s=LONG)
    first, second = submit(three, adding, 1.0, 2.0), submit(three, adding, 3.0)
    assert (answer(first), answer(second)) == ([2.0, 4.0], [6.0])
    assert adding.batches == [[1.0, 2.0, 3.0]]


def test_a_batch_that_is_not_full_runs_when_its_time_is_up(scheduler, adding):
    started = time.monotonic()
    assert answer(submit(scheduler(max_batch_size=10, timeout_s=0.1), adding, 1.0)) == [2.0]
    assert time.monotonic() - started >= 0.1


def test_what_does_not_fit_opens_the_next_batch(scheduler, adding):
    two = scheduler(max_batch_size=2, timeout_s=0.2)
    futures = [submit(two, adding, 1.0), submit(two, adding, 2.0, 3.0), submit(two, adding, 4.0)]
    assert [answer(future) for future in futures] == [[2.0], [4.0, 6.0], [8.0]]
    assert adding.batches == [[1.0], [2.0, 3.0], [4.0]]


def test_a_batch_is_filled_with_a_row_of_its_last_request_and_the_filling_is_cut_off(scheduler, adding):
    sizes = scheduler(max_batch_size=8, timeout_s=0.05, allowed_batch_sizes=(2, 4, 8))
    assert answer(submit(sizes, adding, 1.0, 2.0, 3.0)) == [2.0, 4.0, 6.0]
    assert adding.batches == [[1.0, 2.0, 3.0, 1.0]]


def test_requests_of_other_keys_are_not_mixed(scheduler, adding):
    two = scheduler(max_batch_size=2, timeout_s=0.05)
    futures = [submit(two, adding, float(number), key=number) for number in range(3)]
    assert [answer(future) for future in futures] == [[0.0], [2.0], [4.0]]
    assert sorted(adding.batches) == [[0.0], [1.0], [2.0]]


def test_too_many_rows(scheduler, adding):
    with pytest.raises(RequestError) as caught:
        submit(scheduler(max_batch_size=2), adding, 1.0, 2.0, 3.0)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.message == "Task size 3 is larger than maximum input batch size 2"


def test_a_full_queue(scheduler, adding):
    adding.gate.clear()
    one = scheduler(max_batch_size=1, max_enqueued_batches=2)
    running = submit(one, adding, 1.0)
    assert adding.started.wait(LONG)
    waiting = [submit(one, adding, 2.0), submit(one, adding, 3.0)]
    with pytest.raises(RequestError) as caught:
        submit(one, adding, 4.0)
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE
    assert caught.value.message == "The batch scheduling queue to which this task was submitted is full"
    adding.gate.set()
    assert [answer(future) for future in (running, *waiting)] == [[2.0], [4.0], [6.0]]


def test_a_request_that_is_refused_fails_no_other(scheduler, adding):
    three = scheduler(max_batch_size=3, timeout_s=LONG)
    futures = [submit(three, adding, value) for value in (1.0, -1.0, 3.0)]
    assert (answer(futures[0]), answer(futures[2])) == ([2.0], [6.0])
    with pytest.raises(RequestError, match="negative"):
        answer(futures[1])


def test_a_bug_reaches_its_requests_and_the_thread_goes_on(scheduler, adding):
    def broken(_):
        raise ZeroDivisionError

    one = scheduler(max_batch_size=1)
    with pytest.raises(ZeroDivisionError):
        answer(one.submit("broken", broken, {"x": np.ones(1)}, 1))
    assert answer(submit(one, adding, 1.0)) == [2.0]


@pytest.mark.parametrize(
    ("output", "says"),
    [(np.float64(1), "has 0 dimensions"), (np.ones(3), "does not equal the sum")],
    ids=["scalar", "rows"],
)
def test_an_output_that_cannot_be_split(scheduler, output, says):
    future = scheduler(max_batch_size=1).submit("k", lambda _: {"y": np.asarray(output)}, {"x": np.ones(1)}, 1)
    with pytest.raises(RequestError, match=says) as caught:
        answer(future)
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION


def test_closing_runs_what_waits(adding):
    scheduler = BatchScheduler(BatchingParameters(max_batch_size=5, timeout_s=LONG, threads=1))
    future = submit(scheduler, adding, 1.0)
    scheduler.close()
    assert answer(future) == [2.0]


@pytest.fixture(scope="module")
def toy(toy_versions):
    servable = Servable.load(toy_versions / "1")
    yield servable
    servable.close()


def sums(model, rows, **more):
    return model.run("row_sums", {"rows": np.asarray(rows, np.float32)}, **more)["sums"].tolist()


def test_a_servable_in_batches_answers_as_without(toy, scheduler):
    batched = BatchedServable(toy, scheduler(max_batch_size=4, allowed_batch_sizes=(4,)))
    assert sums(batched, [[1, 2], [3, 4]]) == [3.0, 7.0]
    assert sums(batched, np.zeros((0, 2))) == []
    assert set(batched.signatures) == set(toy.signatures)


def test_a_large_request_is_split_where_the_file_says_so(toy, scheduler):
    batched = BatchedServable(toy, scheduler(max_batch_size=8, split_large=True, max_execution_batch_size=2))
    assert sums(batched, np.ones((5, 3))) == [3.0] * 5


@pytest.mark.parametrize(
    ("signature", "inputs", "says"),
    [
        ("two_inputs", {"a": np.ones((2, 3), np.float32), "b": np.ones(1, np.float32)}, "equal 0th-dimension size"),
        ("row_sums", {"rows": np.ones(3, np.float32)}, "its shape is"),
        ("no", {}, 'signature key "no" not found'),
    ],
)
def test_inputs_are_checked_before_they_wait(toy, scheduler, signature, inputs, says):
    with pytest.raises(RequestError, match=says):
        BatchedServable(toy, scheduler()).run(signature, inputs)
