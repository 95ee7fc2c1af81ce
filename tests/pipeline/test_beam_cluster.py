"""The cluster on this machine: worker processes that have our code from the wheel, on the loopback interface alone."""

from __future__ import annotations

import inspect
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from tfx.proto import example_gen_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

import imaging
from components.artifacts import IngestReport
from components.dicom_example_gen.executor import Executor
from data_schemas.errors import RadflowError
from data_schemas.task_file import task_to_json
from imaging.synthetic import write_sample
from pipeline.beam_cluster import local_cluster
from tests.models.tasks import demo_task
from tests.pipeline.repeated_steps import differing_files
from tests.wheel import ROOT, build_wheel

pytestmark = pytest.mark.pipeline

STUDIES = 60


@pytest.fixture(scope="module")
def wheel_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the interpreter of an environment with the wheel and what it depends on, but without the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    venv.create(folder / "environment", with_pip=False)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder / "environment")}))
    # Of a folder that is named in a .pth file, no further .pth file is read: not that of the editable installation.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", packages]
    subprocess.run([*install, build_wheel(folder)], check=True)
    return folder / "environment" / "bin" / "python"


def _ingest(manifest: Path, folder: Path, key: Path, arguments: list[str]) -> None:
    examples, report = standard_artifacts.Examples(), IngestReport()
    examples.uri, report.uri = str(folder / "examples"), str(folder / "report")
    pattern = example_gen_pb2.Input(splits=[{"name": "manifest", "pattern": manifest.name}])
    context = Executor.Context(beam_pipeline_args=arguments, tmp_dir=str(folder / "tmp"), unique_id="1")
    Executor(context).Do(
        {},
        {"examples": [examples], "ingest_report": [report]},
        {
            "task": task_to_json(demo_task()),
            "input_base": str(manifest.parent),
            "input_config": proto_utils.proto_to_json(pattern),
            "pseudonym_key": str(key),
            "withdrawals": str(key.parent / "withdrawn.txt"),
        },
    )


def test_workers_with_the_wheel_alone_write_the_same_files_as_an_ingest_in_process(
    wheel_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    manifest = write_sample(tmp_path / "sample", studies=STUDIES)
    with local_cluster(2, python=str(wheel_python)) as arguments:
        _ingest(manifest, tmp_path / "cluster", tmp_path / "key", arguments)
        assert not _ports_beyond_loopback(arguments)
    _ingest(manifest, tmp_path / "here", tmp_path / "key", [])
    assert len(list((tmp_path / "cluster" / "examples").rglob("*.gz"))) >= 8
    assert not differing_files(tmp_path / "cluster" / "examples", tmp_path / "here" / "examples")
    assert not differing_files(tmp_path / "cluster" / "report", tmp_path / "here" / "report")


def _ports_beyond_loopback(arguments: list[str]) -> list[str]:
    """Returns what listens, of the services' processes, on another interface (proc(5), `/proc/PID/net/tcp`)."""
    ports = {f"{int(word.rpartition(':')[2]):04X}" for word in arguments if "127.0.0.1:" in word}
    assert len(ports) == 2
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/self/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    loopback = ("0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000")
    ours = [address for address in listening if address.rpartition(":")[2] in ports]
    assert len(ours) >= 2
    return [address for address in ours if address.partition(":")[0] not in loopback]


def test_a_service_that_does_not_start_is_told_in_a_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    with (
        pytest.raises(RadflowError, match="ended with status 3 before it was ready"),
        local_cluster(1, python=str(broken)),
    ):
        pass


def test_that_environment_has_our_code_from_the_wheel_and_this_process_from_the_checkout(
    wheel_python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    ask = "import components, imaging, pipeline; print(components.__file__, imaging.__file__, pipeline.__file__)"
    said = subprocess.run([wheel_python, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(Path(name).is_relative_to(wheel_python.parents[1]) for name in said.stdout.split())
    assert Path(inspect.getfile(imaging)).is_relative_to(ROOT)
