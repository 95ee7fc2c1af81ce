"""The pushed model, through the session loader that TensorFlow Serving uses: every signature keeps its contract."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from cli.main import main
from data_schemas.description import ModelDescription
from data_schemas.task_file import load_task, task_to_json
from data_schemas.wire import example_pb2
from imaging.example import serving_examples
from serving.gateway import decoding_tasks
from serving.gateway.prepared import prepared
from serving.server.servable import Servable
from tests.pipeline.conftest import Run
from tests.serving.gateway.asked_gateway import ask
from tests.serving.gateway.kept_gateway import Gateway

pytestmark = pytest.mark.pipeline

LABELS = ("normal", "nodule", "cavity")


@pytest.fixture(scope="module")
def model(first_run: Run) -> Servable:
    return Servable.load(first_run.served / "1")


@pytest.fixture(scope="module")
def records(first_run: Run, sample: Path) -> np.ndarray:
    """Serialized examples of three images, without identity or label, as a client sends them."""
    task = load_task(str(first_run.task))
    with sample.open(newline="") as file:
        files = [sample.parent / row["file"] for row in list(csv.DictReader(file))[:3]]
    return np.array([serving_examples(path.read_bytes(), task=task)[0].serialized for path in files], object)


def test_the_signatures_are_those_of_the_contract(model: Servable) -> None:
    assert set(model.signatures) >= {
        "serving_default", "classify", "explain", "explain_integrated_gradients", "calibrate", "describe",
        "features", "transform_features",
    }  # fmt: skip


@pytest.mark.parametrize("count", [1, 3])
def test_every_output_has_the_batch_as_dimension_0(model: Servable, records: np.ndarray, count: int) -> None:
    inputs, label = records[:count], np.zeros(count, np.int64)
    for signature, arguments in {
        "serving_default": {"inputs": inputs},
        "classify": {"inputs": inputs},
        "explain": {"inputs": inputs, "label": label},
        "explain_integrated_gradients": {"inputs": inputs, "label": label},
        "calibrate": {"raw_scores": np.zeros((count, 3), np.float32)},
        "describe": {"request": np.zeros(count, np.int32)},
        "features": {"inputs": inputs},
    }.items():
        for name, output in model.run(signature, arguments).items():
            assert len(output) == count, f"{signature}: {name}"


def test_scores_are_probabilities_of_the_labels_in_the_tasks_order(model: Servable, records: np.ndarray) -> None:
    outputs = model.run("serving_default", {"inputs": records})
    np.testing.assert_allclose(outputs["scores"].sum(axis=1), 1, rtol=1e-5)
    assert [value.decode() for value in outputs["classes"][2]] == list(LABELS)


def test_an_image_scores_the_same_alone_and_in_a_batch(model: Servable, records: np.ndarray) -> None:
    together = model.run("serving_default", {"inputs": records})["scores"]
    alone = [model.run("serving_default", {"inputs": records[i : i + 1]})["scores"][0] for i in range(3)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_calibrate_is_the_tail_of_serving_default(model: Servable, records: np.ndarray) -> None:
    outputs = model.run("serving_default", {"inputs": records})
    again = model.run("calibrate", {"raw_scores": outputs["raw_scores"]})
    of_the_image = {"out_of_scope", "out_of_scope_score", "modality_check", "view_check", "age_check"}
    assert set(again) == set(outputs) - of_the_image
    np.testing.assert_allclose(again["scores"], outputs["scores"], atol=1e-6)


@pytest.mark.parametrize("signature", ["explain", "explain_integrated_gradients"])
def test_an_explanation_fits_the_image_and_its_scores_are_the_models(
    model: Servable, records: np.ndarray, signature: str
) -> None:
    outputs = model.run(signature, {"inputs": records, "label": np.array([0, 1, 2])})
    assert outputs["heatmap"].shape == (3, 64, 64)
    assert outputs["heatmap"].min() >= 0 and outputs["heatmap"].max() <= 1
    scores = model.run("serving_default", {"inputs": records})["scores"]
    np.testing.assert_allclose(outputs["scores"], scores, atol=1e-5)


def test_no_image_and_a_label_out_of_range_are_refused_in_words(model: Servable, records: np.ndarray) -> None:
    with pytest.raises(Exception, match="Input is empty"):
        model.run("serving_default", {"inputs": records[:0]})
    with pytest.raises(Exception, match="indices"):
        model.run("explain", {"inputs": records[:1], "label": np.array([3])})


def test_a_header_that_is_not_meant_for_the_model_is_out_of_scope(model: Servable, records: np.ndarray) -> None:
    """The task is for people of 40 to 59 years."""
    changed = []
    for age in (39.9, 40.0, 59.9, 60.0, None):
        example = example_pb2.Example.FromString(records[0])
        ages = example.features.feature["age_years"].float_list
        del ages.value[:]
        ages.value.extend([] if age is None else [age])
        changed.append(example.SerializeToString())
    outputs = model.run("serving_default", {"inputs": np.array(changed, object)})
    assert outputs["age_check"].tolist() == [b"mismatch", b"match", b"match", b"mismatch", b"unknown"]
    assert outputs["out_of_scope"][[0, 3]].all()
    assert set(outputs["modality_check"].tolist()) == {b"match"}
    np.testing.assert_allclose(outputs["scores"], np.tile(outputs["scores"][:1], (5, 1)), atol=1e-6)


def test_a_record_without_any_header_is_unknown(model: Servable, records: np.ndarray) -> None:
    example = example_pb2.Example.FromString(records[0])
    for name in ("modality", "view", "age_years"):
        del example.features.feature[name]
    outputs = model.run("serving_default", {"inputs": np.array([example.SerializeToString()], object)})
    assert [outputs[f"{name}_check"][0] for name in ("modality", "view", "age")] == [b"unknown"] * 3


def test_describe_tells_a_client_all_it_needs(model: Servable, first_run: Run) -> None:
    text = model.run("describe", {"request": np.zeros(1, np.int32)})["task"][0]
    description = ModelDescription.model_validate_json(text)
    assert description.task == load_task(str(first_run.task))
    assert set(description.operating_points) == set(description.prevalence) == set(LABELS)
    assert sum(description.prevalence.values()) == pytest.approx(1)
    # 160 studies leave ten patients or so for calibration: too few for anything but to say so.
    assert description.calibration.method in ("none", "temperature")
    assert description.calibration.images > 0
    assert description.conformal is not None and description.scope is not None


def test_what_people_read_beside_the_model_says_the_same(first_run: Run) -> None:
    assets = first_run.served / "1" / "assets.extra"
    assert load_task(str(assets / "task.yaml")) == load_task(str(first_run.task))
    trained_on = json.loads((assets / "training_patients.json").read_text())
    report = json.loads(next(first_run.output.glob("pipeline/DicomExampleGen/ingest_report/*/ingest.json")).read_text())
    assert trained_on["patients"] == sorted(
        report["patients"]["train"] + report["patients"]["eval"] + report["patients"]["calibration"]
    )
    assert not set(trained_on["patients"]) & set(report["patients"]["test"])


def test_the_run_leaves_a_report_of_how_the_model_was_made(first_run: Run) -> None:
    # Later runs in the same output, by other tests, leave their own.
    text = min(first_run.output.glob("reports/*/model_report.html")).read_text()
    for heading in ("Epoch by epoch", "What training sees", "From logits to flags", "Sets of labels", "Explanations"):
        assert heading in text
    run = min(first_run.output.glob("pipeline/Trainer/model_run/*"), key=lambda folder: int(folder.name))
    checks = json.loads((run / "explanation_checks.json").read_text())
    assert set(checks) == {"layer-cam", "integrated-gradients"}
    assert all(stages[-1]["share"] == 1 for stages in checks.values())
    assert list((run / "tensorboard").iterdir())


def test_what_is_served_is_held_against_what_the_version_carries(
    model: Servable, first_run: Run, sample: Path, tmp_path: Path, capsys
) -> None:
    """What the gateway keeps of the very images of the run is no drift, and both know their features by one name."""
    task = load_task(str(first_run.task))
    gateway = Gateway(tmp_path / "gateway")
    with sample.open(newline="") as file:
        rows = list(csv.DictReader(file))[::3]
    for number, row in enumerate(rows):
        answer = decoding_tasks.examples(
            file=str(sample.parent / row["file"]), out=str(tmp_path), task=task_to_json(task), declared={}
        )
        ((frame, serialized),) = prepared(answer, tmp_path).examples()
        outputs = model.run("serving_default", {"inputs": np.array([serialized], object)})
        scores = dict(zip(LABELS, outputs["scores_at_calibration_prevalence"][0].tolist(), strict=True))
        ask(gateway, 1, patient=f"{number:032x}", features=frame.features, scores=scores, names=task.labels)
    gateway.close()
    words = ["drift", "--output", str(first_run.output), "--data", str(tmp_path / "gateway"), "--version", "1"]
    code, found = main([*words, "--json"]), json.loads(capsys.readouterr().out)
    # Training is not the same to the last bit each time, so that scores may alert by chance; the images are the same.
    assert code == (6 if found["alerts"] else 0) and found["images"] == len(rows)
    features = {one["name"]: one for one in found["comparisons"] if one["kind"] == "feature"}
    assert not any(one["alerted"] for one in features.values())
    known = {name for name, one in features.items() if one["distance"] is not None}
    assert {"mean", "standard_deviation", "sharpness", "age_years", "sex"} <= known
    assert {one["name"] for one in found["comparisons"] if one["kind"] == "scores"} == {"nodule", "cavity"}
    assert all(one["distance"] is not None for one in found["comparisons"] if one["kind"] in ("scores", "flags"))
