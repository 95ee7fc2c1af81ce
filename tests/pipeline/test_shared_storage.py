"""Whole runs recorded in a server's database, their artifacts on an object store; the next one has no copy of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.artifact_root import artifact_root
from tests.json_leaves import leaves
from tests.object_store import objects
from tests.pipeline.conftest import radflow, write_task
from tests.pipeline.mariadb import running_mariadb
from tests.serving.gateway.postgresql import PASSWORD, running_server

pytestmark = pytest.mark.clusters


@pytest.fixture(params=["file", "postgresql", "mysql"])
def metadata(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """The words that name the metadata store."""
    monkeypatch.setenv("RADFLOW_METADATA_PASSWORD", PASSWORD)
    with ExitStack() as stack:
        if request.param == "file":
            yield ()
        elif request.param == "postgresql":
            port = stack.enter_context(running_server()).port
            yield ("--metadata", f"postgresql://radflow@127.0.0.1:{port}/mlmd")
        else:
            yield ("--metadata", f"mysql://radflow@127.0.0.1:{stack.enter_context(running_mariadb())}/mlmd")


def test_a_run_ends_in_a_model_and_the_next_goes_on_from_what_is_shared(
    bucket: str, metadata: tuple[str, ...], sample: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    words = ("run", "--task", write_task(tmp_path / "task.yaml"), "--manifest", sample, "--output", output, "--json")
    first = radflow(*words, *metadata, "--artifacts", f"{bucket}/radflow")
    assert first.code == 0, first.err
    assert first.json["pushed"] == str(output / "serving" / "synthetic_chest" / "1")
    assert (output / "metadata.sqlite").exists() is not bool(metadata)
    there = objects(artifact_root(output).url)
    assert {"DicomExampleGen", "Transform", "Trainer", "Evaluator", "ModelReport"} <= {
        name.split("/")[0] for name in there
    }
    assert not any("private" in name or "pseudonym" in name for name in there)
    assert not [path for path in output.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]

    shutil.rmtree(output / "pipeline")
    again = radflow(*words)
    assert again.code == 0, again.err
    unchanged = [line.split()[1] for line in again.err.splitlines() if "unchanged" in line and "]" in line]
    assert len(unchanged) >= 9, again.err
    same, floats = leaves(again.json["metrics"]["overall"])
    before, numbers = leaves(first.json["metrics"]["overall"])
    assert same == before
    assert floats == pytest.approx(numbers, abs=1e-6)  # scores depend on which records share a batch
    assert not (output / "pipeline" / "Transform").exists()  # nothing needed it

    shutil.rmtree(output / "pipeline")
    report = radflow("report", "latest", "--output", output)
    assert report.code == 0 and "model_report.html" in report.out, report.err
    runs = radflow("runs", "--output", output, "--json")
    assert [json.loads(line)["status"] for line in runs.out.splitlines()] == ["pushed", "already_served"]
    lineage = radflow("lineage", "1", "--output", output, "--json")
    assert all(one["there"] for one in lineage.json["artifacts"])
