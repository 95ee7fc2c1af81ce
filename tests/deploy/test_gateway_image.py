"""The gateway's image, as far as it can be checked without a docker daemon: its files, rules and dependencies."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy/gateway.Dockerfile").read_text()
LOCK = (ROOT / "deploy/gateway-requirements.txt").read_text()
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def instructions() -> list[tuple[str, str]]:
    """Returns the Dockerfile's instructions, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#")))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in text.splitlines() if line.strip()]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    last = max(number for number, (name, _) in enumerate(found) if name == "FROM")
    return found[last:]


def values(name: str) -> list[str]:
    return [value for word, value in final_stage() if word == name]


def locked() -> dict[str, str]:
    """Returns the versions of the lock that hold for this Python; the markers are those of PEP 508."""
    from packaging.requirements import Requirement

    lines = [line.rstrip("\\ ") for line in LOCK.splitlines() if re.match(r"[a-z0-9]", line)]
    needed = [Requirement(line) for line in lines]
    return {one.name: str(one.specifier) for one in needed if one.marker is None or one.marker.evaluate()}


def test_it_does_not_run_as_root():
    assert values("USER") == ["10001:10001"]
    names = [name for name, _ in final_stage()]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]


def test_it_starts_a_command_that_there_is_with_flags_that_there_are(capsys):
    from cli.main import main

    program, command, *flags = json.loads(values("ENTRYPOINT")[0])
    assert program == "radflow"
    with pytest.raises(SystemExit, match="0"):
        main([command, *flags, "--help"])
    assert "usage: radflow gateway" in capsys.readouterr().out


def test_its_health_check_asks_the_port_that_it_listens_on():
    (check,) = values("HEALTHCHECK")
    words = json.loads(check[check.index("CMD") + 4 :])
    assert words[:2] == ["python", "-c"]
    compile(words[2], "healthcheck", "exec")
    assert "127.0.0.1:8080/healthz" in words[2] and values("EXPOSE") == ["8080"]


def test_what_it_writes_is_in_the_volume():
    (volume,) = values("VOLUME")
    environ = dict(word.split("=", 1) for value in values("ENV") for word in shlex.split(value))
    assert environ["RADFLOW_GATEWAY_DATA_FOLDER"] == volume
    assert environ["PYTHONDONTWRITEBYTECODE"] == "1"


def test_no_secret_is_built_in():
    assert not re.search(r"(ARG|ENV) \S*(KEY|TOKEN|PASSWORD|SECRET)", DOCKERFILE)


def test_every_dependency_has_a_hash_and_none_is_resolved_while_building():
    installs = [value for name, value in instructions() if name == "RUN" and "pip install" in value]
    assert len(installs) == 2 and all("--no-deps" in one for one in installs)
    assert "--require-hashes" in installs[0] and "--no-index" in installs[1]
    blocks = re.split(r"\n(?=[a-z0-9])", LOCK)[1:]
    assert blocks and all("--hash=sha256:" in block for block in blocks)


def test_the_lock_has_no_tensorflow_and_is_small():
    assert not {"tensorflow", "tfx", "keras", "apache-beam", "tensorflow-serving-api"} & set(locked())
    assert len(locked()) < 60


def test_the_lock_has_the_versions_that_are_tested():
    from importlib.metadata import version

    installed = {name: f"=={version(name)}" for name in locked()}
    assert locked() == installed


def test_what_it_copies_exists_and_is_not_ignored():
    sources = [value.split()[0] for name, value in instructions() if name == "COPY" and "--from" not in value]
    assert sources == ["deploy/gateway-requirements.txt", "."]
    allowed = [line[2:] for line in IGNORED if line.startswith("!/")]
    assert "*" in IGNORED
    for name in allowed:
        assert (ROOT / name).exists(), name


def test_nothing_but_the_packages_and_what_builds_them_gets_into_a_build():
    setup = (ROOT / "setup.py").read_text()
    packages = {name.split(".")[0] for name in re.findall(r'^        "([a-z_.]+)",$', setup, re.MULTILINE)}
    modules = {f"{name}.py" for name in re.findall(r'py_modules=\["(\w+)"\]', setup)}
    builders = {"LICENSE", "README.md", "pyproject.toml", "setup.py", "deploy", "deploy/gateway-requirements.txt"}
    assert {line[2:] for line in IGNORED if line.startswith("!/")} == packages | modules | builders


ALONE = """
import importlib.metadata, json, os, re, sys

allowed = set(json.loads(sys.argv[1])) | {"radflow"}
blocked = {
    module for module, names in importlib.metadata.packages_distributions().items()
    if not {re.sub(r"[-_.]+", "-", name).lower() for name in names} & allowed
}

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
assert "tensorflow" in blocked and "fastapi" not in blocked
from cli.main import main
import pkgutil, importlib, serving.gateway
for module in pkgutil.walk_packages(serving.gateway.__path__, "serving.gateway."):
    if ".migrations." not in module.name and not module.name.endswith(".env"):
        importlib.import_module(module.name)
from serving.gateway.app import app
import imaging.example, imaging.deidentification, cli.gateway, cli.key
print("alone", len(blocked))
"""


def test_the_gateway_runs_with_its_own_dependencies_alone(tmp_path: Path):
    names = json.dumps([name for name in locked() if name != "setuptools"])
    done = subprocess.run(
        [sys.executable, "-c", ALONE, names],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "RADFLOW_GATEWAY_DATA_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("alone ")
