"""`radflow evaluate` on a small SavedModel that scores an image by its brightness, and PNG files on disk."""

from __future__ import annotations

import argparse
import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sk

from cli import evaluate
from data_schemas.description import Calibration, ModelDescription
from data_schemas.errors import ConfigurationError, DataRefused, ManifestError
from data_schemas.task import Task
from data_schemas.training_data import NAMES, NUMBERS
from data_schemas.wire import example_pb2
from evaluation.shift import training_data
from imaging.example import serving_examples
from imaging.manifest import ManifestRow
from tests.imaging.conftest import make_dicom

POINT = 0.45


def _task(kind: str) -> Task:
    multi_class = kind == "multi_class"
    return Task.model_validate(
        {
            "name": "bright",
            "title": "Bright images",
            "intended_use": "t",
            "population": "t",
            "reference_standard": "t",
            "consent": {"waived": "t"},
            "modalities": ["CR"],
            "image": {"max_side": 32, "size": [32, 32]},
            "labels": {
                "type": kind,
                "names": ["dark", "bright"] if multi_class else ["bright"],
                "no_finding": "dark" if multi_class else None,
            },
            "gates": [{"name": "g", "metric": "auroc", "finding": "bright", "min": 0.5}],
        }
    )


def _push_model(folder: Path, task: Task) -> None:
    class Brightness(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
        def serve(self, inputs):
            mean = tf.io.parse_example(inputs, {"mean": tf.io.FixedLenFeature([1], tf.float32)})["mean"]
            return {
                "scores_at_calibration_prevalence": tf.concat([1 - mean, mean], axis=1)[:, -len(task.labels.names) :]
            }

    module = Brightness()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    description = ModelDescription(
        task=task,
        operating_points={"bright": POINT},
        prevalence={"bright": 0.25},
        calibration=Calibration.identity(len(task.labels.names)),
        radflow_version="0",
    )
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / "description.json").write_text(description.model_dump_json(), encoding="utf-8")


def _write_images(folder: Path, count: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, count)
    for index, label in enumerate(labels):
        level = np.clip(110 + 25 * label + generator.normal(0, 25), 1, 254)
        image = np.full((24, 32), level, np.uint8)
        image[0, 0], image[0, 1] = 0, 255
        cv2.imwrite(str(folder / f"{index}.png"), image)
    return labels


@pytest.fixture(scope="module", params=["multi_class", "multi_label"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict:
    folder = tmp_path_factory.mktemp(request.param)
    task = _task(request.param)
    served = folder / "serving" / "bright"
    _push_model(served / "2", task)
    labels = _write_images(folder, 40)
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:60])
    name = "label" if request.param == "multi_class" else "bright"
    words = ["dark", "bright"] if request.param == "multi_class" else ["0", "1"]
    # Two images a patient, but the last four images name no patient at all.
    rows = [f"{i}.png,{f'p{i // 2}' if i < 36 else ''},{words[label]}" for i, label in enumerate(labels)]
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join([f"file,patient_id,{name}", *rows, f"broken.png,p0,{words[0]}"]), encoding="utf-8")
    examples = [serving_examples((folder / f"{i}.png").read_bytes(), task=task)[0].serialized for i in range(40)]
    means = [example_pb2.Example.FromString(e).features.feature["mean"].float_list.value[0] for e in examples]
    return {"served": served, "manifest": manifest, "labels": labels, "scores": np.array(means), "kind": request.param}


def _run(world: dict, *words: str, model: Path | None = None, manifest: Path | None = None) -> int:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    places = ["--model", str(model or world["served"]), "--manifest", str(manifest or world["manifest"])]
    return evaluate.run(parser.parse_args([*places, *words]))


