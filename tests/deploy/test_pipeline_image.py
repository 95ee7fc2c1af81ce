"""The pipeline's image: its dependencies are enough for every step, and no more; CUDA comes with the other lock."""

from __future__ import annotations

import json

import pytest

from tests.deploy.images import ROOT, Dockerfile, Lock, run_with_alone

IMAGE = Dockerfile("pipeline.Dockerfile")
LOCK = Lock("pipeline-requirements.txt").versions()

IMPORTS = """
import importlib, pathlib
for package in ("imaging", "evaluation", "reports", "models", "components", "pipeline", "serving/server"):
    for path in sorted(pathlib.Path(package).rglob("*.py")):
        module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        if module not in OTHERS:
            importlib.import_module(module)
import local_runner, cli.run, cli.demo
assert "pytest" in blocked and "fastapi" in blocked
"""
OTHERS = ("reports.notebook",)
"""Modules of another extra."""


def test_it_starts_the_command(capsys):
    from cli.main import main

    assert json.loads(IMAGE.values("ENTRYPOINT")[0]) == ["radflow"]
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "usage: radflow" in capsys.readouterr().out


def test_its_dependencies_are_enough_for_every_step():
    done = run_with_alone(LOCK, f"OTHERS = {OTHERS!r}\n{IMPORTS}")
    assert done.returncode == 0, done.stderr[-3000:]


def test_what_is_for_developers_or_the_gateway_is_not_in_it():
    assert not {"pytest", "ruff", "mypy", "playwright", "fastapi", "sqlalchemy", "schemathesis"} & LOCK.keys()


def test_the_gpu_lock_adds_cuda_and_nothing_else():
    gpu = Lock("pipeline-gpu-requirements.txt").versions()
    added = gpu.keys() - LOCK.keys()
    assert added and all(name.startswith("nvidia-") for name in added)
    assert {name: gpu[name] for name in LOCK} == LOCK


def test_the_locks_are_those_that_make_lock_writes():
    makefile = (ROOT / "Makefile").read_text()
    for path in (ROOT / "deploy").glob("*-requirements.txt"):
        assert f"-o deploy/{path.name}" in makefile
