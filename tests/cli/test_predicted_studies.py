"""`radflow predict` with a model whose unit is the study: what is gathered, and what `calibrate` is asked."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cli import predict
from cli.predicted_studies import study_answers
from data_schemas.task_file import load_task
from data_schemas.wire import example_pb2
from imaging.example import serving_examples
from serving.client import Prediction
from tests.cli.conftest import ROOT, Served
from tests.cli.test_predict import description, scores
from tests.imaging.conftest import make_dicom

TASK = load_task("synthetic_chest").model_copy(update={"unit": "study"})
LABELS = TASK.labels.names


def _write(path: Path, brightness: float, **header: str) -> Path:
    """Writes a film whose right part alone is bright, from left to right more of it the higher the brightness."""
    pixels = np.zeros((64, 64), np.uint16)
    pixels[:, round(64 * (1 - brightness)) :] = 60000
    path.write_bytes(make_dicom(pixels, **header))
    return path


@pytest.fixture
def films(tmp_path: Path) -> dict[str, Path]:
    """Two films of one study, one each of another study and of another patient's with the same UID, and a PNG."""
    png = tmp_path / "film.png"
    png.write_bytes(cv2.imencode(".png", np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16)[1].tobytes())
    return {
        "a1": _write(tmp_path / "a1.dcm", 0.2, StudyInstanceUID="1.2.1", PatientID="A"),
        "b": _write(tmp_path / "b.dcm", 0.5, StudyInstanceUID="1.2.2", PatientID="A"),
        "a2": _write(tmp_path / "a2.dcm", 0.8, StudyInstanceUID="1.2.1", PatientID="A"),
        "c": _write(tmp_path / "c.dcm", 0.5, StudyInstanceUID="1.2.1", PatientID="C"),
        "png": png,
    }


def _mean(film: Path) -> float:
    example = example_pb2.Example.FromString(serving_examples(film.read_bytes(), task=TASK)[0].serialized)
    return example.features.feature["mean"].float_list.value[0]


def _softmax(mean: float) -> np.ndarray:
    exponentials = np.exp(np.arange(3) * mean)  # the toy's logits
    return exponentials / exponentials.sum()


def _arguments(*words: Any) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    predict.add_arguments(parser)
    return parser.parse_args([str(word) for word in ("--server", "localhost:1", *words)])


def _run(served: Served, *words: Any) -> int:
    return predict.run(_arguments("--server", served.address, *words))


