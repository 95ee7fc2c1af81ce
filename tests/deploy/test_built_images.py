"""The images of deploy/, built and started: the gateway answers in its own, a run pushes a model in the pipeline's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from imaging.synthetic import write_sample
from tests.deploy.built_images import Images, missing
from tests.deploy.images import Dockerfile
from tests.pipeline.conftest import write_task
from tests.processes import wait_until

pytestmark = [pytest.mark.images, pytest.mark.skipif(bool(missing()), reason=missing())]

GATEWAY, PIPELINE = Dockerfile("gateway.Dockerfile"), Dockerfile("pipeline.Dockerfile")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Images]:
    images = Images(tmp_path_factory.mktemp("images"))
    yield images
    images.close()


@pytest.fixture(scope="module")
def gateway(images: Images) -> str:
    images.build(GATEWAY, "radflow-gateway")
    return "radflow-gateway"


@pytest.fixture(scope="module")
def pipeline(images: Images) -> str:
    images.build(PIPELINE, "radflow-pipeline")
    return "radflow-pipeline"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_the_gateway_answers_as_nobody_in_particular_and_ends_when_it_is_told_to(
    images: Images, gateway: str, port: int, tmp_path: Path
) -> None:
    # The entry point's own address and port are given first; the last ones hold.
    arguments = ["--host", "127.0.0.1", "--port", str(port)]
    words = images.command(gateway, mounted={tmp_path: "/var/lib/radflow"}, arguments=arguments)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as container:
        try:
            assert container.stdout is not None
            next(line for line in container.stdout if "the gateway answers at" in line)
            address = f"http://127.0.0.1:{port}"
            assert httpx.get(f"{address}/healthz").status_code == 200
            assert "<title>" in httpx.get(address).text
            # No model server is there.
            assert httpx.get(f"{address}/readyz").json()["checks"]["storage"] == "ready"
            (inside,) = _children(container.pid)
            os.kill(inside, signal.SIGTERM)
            assert "Application shutdown complete" in container.stdout.read()
            assert container.wait(30) == 0
        finally:
            container.kill()
    assert (tmp_path / "gateway.db").stat().st_uid == 10001


def _children(process: int) -> list[int]:
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in wait_until(path.read_text, seconds=10).split()]


@pytest.mark.parametrize("image", ["gateway", "pipeline"])
def test_nothing_can_be_installed_or_compiled_or_written_in_it(
    images: Images, image: str, request: pytest.FixtureRequest
) -> None:
    tag = request.getfixturevalue(image)
    script = "for one in cc gcc g++ make git; do command -v $one; done; touch /x 2>&1; id -u; id -G"
    done = subprocess.run(images.command(tag, "sh", "-c", script), capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["touch: cannot touch '/x': Read-only file system", "10001", "10001"]


def test_a_run_pushes_a_model_that_is_whole_here(images: Images, pipeline: str, tmp_path: Path) -> None:
    sample, output = tmp_path / "sample", tmp_path / "output"
    write_sample(sample, studies=160, seed=7)
    write_task(sample / "task.yaml")
    output.mkdir()
    arguments = ["run", "--task", "/data/task.yaml", "--manifest", "/data/manifest.csv", "--output", "/radflow-output"]
    mounted = {sample: "/data", output: "/radflow-output"}
    words = images.command(pipeline, mounted=mounted, arguments=arguments)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Pushed: /radflow-output/serving/synthetic_chest/1" in done.stdout
    verify = [sys.executable, "-m", "cli.main", "verify", str(output / "serving")]
    assert subprocess.run(verify, capture_output=True, check=False).returncode == 0
