"""The gateway's image: what it starts, writes and brings along."""

from __future__ import annotations

import json
import shlex

import pytest

from tests.deploy.images import Dockerfile, Lock, run_with_alone

IMAGE = Dockerfile("gateway.Dockerfile")
LOCK = Lock("gateway-requirements.txt")


def test_it_starts_a_command_that_there_is_with_flags_that_there_are(capsys):
    from cli.main import main

    program, command, *flags = json.loads(IMAGE.values("ENTRYPOINT")[0])
    assert program == "radflow"
    with pytest.raises(SystemExit, match="0"):
        main([command, *flags, "--help"])
    assert "usage: radflow gateway" in capsys.readouterr().out


def test_its_health_check_asks_the_port_that_it_listens_on():
    (check,) = IMAGE.values("HEALTHCHECK")
    words = json.loads(check[check.index("CMD") + 4 :])
    assert words[:2] == ["python", "-c"]
    compile(words[2], "healthcheck", "exec")
    assert "127.0.0.1:8080/healthz" in words[2] and IMAGE.values("EXPOSE") == ["8080"]


def test_what_it_writes_is_in_the_volume():
    (volume,) = IMAGE.values("VOLUME")
    environ = dict(word.split("=", 1) for value in IMAGE.values("ENV") for word in shlex.split(value))
    assert environ["RADFLOW_GATEWAY_DATA_FOLDER"] == volume
    assert environ["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_lock_has_no_tensorflow_and_is_small():
    assert not {"tensorflow", "tfx", "keras", "apache-beam", "tensorflow-serving-api"} & set(LOCK.versions())
    assert len(LOCK.versions()) < 60


IMPORTS = """
import pkgutil, importlib, serving.gateway
for module in pkgutil.walk_packages(serving.gateway.__path__, "serving.gateway."):
    if ".migrations." not in module.name and not module.name.endswith(".env"):
        importlib.import_module(module.name)
from serving.gateway.app import app
import imaging.example, imaging.deidentification, cli.gateway, cli.key
assert {"tensorflow", "pytest", "httpx"} <= blocked and "fastapi" not in blocked
"""


def test_the_gateway_runs_with_its_own_dependencies_alone(tmp_path):
    names = set(LOCK.versions()) - {"setuptools"}
    done = run_with_alone(names, IMPORTS, RADFLOW_GATEWAY_DATA_FOLDER=str(tmp_path))
    assert done.returncode == 0, done.stderr
