from __future__ import annotations

import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.main import main
from data_schemas.digests import write_digests
from tests.processes import wait_until

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def output(tmp_path_factory) -> Path:
    """A run's output with a model, version 3, and no sample."""
    folder = tmp_path_factory.mktemp("output")
    runpy.run_path(str(ROOT / "tests" / "serving" / "toy_model.py"))["export"](folder / "serving/synthetic_chest/3")
    return folder


@contextmanager
def serving(*words: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """`radflow serve` with both parts, and what it says of where they are."""
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process, _said(process)
        finally:
            process.terminate()
            process.wait(timeout=60)


def _said(process: subprocess.Popen[str]) -> dict[str, str]:
    assert process.stdout is not None
    said = {}
    for line in process.stdout:
        if line.startswith("Research software"):
            break
        name, _, rest = line.strip().partition("   ")
        said[name] = rest.strip()
    return said


def get(address: str, path: str) -> dict:
    with urllib.request.urlopen(address + path, timeout=30) as answer:
        return json.load(answer)


def test_it_opens_the_page_in_front_of_a_model_server_that_is_started_again_and_ends_on_a_signal(output):
    with serving("--output", str(output), "--grpc-port", "0") as (process, said):
        address = said["reading page"]
        with urllib.request.urlopen(address + "/", timeout=30) as page:
            assert b"<title>Radflow" in page.read()
        (model,) = get(address, "/api/v1/models")["models"]
        assert (model["name"], model["available"], model["version"]["version"]) == ("synthetic_chest", True, 3)
        assert not model["version"]["approved"]
        assert (output / "gateway").is_dir()
        (child,) = _children(process.pid)
        os.kill(child, signal.SIGKILL)
        assert get(address, "/healthz")
        assert process.stderr is not None
        again = next(line for line in process.stderr if line.startswith("radflow serve: "))
        assert "the model server was ended by SIGKILL" in again and "it is started again (1 of 5)" in again
        _until_available(address)
        (other,) = _children(process.pid)
        assert other != child
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert not _runs(other)
        with pytest.raises(urllib.error.URLError):
            get(address, "/healthz")


def test_it_uses_a_model_server_that_runs_already(served_toy, tmp_path):
    words = ("--model-server", served_toy.address, "--model-name", "synthetic_chest", "--data", str(tmp_path / "cases"))
    with serving(*words) as (_, said):
        assert said["model server"] == f"{served_toy.address}, gRPC: synthetic_chest"
        assert get(said["reading page"], "/api/v1/models")["models"][0]["available"]
        assert (tmp_path / "cases").is_dir()


def test_a_model_server_ends_with_the_command_also_where_that_is_killed(output):
    with serving("--output", str(output), "--grpc-port", "0") as (process, said):
        (child,) = _children(process.pid)
        assert said["model server"]
        process.kill()
        process.wait()
        wait_until(lambda: not _runs(child), seconds=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_model_server_starts_leaves_no_process(output, number):
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0", "--grpc-port", "0", "--output", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        children = _children(process.pid, within_s=60)
        process.send_signal(number)
        assert process.wait(timeout=60) == 130
    assert children and not any(map(_runs, children))


def test_a_version_that_was_altered_ends_it_with_8_before_anything_is_loaded(output, tmp_path, capfd):
    shutil.copytree(output, tmp_path / "altered")
    version = tmp_path / "altered" / "serving" / "synthetic_chest" / "3"
    write_digests(version)
    with (version / "saved_model.pb").open("ab") as file:
        file.write(b"x")
    words = ["serve", "--port", "0", "--grpc-port", "0", "--output", str(tmp_path / "altered")]
    assert main(words) == 8
    told = capfd.readouterr().err.splitlines()
    assert [line for line in told if "was altered: saved_model.pb was changed" in line] == told[-1:]
    assert not any("cannot be loaded" in line for line in told)


def _until_available(page: str) -> None:
    deadline = time.monotonic() + 90
    while not get(page, "/api/v1/models")["models"][0]["available"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def _children(pid: int, within_s: float = 10) -> list[int]:
    """Returns the model servers that a process has started."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        # A child is listed under the thread that started it.
        children = [
            one for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()
        ]
        served = [int(one) for one in children if "--no-page" in Path(f"/proc/{one}/cmdline").read_text()]
        if served:
            return served
        time.sleep(0.02)
    return []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0", "--model-server", "127.0.0.1:1", "--model-name", "x"), "without authentication"),
        (("--model-server", "127.0.0.1:1"), "--model-name NAME belong together"),
        (("--no-page", "--model-server", "127.0.0.1:1", "--model-name", "x"), "leave one of them out"),
        (("--model-server", "nowhere", "--model-name", "x"), "HOST:PORT"),
        (("--output", "does/not/exist"), "no model in its folder serving"),
    ],
)
def test_what_cannot_be_served_is_refused_with_what_to_do(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["serve", "--port", "0", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_before_a_model_is_loaded(output, served_toy, capsys):
    port = served_toy.address.rpartition(":")[2]
    assert main(["serve", "--output", str(output), "--port", port]) == 2
    assert "choose another with --port" in capsys.readouterr().err


@pytest.mark.parametrize("part", [(), ("--no-page",)], ids=["page", "no page"])
def test_a_grpc_port_that_is_taken_is_said_by_its_own_flag(part, output, served_toy, capsys):
    port = served_toy.address.rpartition(":")[2]
    assert main(["serve", "--output", str(output), "--port", "0", "--grpc-port", port, *part]) == 2
    assert f"cannot listen on 127.0.0.1:{port}: stop what listens there, or choose another with --grpc-port" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(("flag", "other"), [("--port", "--grpc-port"), ("--grpc-port", "--port")])
def test_a_number_that_is_no_port_is_said_to_be_none(flag, other, output, capsys):
    assert main(["serve", "--output", str(output), flag, "99999", other, "0"]) == 2
    assert f"{flag} 99999: a port is a number from 0 to 65535" in capsys.readouterr().err
