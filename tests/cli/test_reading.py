from __future__ import annotations

import json
import os
import runpy
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


def test_it_opens_the_page_in_front_of_the_model_and_ends_on_a_signal(output):
    with serving("--output", str(output), "--grpc-port", "0") as (process, said):
        address = said["reading page"]
        with urllib.request.urlopen(address + "/", timeout=30) as page:
            assert b"<title>Radflow" in page.read()
        (model,) = get(address, "/api/v1/models")["models"]
        assert (model["name"], model["available"], model["version"]["version"]) == ("synthetic_chest", True, 3)
        assert not model["version"]["approved"]
        assert (output / "gateway").is_dir()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        with pytest.raises(urllib.error.URLError):
            get(address, "/healthz")


def test_it_uses_a_model_server_that_runs_already(served_toy, tmp_path):
    words = ("--model-server", served_toy.address, "--model-name", "synthetic_chest", "--data", str(tmp_path / "cases"))
    with serving(*words) as (_, said):
        assert said["model server"] == f"{served_toy.address}, gRPC: synthetic_chest"
        assert get(said["reading page"], "/api/v1/models")["models"][0]["available"]
        assert (tmp_path / "cases").is_dir()


def test_it_ends_and_says_so_when_the_model_server_ends_by_itself(output):
    with serving("--output", str(output), "--grpc-port", "0") as (process, _):
        (child,) = _children(process.pid)
        os.kill(child, signal.SIGKILL)
        assert process.wait(timeout=60) == 1
        assert process.stderr is not None
        assert "the model server ended with status -9" in process.stderr.read()


def _children(pid: int) -> list[int]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        served = [int(one) for one in children if "--no-page" in Path(f"/proc/{one}/cmdline").read_text()]
        if served:
            return served
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
