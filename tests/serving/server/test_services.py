"""What a call ends with that went wrong inside; the rest is held in tests/serving/conformance."""

from __future__ import annotations

import grpc
import pytest

from serving.server.errors import invalid_argument
from serving.server.services import PredictionService


class AbortedError(Exception):
    """What gRPC's `abort` raises."""


class Context:
    """A call, as far as a service looks at it."""

    def __init__(self, *, active=True):
        self._active = active
        self.status = None

    def is_active(self):
        return self._active

    def abort(self, code, details):
        self.status = (code, details)
        raise AbortedError


class Answers:
    """Answers that raise, or note that they were asked."""

    def __init__(self, error=None):
        self._error = error
        self.asked = 0

    def predict(self, _):
        self.asked += 1
        if self._error:
            raise self._error
        return "answer"


def ended_with(answers, **call):
    context = Context(**call)
    with pytest.raises(AbortedError):
        PredictionService(answers).Predict("request", context)
    return context.status


def test_an_answer_is_handed_on():
    assert PredictionService(Answers()).Predict("request", Context()) == "answer"


def test_an_error_is_the_calls_status_cut_after_1024_characters():
    status = ended_with(Answers(invalid_argument("x" * 2000)))
    assert status == (grpc.StatusCode.INVALID_ARGUMENT, "x" * 1024 + "...TRUNCATED")


def test_a_bug_tells_its_type_and_nothing_of_the_request(caplog):
    status = ended_with(Answers(KeyError("Miller")))
    assert status == (grpc.StatusCode.INTERNAL, "unforeseen KeyError in the model server")
    assert "Miller" not in caplog.text
    assert "predict failed: KeyError" in caplog.text


def test_a_caller_that_has_gone_costs_no_computation():
    answers = Answers()
    assert ended_with(answers, active=False)[0] is grpc.StatusCode.CANCELLED
    assert answers.asked == 0
