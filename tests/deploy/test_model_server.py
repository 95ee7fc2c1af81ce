"""What deploy/ gives a model server starts the embedded one too, on what the Pusher and `approve` write."""

from __future__ import annotations

import os
import runpy
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cli.main import main
from components.pusher.publish import push
from components.pusher.warm_up import warm_up_records
from data_schemas import models_config
from data_schemas.model_files import WARM_UP_FILE
from data_schemas.task_file import load_task
from imaging.warm_up import warm_up_example
from serving.client import ModelClient
from tests.deploy.manifests import DEPLOY, compose, example_env

pytestmark = pytest.mark.pipeline

NAME = "synthetic_chest"
TASK = load_task(NAME)
POLL = "--model_config_file_poll_wait_seconds"


@dataclass(frozen=True)
class Deployed:
    """A running model server."""

    output: Path
    address: str
    rest: str

    def version(self, label: str) -> int:
        with ModelClient(self.address, NAME) as client:
            return client.predict([warm_up_example(TASK)], version_label=label).version


def push_toy(output: Path, models: Path, number: int) -> None:
    """Pushes a toy of its own for each number."""
    model = models / str(number)
    runpy.run_path(str(Path(__file__).parents[1] / "serving" / "toy_model.py"))["export"](model, float(number))
    push(model, output / "serving" / NAME, {WARM_UP_FILE: warm_up_records(TASK)})


def approve(output: Path, version: int) -> None:
    words = ["--by", "A", "--role", "B", "--statement", "C", "--output", str(output)]
    assert main(["approve", str(version), *words]) == 0


def flags(file: str, output: Path, rest: int, **changed: str) -> list[str]:
    """Returns a manifest's flags with this machine's folders and ports in place of the container's."""
    command = compose(file, example_env() | {"RADFLOW_OUTPUT": str(output)}).services["model-server"].command
    given = dict(flag.split("=", 1) for flag in command)
    given |= {"--port": "0", "--rest_api_port": str(rest), **changed}
    return [f"{flag}={value.replace('/etc/radflow', str(DEPLOY / 'model-server'))}" for flag, value in given.items()]


@contextmanager
def deployed(file: str, output: Path, log: Path, **changed: str) -> Iterator[Deployed]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        rest = probe.getsockname()[1]
    command = [sys.executable, "-m", "serving.server", *flags(file, output, rest, **changed)]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            ready = next((line for line in process.stdout if line.startswith("serving ")), None)
            assert ready is not None, log.read_text()
            yield Deployed(output, ready.rsplit(" on ", 1)[1].strip(), f"http://127.0.0.1:{rest}")
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with two pushed versions, of which the first is approved."""
    folder = tmp_path_factory.mktemp("deploy")
    push_toy(folder / "output", folder / "models", 1)
    approve(folder / "output", 1)
    push_toy(folder / "output", folder / "models", 2)
    settled = lambda: time.time() + 2 * models_config.SETTLE_S  # noqa: E731  # a clock
    models_config.settle_models_config(folder / "output" / "serving", sleep=lambda _: None, clock=settled)
    return folder / "output"


@pytest.mark.parametrize("file", ["compose.yaml", "compose.gpu.yaml"])
def test_the_same_flags_and_files_start_the_embedded_server(file: str, output: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with deployed(file, output, log) as server:
        assert server.version("approved") == 1
        assert server.version("candidate") == 2
        with urllib.request.urlopen(f"{server.rest}/monitoring/prometheus/metrics") as answer:
            assert answer.status == 200 and b"tensorflow" in answer.read()
        with grpc.insecure_channel(server.address) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert check.status == health_pb2.HealthCheckResponse.SERVING
    ignored = [line for line in log.read_text().splitlines() if line.endswith("ignored")]
    assert [line for line in ignored if "--enable_grpc_healthcheck_service" not in line] == [], (
        "health is always on here"
    )
    assert "cannot be taken over" not in log.read_text()


def test_pushed_and_approved_versions_reach_a_running_server_without_a_failed_request(
    output: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Push, approve, go back: each label ends where it belongs; `approved` never fails to answer meanwhile."""
    with deployed("compose.yaml", output, tmp_path / "log", **{POLL: "1"}) as server, asked(server) as failures:

        def loaded(seconds: float) -> None:
            """Waits until the server has loaded what the file lists, and makes the file as old as a real wait would."""
            wait_for(lambda: listed(output) <= available(server))
            config = output / "serving" / "models.config"
            os.utime(config, (config.stat().st_mtime - seconds,) * 2)

        settle = partial(models_config.settle_models_config, sleep=loaded)
        monkeypatch.setattr(models_config, "settle_models_config", settle)
        push_toy(output, tmp_path, 3)
        models_config.settle_models_config(output / "serving")
        wait_for(lambda: server.version("candidate") == 3)
        assert server.version("approved") == 1
        for version in (3, 2):
            approve(output, version)
            wait_for(lambda version=version: server.version("approved") == version)
        assert server.version("candidate") == 3
    assert failures == []


@contextmanager
def asked(server: Deployed) -> Iterator[list[str]]:
    """Asks for `approved` all the while, and collects what fails."""
    failures: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        with ModelClient(server.address, NAME) as client:
            while not stop.wait(0.02):
                try:
                    client.predict([warm_up_example(TASK)], version_label="approved")
                except Exception as error:  # noqa: BLE001  # whatever it is, a request failed
                    failures.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield failures
    finally:
        stop.set()
        thread.join()


def listed(output: Path) -> set[int]:
    """Returns the versions that models.config lists."""
    return set(models_config.read_models_config((output / "serving" / "models.config").read_text())[NAME].versions)


def available(server: Deployed) -> set[int]:
    """Returns the versions that answer."""
    found = set()
    with ModelClient(server.address, NAME) as client:
        for version in (1, 2, 3):
            try:
                found.add(client.predict([warm_up_example(TASK)], version=version).version)
            except Exception:  # noqa: BLE001  # not loaded
                continue
    return found


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
