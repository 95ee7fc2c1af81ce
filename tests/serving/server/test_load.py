"""Minutes of requests with a reload every half minute: none fails, and the memory does not grow.

RADFLOW_LOAD_MINUTES (10) and RADFLOW_LOAD_RELOAD_SECONDS (30) make it shorter or longer.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from statistics import median

import pytest

from data_schemas.wire import example_pb2
from serving.client import ModelClient

MINUTES = float(os.environ.get("RADFLOW_LOAD_MINUTES", "10"))
RELOAD_S = float(os.environ.get("RADFLOW_LOAD_RELOAD_SECONDS", "30"))
CLIENTS = 4
MOST_GROWTH = 1.05
"""Of the median memory of the last third of the reloads over that of the second third; the first third warms up."""

pytestmark = [pytest.mark.load, pytest.mark.timeout(60 * MINUTES + 300)]


class Clients:
    """Threads that ask without a pause, and count answers by version, and failures."""

    def __init__(self, address):
        self.answers, self.failures = 0, []
        self.versions = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(address,)) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _ask(self, address):
        message = example_pb2.Example()
        message.features.feature["mean"].float_list.value.append(0.5)
        serialized = message.SerializeToString()
        with ModelClient(address, "toy") as client:
            while not self._stop.is_set():
                try:
                    version = client.predict([serialized]).version
                except Exception as error:  # noqa: BLE001  # the test fails on any
                    self.failures.append(f"{type(error).__name__}: {error}")
                    continue
                with self._lock:
                    self.answers += 1
                    self.versions.add(version)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def resident_megabytes(pid):
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def publish(source, base_path, version):
    """Copies beside, then renames, as the Pusher does; all but the last two versions are removed."""
    beside = base_path / f".{version}"
    shutil.copytree(source, beside)
    beside.rename(base_path / str(version))
    shutil.rmtree(base_path / str(version - 2), ignore_errors=True)


@pytest.mark.parametrize("options", [(), ("--enable_batching",)], ids=["alone", "in batches"])
def test_no_request_fails_and_memory_is_flat_over_reloads(start_server, toy_versions, tmp_path, options):
    publish(toy_versions / "1", tmp_path, 1)
    server = start_server("--model_name=toy", f"--model_base_path={tmp_path}", *options)
    clients = Clients(server.wait_until_ready())
    memory, version, end = [], 1, time.monotonic() + 60 * MINUTES / 2
    try:
        while time.monotonic() < end:
            time.sleep(RELOAD_S)
            memory.append(resident_megabytes(server.process.pid))
            version += 1
            publish(toy_versions / "1", tmp_path, version)
    finally:
        clients.stop()
        server.stop()
    third = len(memory) // 3
    before, after = median(memory[third : 2 * third] or memory[:1]), median(memory[-third:] or memory[-1:])
    print(f"{clients.answers} answers, {len(clients.versions)} versions, {before:.0f} MB then {after:.0f} MB")
    assert clients.failures == []
    assert len(clients.versions) >= version - 2
    assert after <= MOST_GROWTH * before
