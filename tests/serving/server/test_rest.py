"""The REST interface's limits, headers and failures; what it answers is held in tests/serving/conformance."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import grpc
import httpx
import pytest

from serving.server.answering import Answers
from serving.server.config import ModelConfig
from serving.server.errors import RequestError
from serving.server.listening import start_http
from serving.server.metrics import Metrics
from serving.server.models import Models
from serving.server.options import RestOptions, ServerOptions

ROWS = {"signature_name": "row_sums", "instances": [[1.0, 2.0]]}


@pytest.fixture(scope="module")
def answers(toy_versions):
    models = Models([ModelConfig("a toy/1", toy_versions)])
    models.poll()
    yield Answers(models, Metrics())
    models.close()


@contextmanager
def asking(answers, **options):
    """A client of a server on a free port."""
    server = start_http(answers, ServerOptions(rest_port=0, rest_threads=2, rest=RestOptions(**options)))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
            yield client
    finally:
        server.stop()


@pytest.fixture
def client(answers):
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(asking(answers, **options))


PREDICT = "/v1/models/a%20toy%2F1:predict"


def test_a_name_may_be_escaped(client):
    assert client().post(PREDICT, json=ROWS).json() == {"predictions": [3.0]}


def test_paths_are_read_whatever_their_case(client):
    assert client().post("/v1/Models/a%20toy%2F1:PREDICT", json=ROWS).status_code == 200


def test_a_body_that_is_too_long_is_refused(client):
    response = client(max_body_bytes=20).post(PREDICT, json=ROWS)
    assert response.status_code == 413
    assert "more than 20 bytes" in response.json()["error"]


def test_a_call_that_takes_too_long_is_ended(client):
    body = {"signature_name": "slow", "instances": [200]}
    response = client(timeout_s=0.05).post(PREDICT, json=body)
    assert (response.status_code, response.json()) == (504, {"error": "no answer within 0.05 s"})


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_malformed_requests(client, method):
    response = client().request(method, PREDICT, json=ROWS)
    assert (response.status_code, response.json()["error"]) == (400, f"Malformed request: {method} {PREDICT}")


def test_a_version_that_is_no_int64(client):
    response = client().get(f"/v1/models/toy/versions/{2**63}")
    assert (response.status_code, response.json()["error"]) == (400, f"Failed to convert version: {2**63} to numeric.")


def test_a_web_page_may_ask_only_where_that_is_switched_on(client):
    assert "access-control-allow-origin" not in client().get("/v1/models/x").headers
    assert client(cors=True).get("/v1/models/x").headers["access-control-allow-origin"] == "*"


def test_metrics_are_where_the_file_says_and_nowhere_without_one(client):
    assert client(metrics_path="/metrics").get("/metrics").headers["content-type"].startswith("text/plain")
    assert client().get("/metrics").status_code == 404


def test_a_model_that_a_client_made_up_is_no_label(client):
    asked = client(metrics_path="/metrics")
    asked.post("/v1/models/Miller:predict", json=ROWS)
    page = asked.get("/metrics").text
    assert "Miller" not in page
    assert ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"}' in page


CODES = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}


class Failing:
    """Answers that all end with one error."""

    def __init__(self, error):
        self._error = error

    def status(self, _):
        raise self._error


@pytest.mark.parametrize(("code", "status"), CODES.items())
def test_each_code_has_its_status(code, status):
    with asking(Failing(RequestError(grpc.StatusCode[code], "why"))) as client:
        response = client.get("/v1/models/x")
    assert (response.status_code, response.json()) == (status, {"error": "why"})


def test_a_bug_tells_its_type_alone():
    with asking(Failing(KeyError("Miller"))) as client:
        response = client.get("/v1/models/x")
    assert response.status_code == 500
    assert response.json() == {"error": "unforeseen KeyError in the model server"}


def test_calls_run_at_once(client):
    asked, body = client(), json.dumps(ROWS)
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(lambda _: asked.post(PREDICT, content=body).status_code, range(16)))
    assert codes == [200] * 16
