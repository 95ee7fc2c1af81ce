"""The Evaluator's executor on a toy model and 200 records: TFMA, Beam and the blessing are the real ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from sklearn import metrics as sk
from tfx.types import Artifact, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.evaluator.executor import Executor, _differences
from components.evaluator.results import read_cases, read_evaluation, read_gates
from data_schemas.description import Calibration, ModelDescription
from data_schemas.errors import ConfigurationError
from data_schemas.model_files import NO_CHAMPION
from data_schemas.task import Task
from data_schemas.task_file import task_to_json
from evaluation.gate_results import GateResult

pytestmark = pytest.mark.pipeline

CASES = 200
POINTS = {"nodule": 0.3, "cavity": 0.4}


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run of the executor left behind."""

    gates: dict[str, GateResult]
    metrics: dict
    blessed: int
    files: set[str]
    evaluation_uri: str


@dataclasses.dataclass(frozen=True)
class World:
    """Examples and a run of the executor on them."""

    labels: np.ndarray
    good: np.ndarray
    poor: np.ndarray
    sexes: np.ndarray
    run: Callable[..., Result]


def _task(kind: str, gates: list[dict], *, extra: tuple[str, ...] = (), max_looks: int | None = None) -> Task:
    multi_class = kind == "multi_class"
    names = ["normal", "nodule", "cavity"] if multi_class else ["nodule", "cavity"]
    return Task.model_validate(
        {
            "name": "toy",
            "title": "t",
            "intended_use": "t",
            "population": "t",
            "reference_standard": "t",
            "consent": {"waived": "t"},
            "modalities": ["CR"],
            "labels": {"type": kind, "names": [*names, *extra], "no_finding": "normal" if multi_class else None},
            "slices": [["sex"], ["sex", "clinic"]],
            "gates": [{"min_patients": 2, **gate} for gate in gates],
            "max_looks": max_looks,
        }
    )


