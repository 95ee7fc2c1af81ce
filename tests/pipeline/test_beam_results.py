"""A whole run on a cluster of two workers: what each Beam step makes there is what it makes in this process.

What is no sum is the same byte by byte. Sums of floating-point numbers depend on the order of their terms, which no
runner promises, and a network's scores on which records share a batch: these agree to the last digits of their type.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import statistics_pb2
from tensorflow_transform.tf_metadata import schema_utils

from components.evaluator.results import read_cases, read_gates
from data_schemas import features
from data_schemas.schema import build_schema
from data_schemas.task_file import load_task
from tests.json_leaves import leaves
from tests.pipeline.conftest import RADFLOW, Run, radflow, write_task
from tests.pipeline.repeated_steps import Step, differing_files
from tests.processes import wait_until

pytestmark = pytest.mark.clusters

DOUBLE, SINGLE = 1e-12, 2.0**-22
"""How far two sums of one sample's numbers may differ, relatively; two ulps of a float32."""


@pytest.fixture(scope="module")
def cluster_run(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Returns a run on two workers that ends in a pushed model."""
    output = tmp_path_factory.mktemp("cluster_run") / "output"
    task = write_task(output.parent / "task.yaml")
    words = ["run", "--task", task, "--manifest", sample, "--output", output]
    finished = radflow(*words, "--json", "--beam", "local-cluster:2", timeout_s=1200)
    assert finished.code == 0, finished.err
    return Run(finished, task, sample, output)


def test_the_ingest_is_the_same_byte_by_byte(cluster_run: Run, tmp_path: Path) -> None:
    found = Step(cluster_run.output, "DicomExampleGen").repeat(tmp_path)
    for there, here in found.values():
        assert len([path for path in there.rglob("*") if path.is_file()]) > 4
        assert not differing_files(there, here)


def test_statistics_are_the_same_but_for_the_order_of_sums(cluster_run: Run, tmp_path: Path) -> None:
    there, here = Step(cluster_run.output, "StatisticsGen").repeat(tmp_path)["statistics"]
    for split in features.SPLITS:
        theirs, ours = (_statistics(folder / f"Split-{split}" / "FeatureStats.pb") for folder in (there, here))
        assert theirs.keys() == ours.keys() and len(ours) > 10
        for name, feature in ours.items():
            _take_out_sums(theirs[name], feature)
            assert theirs[name] == feature


def _statistics(path: Path) -> dict[str, statistics_pb2.FeatureNameStatistics]:
    """Returns the statistics by feature, in whose order TFDV is free."""
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets
    assert dataset.num_examples > 0
    return {feature.path.step[0]: feature for feature in dataset.features}


def _take_out_sums(one: statistics_pb2.FeatureNameStatistics, other: statistics_pb2.FeatureNameStatistics) -> None:
    """Asserts that means and deviations are near each other, and takes them out."""
    for name in ("mean", "std_dev"):
        assert getattr(one.num_stats, name) == pytest.approx(getattr(other.num_stats, name), rel=DOUBLE)
        for feature in (one, other):
            if feature.HasField("num_stats"):
                feature.num_stats.ClearField(name)


def test_the_transform_graph_gives_every_record_the_same_numbers(cluster_run: Run, tmp_path: Path) -> None:
    step = Step(cluster_run.output, "Transform")
    there, here = step.repeat(tmp_path)["transform_graph"]
    # TensorFlow names a graph's functions otherwise each time.
    named = {"transform_fn/saved_model.pb", "transform_fn/fingerprint.pb"}
    assert set(differing_files(there, here)) <= named
    files = tf.io.gfile.glob(f"{step.inputs['examples'][0].uri}/Split-*/*")
    records = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
    assert len(records) > 100
    ours, theirs = (_transformed(folder, records, cluster_run) for folder in (here, there))
    assert set(ours) == {features.TRANSFORMED_IMAGE, features.TRANSFORMED_LABEL}
    for name, values in ours.items():
        assert np.array_equal(values, theirs[name])


def _transformed(folder: Path, records: list[bytes], run: Run) -> dict[str, np.ndarray]:
    specification = schema_utils.schema_as_feature_spec(build_schema(load_task(str(run.task)))).feature_spec
    parsed = tf.io.parse_example(tf.constant(records), specification)
    layer = tft.TFTransformOutput(str(folder)).transform_features_layer()
    return {name: value.numpy() for name, value in layer(parsed).items()}


def test_the_evaluation_has_the_same_cases_gates_and_metrics(cluster_run: Run, tmp_path: Path) -> None:
    found = Step(cluster_run.output, "Evaluator").repeat(tmp_path)
    assert not differing_files(*found["blessing"])
    there, here = found["evaluation"]
    theirs, ours = read_cases(there), read_cases(here)
    assert len(ours.ids) == cluster_run.finished.json["metrics"]["overall"]["examples"] > 20
    for name in ("ids", "patients", "studies", "labels"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name))
    np.testing.assert_allclose(ours.scores, theirs.scores, rtol=SINGLE)
    assert [gate.verdict for gate in read_gates(here)] == [gate.verdict for gate in read_gates(there)]
    numbers = [json.loads((folder / "metrics.json").read_text()) for folder in (there, here)]
    (told, floats), (our_told, our_floats) = map(leaves, numbers)
    assert told == our_told and len(floats) > 100
    assert floats == pytest.approx(our_floats, rel=1e-6, abs=1e-6)


def test_a_run_in_process_afterwards_is_answered_from_the_cache(cluster_run: Run) -> None:
    words = ["run", "--task", cluster_run.task, "--manifest", cluster_run.manifest, "--output", cluster_run.output]
    again = radflow(*words)
    assert again.code == 0, again.err
    for step in ("DicomExampleGen", "StatisticsGen", "Transform"):
        (line,) = [line for line in again.err.splitlines() if f" {step} " in line and " s" in line]
        assert "unchanged" in line


def test_a_run_that_is_killed_leaves_no_process_of_its_cluster(cluster_run: Run, tmp_path: Path) -> None:
    words = ["run", "--task", cluster_run.task, "--manifest", cluster_run.manifest, "--output", tmp_path / "output"]
    command = [*RADFLOW, *map(str, words), "--beam", "local-cluster:2"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "DicomExampleGen" in line)
        children = wait_until(lambda: _descendants(process.pid, least=4))
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()])


def _descendants(pid: int, *, least: int) -> list[int]:
    """Returns the processes below one that run Beam: two services and the workers; none while they are fewer."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
            command = (stat.parent / "cmdline").read_text()
        except OSError:  # it has just ended
            continue
        if "beam" not in command:
            parents.pop(int(stat.parent.name))
    found = {child for child, parent in parents.items() if parent == pid}
    found |= {child for child, parent in parents.items() if parent in found}
    return sorted(found) if len(found) >= least else []
