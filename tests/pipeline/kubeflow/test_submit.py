"""A run is started through Kubeflow's own client, here against a server that answers as its API does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from data_schemas.errors import ConfigurationError
from pipeline.kubeflow.submit import submit

pytestmark = [
    pytest.mark.pipeline,
    pytest.mark.filterwarnings("ignore::FutureWarning:kfp"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:kfp"),
]


class Api(BaseHTTPRequestHandler):
    """Kubeflow Pipelines' API as far as starting a run goes (v2beta1)."""

    started: list[dict[str, Any]]
    refuses = False

    def do_GET(self) -> None:  # http.server's name
        if "/healthz" in self.path:
            self._answer({"multi_user": False})
        elif "/experiments" in self.path:
            self._answer({"experiments": [{"experiment_id": "e1", "display_name": "Default"}]})
        else:
            self._answer({}, status=404)

    def do_POST(self) -> None:  # http.server's name
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/runs") and not self.refuses:
            self.started.append(body)
            self._answer({"run_id": "r1", "display_name": body["display_name"]})
        else:
            self._answer({"error": "no"}, status=403)

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, type[Api]]]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    handler = type("ApiOfTest", (Api,), {"started": [], "refuses": False})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_run_of_the_file_is_started_with_secrets_and_volumes_for_the_account(
    api: tuple[str, type[Api]], compiled: Path, documents: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    endpoint, handler = api
    assert submit(compiled, endpoint=endpoint, service_account="radflow") == f"{endpoint}/#/runs/details/r1"
    (run,) = handler.started
    assert run["service_account"] == "radflow" and run["experiment_id"] == "e1"
    assert set(run["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]) == set(
        documents[0]["root"]["dag"]["tasks"]
    )
    assert run["pipeline_spec"]["platform_spec"] == documents[1]


def test_a_refusal_says_with_which_status(api: tuple[str, type[Api]], compiled: Path) -> None:
    endpoint, handler = api
    handler.refuses = True
    with pytest.raises(ConfigurationError, match=f"--endpoint {endpoint} refused the run: 403"):
        submit(compiled, endpoint=endpoint)


def test_an_endpoint_that_does_not_answer_says_how_to_reach_one(compiled: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"does not answer .* kubectl port-forward"):
        submit(compiled, endpoint="http://127.0.0.1:9")