def _save_model(folder: Path, task: Task, score_feature: str) -> None:
    size, multi_class = len(task.labels.names), task.labels.type == "multi_class"
    label = tf.io.FixedLenFeature([] if multi_class else [size], tf.string if multi_class else tf.int64)
    names = tf.constant(task.labels.names)

    class Toy(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def serve(self, inputs):
            parsed = tf.io.parse_example(inputs, {score_feature: tf.io.FixedLenFeature([size], tf.float32)})
            scores = parsed[score_feature]
            return {"scores_at_calibration_prevalence": scores, "raw_scores": tf.math.log(scores)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def transform(self, inputs):
            raw = tf.io.parse_example(inputs, {"label": label})["label"]
            if not multi_class:
                return {"label_xf": tf.cast(raw, tf.float32)}
            return {"label_xf": tf.argmax(raw[:, tf.newaxis] == names[tf.newaxis, :], axis=1)[:, tf.newaxis]}

    module = Toy()
    serving = folder / "Format-Serving"
    tf.saved_model.save(
        module, str(serving), signatures={"serving_default": module.serve, "transform_features": module.transform}
    )
    description = ModelDescription(
        task=task,
        operating_points=POINTS,
        prevalence=dict.fromkeys(POINTS, 0.3),
        calibration=Calibration.identity(size),
        radflow_version="0",
    )
    (serving / "assets.extra").mkdir()
    (serving / "assets.extra" / "description.json").write_text(description.model_dump_json(), encoding="utf-8")


def _write_examples(folder: Path, world: dict[str, np.ndarray], task: Task) -> None:
    (folder / "Split-test").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "Split-test" / "data.gz"), options="GZIP") as writer:
        for row in range(CASES):
            example = tf.train.Example()
            feature = example.features.feature
            label = world["labels"][row]
            if task.labels.type == "multi_class":
                feature["label"].bytes_list.value.append(task.labels.names[label].encode())
            else:
                feature["label"].int64_list.value.extend(label.tolist())
            feature["patient"].bytes_list.value.append(b"p%d" % (row // 2))
            feature["study"].bytes_list.value.append(b"s%d" % row)
            feature["example_id"].bytes_list.value.append(b"e%03d" % row)
            feature["sex"].bytes_list.value.append(world["sexes"][row].encode())
            feature["column_clinic"].bytes_list.value.append(b"north" if row % 4 else b"south")
            # As imaging writes them: an unknown number is an empty list, an image is binary.
            feature["age_years"].float_list.value.extend([40.0] if row % 3 else [])
            feature["image"].bytes_list.value.append(b"\x89PNG\r\n\xff\x00")
            feature["good"].float_list.value.extend(world["good"][row].tolist())
            feature["poor"].float_list.value.extend(world["poor"][row].tolist())
            writer.write(example.SerializeToString())


def _scores(truth: np.ndarray, generator: np.random.Generator, *, signal: float, softmax: bool) -> np.ndarray:
    raw = np.exp(signal * truth + generator.normal(size=truth.shape))
    return (raw / raw.sum(axis=1, keepdims=True) if softmax else raw / (1 + raw)).astype(np.float32)


@pytest.fixture(scope="module", params=["multi_class", "multi_label"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    return _world(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def multi_label(tmp_path_factory: pytest.TempPathFactory) -> World:
    """For what does not depend on the kind of task; TFMA is quicker here."""
    return _world("multi_label", tmp_path_factory.mktemp("multi_label"))


def _world(kind: str, folder: Path) -> World:
    generator = np.random.default_rng(5)
    multi_class = kind == "multi_class"
    plain = _task(kind, [{"name": "any", "metric": "auroc", "min": 0}])
    if multi_class:
        labels = generator.integers(0, 3, CASES)
        truth = np.eye(3)[labels]
    else:
        labels = generator.integers(-1, 2, (CASES, 2))
        truth = (labels == 1).astype(float)
    data = {
        "labels": labels,
        "good": _scores(truth, generator, signal=1.2, softmax=multi_class),
        "poor": _scores(truth, generator, signal=-1.0, softmax=multi_class),
        "sexes": np.where(np.arange(CASES) % 2, "F", "M"),
    }
    _write_examples(folder / "examples", data, plain)
    for name in ("good", "poor"):
        _save_model(folder / name, plain, name)

    def run(
        gates: list[dict],
        *,
        extra: tuple[str, ...] = (),
        max_looks: int | None = None,
        candidate: str = "good",
        ledger: str = "",
        **champion: str,
    ) -> Result:
        task = _task(kind, gates, extra=extra, max_looks=max_looks)
        return _run(folder, task, candidate=candidate, ledger=ledger, **champion)

    return World(run=run, **data)


def _artifact(kind: type[Artifact], uri: Path) -> Artifact:
    uri.mkdir(parents=True, exist_ok=True)
    artifact = kind()
    artifact.uri = str(uri)
    return artifact


def _run(folder: Path, task: Task, *, candidate: str, ledger: str, champion: str = "", refused: str = "") -> Result:
    output = folder / f"run{len(list(folder.iterdir()))}"
    examples = _artifact(standard_artifacts.Examples, folder / "examples")
    examples.split_names = '["test"]'
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    inputs = {"examples": [examples], "model": [_artifact(standard_artifacts.Model, folder / candidate)]}
    if champion or refused:
        served = _artifact(standard_artifacts.Model, folder / (champion or "nothing"))
        served.set_int_custom_property("usable", int(not refused))
        served.set_string_custom_property("reason", refused)
        inputs["baseline_model"] = [served]
    evaluation = _artifact(standard_artifacts.ModelEvaluation, output / "evaluation")
    blessing = _artifact(standard_artifacts.ModelBlessing, output / "blessing")
    properties = {
        "task": task_to_json(task),
        "looks_ledger": str(folder / ledger if ledger else output / "looks.jsonl"),
        standard_component_specs.EXAMPLE_SPLITS_KEY: json_utils.dumps(["test"]),
    }
    Executor().Do(inputs, {"evaluation": [evaluation], "blessing": [blessing]}, properties)
    return Result(
        gates={gate.name: gate for gate in read_gates(evaluation.uri)},
        metrics=read_evaluation(evaluation.uri).to_json(),
        blessed=blessing.get_int_custom_property("blessed"),
        files={path.name for path in (output / "blessing").iterdir()},
        evaluation_uri=evaluation.uri,
    )


FEW_PATIENTS = {"name": "few", "metric": "auroc", "min": 0.0, "min_patients": 101}
"""A gate that nobody can decide."""


@pytest.fixture(scope="module")
def unopposed(world: World) -> Result:
    """Returns a run without a champion, whose gates are met, but for one that only reports."""
    gates = [
        {"name": "nodule", "metric": "auroc", "finding": "nodule", "min": 0.4},
        {"name": "no drop", "metric": "auroc", "max_drop": 0.01},
        {**FEW_PATIENTS, "undecided": "report"},
    ]
    return world.run(gates, refused=NO_CHAMPION)


def test_without_a_champion_values_are_scikit_learns_and_every_gate_met_blesses(
    world: World, unopposed: Result
) -> None:
    result = unopposed
    multi_class = world.labels.ndim == 1
    index = 1 if multi_class else 0
    truth = (world.labels == 1).astype(int) if multi_class else world.labels[:, 0]
    known = np.full(CASES, True) if multi_class else truth >= 0
    flagged = world.good[known, index] >= POINTS["nodule"]
    nodule = result.metrics["overall"]["findings"]["nodule"]
    assert nodule["auroc"]["value"] == pytest.approx(sk.roc_auc_score(truth[known], world.good[known, index]))
    assert nodule["sensitivity"]["value"] == pytest.approx(sk.recall_score(truth[known], flagged))
    assert nodule["mcc"]["value"] == pytest.approx(sk.matthews_corrcoef(truth[known], flagged))
    assert nodule["auroc"]["lower"] < nodule["auroc"]["value"] < nodule["auroc"]["upper"]
    if multi_class:
        confusion = sk.confusion_matrix(world.labels, world.good.argmax(axis=1))
        assert result.metrics["overall"]["confusion"] == confusion.tolist()
    assert (result.metrics["overall"]["examples"], result.metrics["overall"]["patients"]) == (CASES, CASES // 2)
    assert result.gates["no drop"].passed and result.gates["no drop"].verdict == "not_compared"
    assert result.metrics["champion"] is None
    assert result.gates["few"].verdict == "undecided"
    assert (result.blessed, result.files) == (1, {"BLESSED"})


def test_a_missed_gate_in_a_slice_refuses_and_tfma_still_reads_its_results(world: World) -> None:
    gates = [
        {"name": "women", "metric": "auroc", "finding": "nodule", "slice": {"sex": "F"}, "min": 0.999},
        {
            "name": "clinic",
            "metric": "accuracy",
            "finding": "cavity",
            "slice": {"sex": "M", "clinic": "south"},
            "min": 0,
        },
        {"name": "nobody", "metric": "auroc", "slice": {"sex": "O"}, "min": 0},
    ]
    result = world.run(gates)
    multi_class = world.labels.ndim == 1
    index = 1 if multi_class else 0
    truth = (world.labels == 1).astype(int) if multi_class else world.labels[:, 0]
    women = (world.sexes == "F") & (truth >= 0)
    assert result.gates["women"].value == pytest.approx(sk.roc_auc_score(truth[women], world.good[women, index]))
    assert not result.gates["women"].passed and "missed by" in result.gates["women"].reason
    assert result.gates["clinic"].passed
    assert not result.gates["nobody"].passed and "no such case" in result.gates["nobody"].reason
    assert (result.blessed, result.files) == (0, {"NOT_BLESSED"})
    loaded = tfma.load_eval_result(result.evaluation_uri)
    assert {"sex"} in [{name for name, _ in key} for key, _ in loaded.slicing_metrics]
    assert len(result.metrics["slices"]) == len(loaded.slicing_metrics) - 1


def test_a_better_champion_makes_the_change_gate_fire(world: World) -> None:
    drop = [{"name": "no drop", "metric": "auroc", "max_drop": 0.05}]
    refused = world.run(drop, candidate="poor", champion="good")
    gate = refused.gates["no drop"]
    values = [refused.metrics[name]["task"]["macro_auroc"]["value"] for name in ("overall", "champion")]
    assert gate.value == pytest.approx(values[0] - values[1]) and gate.judged < gate.value < -0.05
    assert f"(the champion's is {values[1]:.3f})" in gate.reason
    assert (refused.blessed, refused.files) == (0, {"NOT_BLESSED"})
    assert not tfma.load_validation_result(refused.evaluation_uri).validation_ok


def test_a_worse_champion_blesses(multi_label: World) -> None:
    result = multi_label.run(
        [{"name": "no drop", "metric": "f1", "finding": "cavity", "max_drop": 0.05}], champion="poor"
    )
    assert result.gates["no drop"].passed
    assert tfma.load_validation_result(result.evaluation_uri).validation_ok
    assert (result.blessed, result.files) == (1, {"BLESSED"})


def test_a_champion_that_trained_on_todays_test_patients_is_refused_and_so_is_the_candidate(multi_label: World) -> None:
    gates = [{"name": "any", "metric": "auroc", "min": 0.0}, {"name": "no drop", "metric": "auroc", "max_drop": 0.5}]
    result = multi_label.run(gates, champion="good", refused="it trained on 3 patients of today's test split")
    assert result.gates["any"].passed
    assert not result.gates["no drop"].passed and "3 patients of today's test split" in result.gates["no drop"].reason
    assert (result.blessed, result.files) == (0, {"NOT_BLESSED"})


def test_a_champion_that_judges_images_is_not_held_against_one_that_judges_studies() -> None:
    """Not the same cases: their metrics would compare different things."""
    images = _task("multi_class", [{"name": "any", "metric": "auroc", "min": 0.0}])
    studies = images.model_copy(update={"unit": "study"})
    assert _differences(images, studies) == ["unit"]
    assert _differences(studies, studies.model_copy(update={"study_score": "max"})) == []


def test_a_model_trained_for_other_labels_stops_at_once(multi_label: World) -> None:
    with pytest.raises(ConfigurationError, match=r"the task's are .*effusion: train the model"):
        multi_label.run([{"name": "any", "metric": "auroc", "min": 0.0}], extra=("effusion",))


def test_the_cases_are_kept_by_id_with_their_groups(world: World, unopposed: Result) -> None:
    records = read_cases(unopposed.evaluation_uri)
    assert [name.decode() for name in records.ids] == [f"e{row:03d}" for row in range(CASES)]
    assert np.array_equal(records.groups["sex"], world.sexes) and np.array_equal(records.labels, world.labels)
    assert records.scores == pytest.approx(world.good)


def test_looks_at_one_test_split_are_counted_and_can_refuse(multi_label: World) -> None:
    gates = [{"name": "any", "metric": "auroc", "min": 0.0}]
    first = multi_label.run(gates, ledger="shared.jsonl", max_looks=1)
    other = multi_label.run(gates, ledger="shared.jsonl", max_looks=1, candidate="poor")
    assert [result.metrics["looks"] for result in (first, other)] == [0, 1]
    assert [result.blessed for result in (first, other)] == [1, 0]
    refusal = other.gates["looks at the test split"]
    assert not refusal.passed and "look 2 at this test split, at most 1" in refusal.reason


def test_few_patients_leave_a_gate_undecided_which_refuses_where_it_does_not_only_report(multi_label: World) -> None:
    refused = multi_label.run([FEW_PATIENTS])
    assert (refused.gates["few"].verdict, refused.blessed) == ("undecided", 0)


def test_a_gap_between_groups_is_judged(multi_label: World) -> None:
    gate = {"metric": "sensitivity", "gap": "sex", "undecided": "report"}
    result = multi_label.run([{**gate, "name": "lenient", "max": 1.0}, {**gate, "name": "strict", "max": 0.0}])
    lenient, strict = result.gates["lenient"], result.gates["strict"]
    assert (lenient.verdict, strict.verdict, result.blessed) == ("met", "unmet", 0)
    assert strict.value < strict.judged
