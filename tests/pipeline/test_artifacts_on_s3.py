"""A whole run whose artifacts are on an object store, and the next one on a machine that has no copy of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.artifact_root import artifact_root
from tests.object_store import objects, s3_bucket
from tests.pipeline.conftest import radflow, write_task

pytestmark = pytest.mark.clusters


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_bucket() as url:
        yield url


def test_a_run_ends_in_a_model_and_goes_on_from_the_object_store(bucket: str, sample: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    words = ("run", "--task", write_task(tmp_path / "task.yaml"), "--manifest", sample, "--output", output, "--json")
    first = radflow(*words, "--artifacts", f"{bucket}/radflow")
    assert first.code == 0, first.err
    assert first.json["pushed"] == str(output / "serving" / "synthetic_chest" / "1")
    there = {name.split("/")[0] for name in objects(artifact_root(output).url)}
    assert {"DicomExampleGen", "Transform", "Trainer", "Evaluator", "ModelReport"} <= there
    assert not any("private" in name or "pseudonym" in name for name in objects(artifact_root(output).url))

    shutil.rmtree(output / "pipeline")
    again = radflow(*words)
    assert again.code == 0, again.err
    unchanged = [line.split()[0] for line in again.err.splitlines() if "unchanged" in line]
    assert len(unchanged) >= 9, again.err
    assert again.json["metrics"]["overall"] == first.json["metrics"]["overall"]
    assert not (output / "pipeline" / "Transform").exists()  # nothing needed it

    shutil.rmtree(output / "pipeline")
    report = radflow("report", "--output", output)
    assert report.code == 0 and "model_report.html" in report.out, report.err
    lineage = radflow("lineage", "1", "--output", output, "--json")
    assert all(one["there"] for one in json.loads(lineage.out)["artifacts"])
