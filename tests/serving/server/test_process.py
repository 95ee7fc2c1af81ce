"""The server as a process: waiting, hot reload, refusals and the end."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from data_schemas.wire import example_pb2
from serving.client import ModelClient


def publish(source: Path, base_path: Path, version: int) -> None:
    """Copies beside, then renames, as the Pusher does."""
    beside = base_path / f".{version}"
    shutil.copytree(source, beside)
    beside.rename(base_path / str(version))


def wait_for(condition, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.05)


class Callers:
    """Threads that ask for predictions without a pause, and note versions and failures."""

    def __init__(self, address, count):
        self.versions, self.failures = [], []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(address,)) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self, address):
        message = example_pb2.Example()
        message.features.feature["mean"].float_list.value.append(0.5)
        with ModelClient(address, "toy") as client:
            while not self._stop.is_set():
                try:
                    self.versions.append(client.predict([message.SerializeToString()]).version)
                except Exception as error:
                    self.failures.append(error)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(scope="module")
def failing_servers(start_server, toy_versions, tmp_path_factory):
    """Servers that must refuse to start, started together because each spends seconds importing TensorFlow."""
    broken = tmp_path_factory.mktemp("broken")
    (broken / "1").mkdir()
    (broken / "1" / "saved_model.pb").write_bytes(b"no model")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        servers = {
            "broken": start_server(f"--model_base_path={broken}", "--max_num_load_retries=0"),
            "taken": start_server(f"--model_base_path={toy_versions}", f"--port={port}"),
        }
        for server in servers.values():
            server.process.wait(timeout=60)
    return servers


def test_a_model_that_cannot_be_loaded_ends_the_start(failing_servers):
    server = failing_servers["broken"]
    assert server.process.returncode == 1
    assert "model default cannot be loaded: " in server.log.read_text()
    assert server.stdout.read() == ""


def test_a_taken_port_ends_the_start_and_says_what_to_do(failing_servers):
    server = failing_servers["taken"]
    assert server.process.returncode == 2
    assert "choose another with --port" in server.log.read_text()


def test_from_an_empty_folder_to_a_hot_reload_to_a_clean_end(start_server, toy_versions, tmp_path):
    server = start_server("--model_name=toy", f"--model_base_path={tmp_path}")
    wait_for(lambda: "waiting for one" in server.log.read_text(), seconds=60)
    publish(toy_versions / "1", tmp_path, 1)
    address = server.wait_until_ready()

    with ModelClient(address, "toy") as client:
        slow = []
        long_request = threading.Thread(
            target=lambda: slow.append(client.call("slow", {"steps": np.array([600], np.int32)}))
        )
        callers = Callers(address, 2)
        wait_for(lambda: len(callers.versions) > 20)
        long_request.start()
        publish(toy_versions / "2", tmp_path, 2)
        wait_for(lambda: client.versions() == (2,))
        wait_for(lambda: callers.versions[-1] == 2)
        callers.stop()
        long_request.join()

        assert callers.failures == []
        assert set(callers.versions) == {1, 2}
        assert slow[0].version == 1
        wait_for(lambda: "toy: version 1 unloaded" in server.log.read_text())

        last = threading.Thread(target=lambda: slow.append(client.call("slow", {"steps": np.array([100], np.int32)})))
        last.start()
        time.sleep(0.2)
        assert server.stop() == 0
        last.join()
        assert slow[1].version == 2
    lines = server.log.read_text().splitlines()
    assert [line.split(" ", 1)[1].split(" in ")[0] for line in lines] == [
        "toy: no version",
        "toy: version 1 loaded",
        "toy: version 2 loaded",
        "toy: version 1 unloaded",
        "toy: version 2 unloaded",
    ]