def test_images_of_one_study_have_one_answer_through_calibrate(
    served_studies: Served, films: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(served_studies, *films.values()) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = [[Path(image["file"]).stem for image in answer["images"]] for answer in answers]
    assert names == [["a1", "a2"], ["b"], ["c"], ["film"]]
    assert {answer["unit"] for answer in answers} == {"study"}
    means = [(_mean(films["a1"]) + _mean(films["a2"])) / 2, *(_mean(films[name]) for name in ("b", "c", "png"))]
    for answer, mean in zip(answers, means, strict=True):
        assert list(answer["scores"]) == list(LABELS)
        np.testing.assert_allclose(list(answer["scores"].values()), _softmax(mean), atol=1e-5)
        assert answer["flagged"] == [name for name in LABELS if answer["scores"][name] >= 0.4]
        assert answer["out_of_scope"] is False and answer["note"] == predict.NOTE
        assert {image["out_of_scope"] for image in answer["images"]} == {False}
    assert answers[0]["images"][0]["scope"]["modality"] == "match"
    assert "1.2.1" not in json.dumps(answers)


def test_what_cannot_be_read_is_told_by_itself_and_the_rest_of_its_study_is_scored(
    served_studies: Served, films: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    assert _run(served_studies, films["a1"], tmp_path / "notes.txt", tmp_path / "missing.dcm", films["a2"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer.get("status") for answer in answers] == ["not_dicom", "unreadable", None]
    assert answers[0]["file"] == str(tmp_path / "notes.txt")
    assert len(answers[2]["images"]) == 2
    assert _run(served_studies, tmp_path / "notes.txt") == 1


def test_a_film_of_a_study_is_explained(
    served_studies: Served, films: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "heatmap.png"
    assert _run(served_studies, films["a2"], "--explain", "cavity", "--heatmap", out) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["explained"] == {"label": "cavity", "method": "layer-cam", "heatmap": str(out)}
    assert cv2.imread(str(out), cv2.IMREAD_UNCHANGED).shape == (64, 64)


def test_files_that_name_no_study_are_one_where_that_is_said(
    served_studies: Served, films: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "again.png").write_bytes(films["png"].read_bytes())
    files = (films["png"], films["a1"], tmp_path / "again.png")
    assert _run(served_studies, *files) == _run(served_studies, *files, "--one-study") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(answer["images"]) for answer in answers] == [1, 1, 1, 2, 1]
    assert answers[3]["scores"] == pytest.approx(answers[0]["scores"])


class Scripted:
    """A client whose model's versions answer one image, and then `calibrate`, in an order that a test gives."""

    def __init__(self, *versions: int, calibrating: int = 1, unit: str = "study", outside: tuple[int, ...] = ()):
        self.task = TASK.model_copy(update={"unit": unit})
        self.versions, self.calibrating, self.outside = list(versions), calibrating, outside
        self.scored, self.asked = 0, np.empty((0, 3))

    def describe(self, version: int | None = None) -> Any:
        return description(self.task)

    def predict(self, examples: list[bytes]) -> Prediction:
        self.scored += 1
        outputs = dict(scores(0.1, 0.3, 0.6).outputs)
        outputs["raw_scores"] = np.array([[0, self.scored, 10]], np.float32)
        outputs["out_of_scope"] = np.array([self.scored in self.outside])
        return Prediction(outputs, self.versions.pop(0))

    def calibrate(self, raw_scores: np.ndarray) -> Prediction:
        self.asked = raw_scores
        return scores(0.2, 0.3, 0.5, version=self.calibrating)


def _answers(client: Scripted, *films: Path) -> list[dict[str, Any]]:
    return list(study_answers(client, _arguments(*films)))  # type: ignore[arg-type]  # stands in for a client


def test_calibrate_is_asked_once_for_the_mean_of_a_studys_logits(films: dict[str, Path]) -> None:
    client = Scripted(1, 1)
    (answer,) = _answers(client, films["a1"], films["a2"])
    assert client.asked.tolist() == [[0, 1.5, 10]] and client.asked.dtype == np.float32
    assert answer["scores"] == pytest.approx({"normal": 0.2, "nodule": 0.3, "cavity": 0.5})


def test_a_study_is_out_of_scope_where_one_of_its_images_is(films: dict[str, Path]) -> None:
    (answer,) = _answers(Scripted(1, 1, outside=(2,)), films["a1"], films["a2"])
    assert answer["out_of_scope"] is True
    assert [image["out_of_scope"] for image in answer["images"]] == [False, True]
    assert _answers(Scripted(1, 1), films["a1"], films["a2"])[0]["out_of_scope"] is False


@pytest.mark.parametrize(
    "client",
    [Scripted(1, 2), Scripted(1, 1, calibrating=2), Scripted(1, 1, unit="image")],
    ids=["between images", "before calibrate", "to one that judges images"],
)
def test_logits_of_two_models_are_not_put_together(client: Scripted, films: dict[str, Path]) -> None:
    (answer,) = _answers(client, films["a1"], films["a2"])
    assert answer["status"] == "model_changed" and "send them again" in answer["error"]
    assert "scores" not in answer and len(answer["images"]) == 2


def test_a_client_needs_neither_tensorflow_nor_what_fits_models() -> None:
    modules = "{'tensorflow', 'scipy', 'sklearn'}"
    code = f"import sys, cli.predicted_studies, serving.client; print({modules} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
