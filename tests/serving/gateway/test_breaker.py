from __future__ import annotations

import pytest

from serving.gateway.breaker import CircuitBreaker, CircuitOpenError


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(failures=3, open_s=5.0, clock=clock)


def fail(breaker, times):
    for _ in range(times):
        breaker.enter()
        breaker.failed()


def test_failures_in_a_row_open_it_and_it_says_for_how_long(breaker, clock):
    fail(breaker, 3)
    clock.now += 2.0
    with pytest.raises(CircuitOpenError) as caught:
        breaker.enter()
    assert caught.value.retry_after_s == 3.0


def test_a_success_between_failures_keeps_it_closed(breaker):
    fail(breaker, 2)
    breaker.enter()
    breaker.succeeded()
    fail(breaker, 2)
    breaker.enter()


def test_half_open_it_lets_one_call_through_which_closes_it(breaker, clock):
    fail(breaker, 3)
    clock.now += 5.0
    breaker.enter()
    with pytest.raises(CircuitOpenError):
        breaker.enter()
    breaker.succeeded()
    breaker.enter()


def test_half_open_a_failure_opens_it_again(breaker, clock):
    fail(breaker, 3)
    clock.now += 5.0
    fail(breaker, 1)
    clock.now += 4.9
    with pytest.raises(CircuitOpenError):
        breaker.enter()


def test_a_probe_that_never_ends_does_not_close_it_for_ever(breaker, clock):
    fail(breaker, 3)
    clock.now += 5.0
    breaker.enter()
    clock.now += 5.0
    breaker.enter()