def test_json_has_scikit_learns_values_and_counts_every_row(world: dict, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(world, "--json", "--batch-size", "7") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert len(captured.out.splitlines()) == 1 and "scored 41 of 41" in captured.err
    assert (found["examples"], found["patients"], found["rejected"], found["version"]) == (40, 22, 1, "2")
    assert found["rejected_by_status"] == {"corrupt": 1}
    labels, scores = world["labels"], world["scores"]
    bright = found["findings"]["bright"]
    assert bright["auroc"]["value"] == pytest.approx(sk.roc_auc_score(labels, scores))
    assert bright["sensitivity"]["value"] == pytest.approx(sk.recall_score(labels, scores >= POINT))
    assert bright["auroc"]["lower"] < bright["auroc"]["value"] < bright["auroc"]["upper"]
    assert found["prevalence"]["bright"] == pytest.approx(labels.mean())
    accuracy = sk.accuracy_score(labels, scores > 0.5) if world["kind"] == "multi_class" else None
    assert found["accuracy"]["value"] == (accuracy if accuracy is None else pytest.approx(accuracy))


def test_the_table_names_intervals_rejects_and_prevalences(world: dict, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(world, model=world["served"] / "2") == 0
    text = capsys.readouterr().out
    value = sk.roc_auc_score(world["labels"], world["scores"])
    assert f"{value:.3f} (" in text and "40 images of 22 patients scored, 1 rejected" in text
    assert "corrupt: " in text and "bright 25.0 %" in text
    assert f"PPV and NPV hold for this data's prevalence: bright {world['labels'].mean() * 100:.1f} %" in text


def test_the_batch_size_changes_nothing(world: dict, capsys: pytest.CaptureFixture[str]) -> None:
    _run(world, "--json", "--batch-size", "1")
    one = capsys.readouterr().out
    _run(world, "--json", "--batch-size", "100")
    assert one == capsys.readouterr().out


class FrameNumbers:
    """A model whose score of `bright` is the frame's number over 10."""

    def run(self, signature: str, inputs: dict, outputs: list[str]) -> dict:
        numbers = [
            example_pb2.Example.FromString(record).features.feature["frame"].int64_list.value[0]
            for record in inputs["inputs"]
        ]
        return {"scores_at_calibration_prevalence": np.array([[1 - number / 10, number / 10] for number in numbers])}


@pytest.mark.parametrize("batch_size", [1, 2, 3, 50])
def test_every_frame_is_a_case_of_its_patient(tmp_path: Path, batch_size: int) -> None:
    task = _task("multi_class")
    task = task.model_copy(update={"image": task.image.model_copy(update={"frame": "every"})})
    frames = np.arange(3 * 32 * 32, dtype=np.uint16).reshape(3, 32, 32)
    cine = make_dicom(frames[0], NumberOfFrames=3, PixelData=frames.tobytes(), Modality="CR")
    (tmp_path / "cine.dcm").write_bytes(cine)
    rows = [
        ManifestRow(row=number, file=tmp_path / "cine.dcm", label=label, patient_id=f"P{number}")
        for number, label in ((1, "dark"), (2, "bright"))
    ]
    tally = evaluate.score(FrameNumbers(), rows, task=task, batch_size=batch_size, progress=io.StringIO())
    assert tally.patients == [0, 0, 0, 1, 1, 1]
    assert tally.labels == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(np.array(tally.scores)[:, 1], [0.1, 0.2, 0.3] * 2)


class FrameLogits:
    """A model with frame numbers as logits of `bright`, that calls their sigmoid less 3 a probability."""

    def run(self, signature: str, inputs: dict, outputs: list[str]) -> dict:
        if signature == "calibrate":
            raw = inputs["raw_scores"]
            assert raw.dtype == np.float32
            return {outputs[0]: 1 / (1 + np.exp(3 - raw))}
        numbers = [
            example_pb2.Example.FromString(record).features.feature["frame"].int64_list.value[0]
            for record in inputs["inputs"]
        ]
        assert outputs == ["raw_scores"]
        return {"raw_scores": np.array([[number] for number in numbers], np.float32)}


def _two_studies(folder: Path, *, label: dict[int, str], findings: dict[int, tuple[int, ...]]) -> list[ManifestRow]:
    """Returns four rows: two of study A, whose images are the frames 1 to 3 and 1, and two patients' of study B."""
    frames = np.arange(3 * 32 * 32, dtype=np.uint16).reshape(3, 32, 32)
    (folder / "cine.dcm").write_bytes(
        make_dicom(frames[0], NumberOfFrames=3, PixelData=frames.tobytes(), Modality="CR")
    )
    (folder / "still.dcm").write_bytes(make_dicom(frames[1], Modality="CR"))
    files, studies = ("cine.dcm", "still.dcm", "cine.dcm", "still.dcm"), ("A", "A", "B", "B")
    whose = ("P", "P", "P", "Q")
    return [
        ManifestRow(
            row=number + 1,
            file=folder / files[number],
            label=label.get(number, ""),
            findings=findings.get(number, ()),
            patient_id=whose[number],
            study_id=studies[number],
        )
        for number in range(4)
    ]


def _studies_task(kind: str, how: str = "mean") -> Task:
    task = _task(kind)
    image = task.image.model_copy(update={"frame": "every"})
    return task.model_copy(update={"image": image, "unit": "study", "study_score": how})


@pytest.mark.parametrize(("how", "of_a"), [("mean", (1 + 2 + 3 + 1) / 4), ("max", 3)])
def test_a_study_is_scored_by_calibrate_from_the_logits_of_its_images(tmp_path: Path, how: str, of_a: float) -> None:
    task, model = _studies_task("multi_label", how), FrameLogits()
    findings = {0: (0,), 1: (1,), 2: (-1,), 3: (0,)}
    rows = _two_studies(tmp_path, label={}, findings=findings)
    images = evaluate.score(model, rows, task=task, batch_size=3, progress=io.StringIO())
    tally = evaluate.by_study(images, model, task=task)
    assert tally.patients == [0, 0, 1]
    assert [label.tolist() for label in tally.labels] == [[1], [-1], [0]]
    of_b = 2 if how == "mean" else 3
    expected = [1 / (1 + np.exp(3 - logit)) for logit in (of_a, of_b, 1)]
    np.testing.assert_allclose(np.array(tally.scores)[:, 0], expected, rtol=1e-6)


class ThreeLabels:
    """A model of three labels, all of whose logits are 0."""

    def run(self, signature: str, inputs: dict, outputs: list[str]) -> dict:
        return {outputs[0]: np.zeros((len(next(iter(inputs.values()))), 3), np.float32)}


def test_a_study_with_two_findings_is_counted_among_the_rejected(tmp_path: Path) -> None:
    labels = {"type": "multi_class", "names": ["dark", "bright", "gray"], "no_finding": "dark"}
    task = Task.model_validate(_studies_task("multi_class").model_dump() | {"labels": labels})
    rows = _two_studies(tmp_path, label={0: "bright", 1: "gray", 2: "dark", 3: "gray"}, findings={})
    images = evaluate.score(ThreeLabels(), rows, task=task, batch_size=3, progress=io.StringIO())
    tally = evaluate.by_study(images, ThreeLabels(), task=task)
    assert (tally.patients, tally.labels) == ([0, 1], [0, 2])
    ((status, reason), count) = next(iter(tally.rejected.items()))
    assert (status, count) == ("contradictory", 4) and "one study have different findings" in reason


def test_no_scored_image_makes_no_study(tmp_path: Path) -> None:
    nothing = evaluate.Tally()
    assert evaluate.by_study(nothing, ThreeLabels(), task=_studies_task("multi_class")) is nothing


def test_only_rejects_are_data_refused(world: dict, tmp_path: Path) -> None:
    label = "dark" if world["kind"] == "multi_class" else "1"
    column = "label" if world["kind"] == "multi_class" else "bright"
    (tmp_path / "text.png").write_text("not an image", encoding="utf-8")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(f"file,{column}\ntext.png,{label}\n", encoding="utf-8")
    with pytest.raises(DataRefused, match="not one of 1 images could be used"):
        _run(world, manifest=manifest)


def test_a_wrong_manifest_stops_before_the_model_is_loaded(
    world: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "load", lambda version: pytest.fail("loaded"))
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("file\nnowhere.png\n", encoding="utf-8")
    with pytest.raises(ManifestError):
        _run(world, manifest=manifest)


def test_no_model_and_no_description_are_configuration_errors(world: dict, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no model in"):
        _run(world, model=tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="does not describe a model"):
        _run(world, model=tmp_path)
    assets = tmp_path / "assets.extra"
    assets.mkdir()
    source = world["served"] / "2" / "assets.extra" / "description.json"
    (assets / "description.json").write_bytes(source.read_bytes())
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        _run(world, model=tmp_path)


def test_a_batch_of_nothing_is_refused(world: dict) -> None:
    with pytest.raises(ConfigurationError, match="--batch-size 0: give at least 1"):
        _run(world, "--batch-size", "0")


def test_the_report_is_a_page_with_the_shift_against_the_models_training_images(
    world: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "2"
    shutil.copytree(world["served"] / "2", model)
    dark = {"mean": np.full(40, 0.9), "age_years": np.full(40, np.nan)}
    alike = {name: np.full(40, 0.5) for name in NUMBERS} | {name: np.full(40, "unknown") for name in NAMES}
    summary = training_data(alike | dark, np.arange(40))
    (model / "assets.extra" / "training_data.json").write_text(summary.model_dump_json())
    assert _run(world, "--json", "--report", str(tmp_path / "page.html"), model=model) == 0
    captured = capsys.readouterr()
    shift = {one["feature"]: one for one in json.loads(captured.out)["shift"]["features"]}
    assert shift["mean"]["here"]["50%"] < 0.9 and shift["age_years"]["distance"] is None
    assert f"the report is {tmp_path / 'page.html'}" in captured.err
    page = (tmp_path / "page.html").read_text()
    assert "External validation: Bright images" in page and "Shift against the training data" in page


def test_a_report_in_no_folder_is_refused_before_anything_is_scored(world: dict, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no folder"):
        _run(world, "--report", str(tmp_path / "nowhere" / "page.html"))


def test_a_model_that_does_not_describe_its_training_images_is_judged_without_a_shift(
    world: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(world, "--json") == 0
    assert json.loads(capsys.readouterr().out)["shift"] == {"images": 40, "out_of_scope": None, "features": None}


class Scoped:
    """A model that calls every second image out of its scope."""

    def run(self, signature: str, inputs: dict, outputs: list[str]) -> dict:
        count = len(inputs["inputs"])
        assert outputs == ["scores_at_calibration_prevalence", "out_of_scope"]
        return {outputs[0]: np.zeros((count, 2), np.float32), outputs[1]: np.arange(count) % 2 == 1}


def test_slices_and_scope_are_kept_image_by_image(tmp_path: Path) -> None:
    task = _task("multi_class").model_copy(update={"slices": (("sex",), ("sex", "view"))})
    pixels = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32)
    rows = []
    for number, sex in enumerate(("F", "M", "F"), 1):
        (tmp_path / f"{number}.dcm").write_bytes(make_dicom(pixels, Modality="CR", PatientSex=sex))
        rows.append(ManifestRow(row=number, file=tmp_path / f"{number}.dcm", label="dark", patient_id=f"P{number}"))
    tally = evaluate.score(Scoped(), rows, task=task, batch_size=3, progress=io.StringIO(), scoped=True)
    assert tally.groups == {"sex": ["F", "M", "F"], "view": ["unknown"] * 3}
    assert tally.out_of_scope == [False, True, False] and len(tally.scores) == 3
    assert tally.columns()["sex"].tolist() == ["F", "M", "F"]
    assert np.isnan(tally.columns()["age_years"]).all()
