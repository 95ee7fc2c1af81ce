"""The server as a process: waiting, hot reload, refusals and the end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from data_schemas.errors import ConfigurationError, ModelServerError
from data_schemas.wire import example_pb2
from serving.client import ModelClient
from serving.server.__main__ import main
from serving.server.config import ModelConfig
from serving.server.options import ServerOptions, SessionOptions
from serving.server.process import _session_config, serve


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


def lines_after_import(log: Path) -> list[str]:
    """Returns a server's log without the lines that TensorFlow 2.21 writes while it is imported, whatever is set."""
    of_import = re.compile(r"WARNING: All log messages before absl::InitializeLog\(\)|I0000 .* cudart_stub\.cc:")
    lines = log.read_text().splitlines()
    while lines and of_import.match(lines[0]):
        lines.pop(0)
    return lines


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
                except Exception as error:  # noqa: BLE001  # the test fails on any
                    self.failures.append(error)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def own_signals_and_environment(monkeypatch):
    """Gives pytest its Ctrl-C back after a server ran in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for name in ("TF_CPP_MIN_LOG_LEVEL", "GRPC_VERBOSITY"):
        monkeypatch.setenv(name, "ERROR" if name == "GRPC_VERBOSITY" else "3")
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signals_and_environment")
def test_a_model_that_cannot_be_loaded_ends_the_start(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"no model")
    options = ServerOptions((ModelConfig("toy", tmp_path),), port=0, load_retries=0)
    with pytest.raises(ModelServerError, match="model toy cannot be loaded: "):
        serve(options, ready=pytest.fail)


@pytest.mark.usefixtures("own_signals_and_environment")
def test_a_taken_port_ends_the_start_and_says_what_to_do(toy_versions):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = ServerOptions((ModelConfig("toy", toy_versions),), port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match="choose another with --port"):
            serve(options, ready=pytest.fail)


@pytest.mark.usefixtures("own_signals_and_environment")
def test_a_port_taken_while_the_model_loads_ends_the_start_too(toy_versions, monkeypatch):
    monkeypatch.setattr("serving.server.process.check_free", lambda _: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = ServerOptions((ModelConfig("toy", toy_versions),), port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match="choose another with --port"):
            serve(options, ready=pytest.fail)


def test_refused_flags_end_with_2_and_one_line(capsys):
    assert main(["--model_base_path=a", "--use_alts_credentials"]) == 2
    assert capsys.readouterr().err.startswith("model server: --use_alts_credentials")


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
    assert [line.split(" ", 1)[1].split(" in ")[0] for line in lines_after_import(server.log)] == [
        "toy: no version",
        "toy: version 1 loaded",
        "toy: version 2 loaded",
        "toy: version 1 unloaded",
        "toy: version 2 unloaded",
    ]


def test_a_changed_configuration_file_is_taken_over_and_a_wrong_one_is_not(start_server, toy_versions, tmp_path):
    file = tmp_path / "models.config"

    def configure(labels):
        new = file.with_suffix(".new")
        new.write_text(
            f'model_config_list {{ config {{ name: "toy" base_path: "{toy_versions}" model_platform: "tensorflow" '
            f"model_version_policy {{ all {{}} }} {labels} }} }}"
        )
        new.rename(file)

    configure('version_labels { key: "approved" value: 1 }')
    flags = ("--model_config_file_poll_wait_seconds=1", "--allow_version_labels_for_unavailable_models=true")
    server = start_server(f"--model_config_file={file}", *flags, "--noenable_model_warmup", "--num_load_threads=2")
    address = server.wait_until_ready()
    with ModelClient(address, "toy") as client:

        def version():
            rows = np.ones((1, 2), np.float32)
            return client.call("row_sums", {"rows": rows}, version_label="approved").version

        assert version() == 1
        file.write_text("model_config_list {")
        wait_for(lambda: "what is served stays" in server.log.read_text())
        assert version() == 1
        configure('version_labels { key: "approved" value: 2 }')
        wait_for(lambda: version() == 2)
    assert server.stop() == 0


@pytest.mark.usefixtures("own_signals_and_environment")
def test_labels_at_the_start_say_which_flag_they_need(toy_versions):
    config = ModelConfig("toy", toy_versions, labels=(("approved", 1),))
    with pytest.raises(ConfigurationError, match="need --allow_version_labels_for_unavailable_models=true"):
        serve(ServerOptions((config,), port=0), ready=pytest.fail)


def test_sessions_follow_the_flags_before_the_file_before_the_defaults(tmp_path):
    file = tmp_path / "session.config"
    file.write_text("inter_op_parallelism_threads: 7 intra_op_parallelism_threads: 3 allow_soft_placement: true")
    default, of_file = _session_config(SessionOptions()), _session_config(SessionOptions(config_file=file))
    flags = _session_config(SessionOptions(config_file=file, inter_op_threads=1, gpu_memory_fraction=0.5))
    assert default.inter_op_parallelism_threads == 2 * os.cpu_count()
    assert (of_file.inter_op_parallelism_threads, of_file.intra_op_parallelism_threads) == (7, 3)
    assert (flags.inter_op_parallelism_threads, flags.intra_op_parallelism_threads) == (1, 3)
    assert (default.gpu_options.allow_growth, flags.gpu_options.allow_growth) == (True, False)
    assert flags.gpu_options.per_process_gpu_memory_fraction == 0.5
