from __future__ import annotations

import argparse
import json
import socket

import cv2
import numpy as np
import pytest

from cli import predict
from data_schemas.description import Calibration, ModelDescription
from data_schemas.errors import ConfigurationError, ModelServerError
from data_schemas.task_file import load_task
from data_schemas.wire import example_pb2
from imaging.example import serving_examples
from serving.client import Prediction
from tests.imaging.conftest import make_dicom

TASK = load_task("synthetic_chest")


@pytest.fixture
def film(tmp_path):
    """A PNG of 16 bits: a ramp from black to white."""
    path = tmp_path / "film.png"
    ramp = np.linspace(0, 65535, 96 * 80).astype(np.uint16).reshape(96, 80)
    path.write_bytes(cv2.imencode(".png", ramp)[1].tobytes())
    return path


@pytest.fixture
def expected_scores(film):
    """The toy's closed form, softmax of k x mean, for the example that the film becomes."""
    example = example_pb2.Example.FromString(serving_examples(film.read_bytes(), task=TASK)[0].serialized)
    mean = example.features.feature["mean"].float_list.value[0]
    exponentials = np.exp(np.arange(3) * mean)
    return exponentials / exponentials.sum()


def run(*words):
    parser = argparse.ArgumentParser()
    predict.add_arguments(parser)
    return predict.run(parser.parse_args([str(word) for word in words]))


def description(task=TASK, points=None):
    return ModelDescription(
        task=task,
        operating_points=points or {"nodule": 0.3, "cavity": 0.6},
        prevalence={"normal": 0.5, "nodule": 0.3, "cavity": 0.2},
        calibration=Calibration.identity(3),
        radflow_version="0.1.0",
    )


def scores(*values, version=1):
    """A prediction with the outputs of `serving_default`, whose operating points are 0.3 and 0.6."""
    row = np.array([values], np.float32)
    points = np.array([[0.5, 0.3, 0.6]], np.float32)
    outputs = {
        "scores": row,
        "operating_point": points,
        "flag": (row >= points) & [False, True, True],
        "prediction_set": row >= 0.2,
        "out_of_scope": np.array([True]),
        "out_of_scope_score": np.array([1.5], np.float32),
        **{f"{name}_check": np.array([b"unknown"], object) for name in ("modality", "view", "age")},
    }
    return Prediction(outputs, version)


def test_a_film_is_scored_without_the_models_name(served_toy, film, expected_scores, capsys):
    assert run("--server", served_toy.address, film) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["file"], answer["model"], answer["version"]) == (str(film), "synthetic_chest", 3)
    assert answer["frame"] == 1
    assert list(answer["scores"]) == ["normal", "nodule", "cavity"]
    np.testing.assert_allclose(list(answer["scores"].values()), expected_scores, atol=1e-5)
    assert answer["operating_points"] == pytest.approx(dict.fromkeys(TASK.labels.names, 0.4))
    assert answer["calibrated"] is False
    assert answer["prevalence"] == {"normal": 0.5, "nodule": 0.3, "cavity": 0.2}
    assert answer["note"] == "Research software, not a medical device."


def test_a_file_that_cannot_be_scored_is_reported_and_the_next_is_scored(served_toy, film, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no image")
    files = [tmp_path / "notes.txt", tmp_path / "missing.dcm", film]
    assert run("--server", served_toy.address, "--model-name", "synthetic_chest", *files) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer.get("status") for answer in answers] == ["not_dicom", "unreadable", None]
    assert [answer["file"] for answer in answers] == [str(file) for file in files]
    assert answers[1]["error"] == "No such file or directory"


def test_no_file_scored_ends_with_1(served_toy, tmp_path):
    assert run("--server", served_toy.address, tmp_path / "missing.dcm") == 1


def explain(served_toy, film, out, *words):
    """Returns the PNG that `--explain cavity` writes, and what the command printed of it."""
    options = ("--explain", "cavity", "--heatmap", out, *words)
    assert run("--server", served_toy.address, film, *options) == 0
    return cv2.imread(str(out), cv2.IMREAD_UNCHANGED)


def test_a_heatmap_has_the_films_rows_and_columns(served_toy, film, expected_scores, tmp_path, capsys):
    out = tmp_path / "heatmap.png"
    heatmap = explain(served_toy, film, out)
    explained = json.loads(capsys.readouterr().out)["explained"]
    assert explained == {"label": "cavity", "method": "layer-cam", "heatmap": str(out)}
    assert heatmap.shape == (96, 80)
    # The toy's 8 rows rise from 0 to the score; the film's 96 have 12 for each.
    assert heatmap[0].tolist() == [0] * 80
    assert heatmap[-1].tolist() == [round(255 * expected_scores[2])] * 80


def test_the_other_method_asks_the_other_signature(served_toy, film, expected_scores, tmp_path):
    heatmap = explain(served_toy, film, tmp_path / "heatmap.png", "--method", "integrated-gradients")
    assert heatmap[0].tolist() == [round(255 * expected_scores[2])] * 80  # the toy's second signature, upside down


def test_an_overlay_is_the_film_where_the_heatmap_is_0_and_has_a_legend(served_toy, film, tmp_path):
    picture = explain(served_toy, film, tmp_path / "overlay.png", "--overlay")
    assert picture.shape == (96, 80 + 8, 3)
    shown = cv2.imread(str(film), cv2.IMREAD_UNCHANGED) / 257
    np.testing.assert_allclose(picture[:5, :80], np.repeat(shown[:5, :, None], 3, axis=2), atol=1)
    assert (picture[-1, :80] != np.rint(shown[-1, :, None])).any()


def test_a_heatmap_overwrites_nothing(tmp_path):
    (tmp_path / "film.dcm").write_bytes(b"a film")
    with pytest.raises(ConfigurationError, match="is there already"):
        run("--server", "localhost:1", tmp_path / "film.dcm", "--explain", "nodule", "--heatmap", tmp_path / "film.dcm")
    assert (tmp_path / "film.dcm").read_bytes() == b"a film"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--server", "8500", "film"], "host and port"),
        (["--server", "localhost:grpc", "film"], "host and port"),
        (["--server", "localhost:1", "film", "--explain", "nodule"], "belong together"),
        (["--server", "localhost:1", "a", "b", "--explain", "nodule", "--heatmap", "c"], "belong together"),
        (["--server", "localhost:1", "film", "--overlay"], "--overlay belongs to"),
    ],
    ids=["no host", "no port", "no heatmap", "two files", "overlay of nothing"],
)
def test_a_wrong_command_line_is_refused_before_anything_is_sent(words, says):
    with pytest.raises(ConfigurationError, match=says):
        run(*words)


def test_an_unknown_label_names_the_models(served_toy, film, tmp_path):
    with pytest.raises(ConfigurationError, match="normal, nodule, cavity"):
        run("--server", served_toy.address, film, "--explain", "mass", "--heatmap", tmp_path / "heatmap.png")


def test_images_are_not_put_together_for_a_model_that_judges_images(served_toy, film, capsys):
    with pytest.raises(ConfigurationError, match="--one-study: the model synthetic_chest judges images"):
        run("--server", served_toy.address, film, "--one-study")
    assert capsys.readouterr().out == ""


def test_an_unknown_model_says_which_option_to_give(served_toy, film):
    with pytest.raises(ModelServerError, match="--model-name"):
        run("--server", served_toy.address, "--model-name", "ct", film)


def test_a_server_that_is_away_is_told_once(film, capsys):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ModelServerError, match="radflow serve"):
            run("--server", f"127.0.0.1:{unused.getsockname()[1]}", film, film)
    assert capsys.readouterr().out == ""


def test_an_answer_says_what_is_flagged_what_cannot_be_excluded_and_whether_the_model_is_meant_for_it():
    answer = predict.answer_of(scores(0.1, 0.3, 0.6), description())
    assert answer["flagged"] == ["nodule", "cavity"]
    assert answer["operating_points"] == pytest.approx({"normal": 0.5, "nodule": 0.3, "cavity": 0.6})
    assert (answer["prediction_set"], answer["coverage"]) == (["nodule", "cavity"], None)
    assert answer["out_of_scope"] is True
    assert answer["scope"] == {"score": 1.5, "threshold": None} | dict.fromkeys(("modality", "view", "age"), "unknown")


def test_the_prevalence_is_the_one_that_the_scores_hold_at():
    deployed = {"normal": 0.9, "nodule": 0.06, "cavity": 0.04}
    told = description().model_copy(update={"deployment_prevalence": deployed})
    assert predict.answer_of(scores(0.1, 0.3, 0.6), told)["prevalence"] == deployed


class TwoVersions:
    """A client whose server loads version 2, which wants smaller images, between `describe` and `predict`."""

    def __init__(self):
        smaller = TASK.model_copy(update={"image": TASK.image.model_copy(update={"max_side": 32})})
        self.descriptions = {1: description(), 2: description(smaller)}
        self.sent = []

    def describe(self, version=1):
        return self.descriptions[version]

    def predict(self, examples):
        self.sent.append(examples[0])
        return scores(0.5, 0.3, 0.2, version=2)


def test_an_image_is_made_again_when_a_version_of_another_task_answers(film):
    client = TwoVersions()
    (scored,) = predict.score_file(client, film.read_bytes())
    smaller = serving_examples(film.read_bytes(), task=client.descriptions[2].task)[0].serialized
    assert [len(client.sent), scored.example.serialized, scored.prediction.version] == [2, smaller, 2]
    assert client.sent[0] != smaller


class EveryFrame:
    """A client whose model takes every frame, and whose scores are the frame's number over 10; it can explain."""

    def __init__(self, *words, **settings):
        self.explained = []

    def __enter__(self):
        return self

    def __exit__(self, *raised):
        pass

    def describe(self, version=1):
        return description(TASK.model_copy(update={"image": TASK.image.model_copy(update={"frame": "every"})}))

    def predict(self, examples, signature="serving_default", version=1, **inputs):
        number = example_pb2.Example.FromString(examples[0]).features.feature["frame"].int64_list.value[0]
        if signature == "explain":
            self.explained.append(number)
            return Prediction({"heatmap": np.zeros((1, 4, 4), np.float32)}, 1)
        return scores(1 - number / 10, number / 10, 0)


@pytest.fixture
def cine(tmp_path):
    """A DICOM file of three frames."""
    path = tmp_path / "cine.dcm"
    frames = np.arange(3 * 32 * 32, dtype=np.uint16).reshape(3, 32, 32)
    path.write_bytes(make_dicom(frames[0], NumberOfFrames=3, PixelData=frames.tobytes()))
    return path


def test_every_frame_is_a_line(cine, monkeypatch, capsys):
    monkeypatch.setattr("serving.client.ModelClient", EveryFrame)
    assert run("--server", "localhost:1", cine) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(answer["file"], answer["frame"]) for answer in answers] == [(str(cine), number) for number in (1, 2, 3)]
    assert [answer["scores"]["nodule"] for answer in answers] == pytest.approx([0.1, 0.2, 0.3])


def test_of_many_frames_the_one_that_scores_highest_is_explained(cine, monkeypatch, tmp_path, capsys):
    client = EveryFrame()
    monkeypatch.setattr("serving.client.ModelClient", lambda *words, **settings: client)
    out = tmp_path / "heatmap.png"
    assert run("--server", "localhost:1", cine, "--explain", "nodule", "--heatmap", out) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert client.explained == [3]
    explained = {"label": "nodule", "method": "layer-cam", "heatmap": str(out)}
    assert [answer.get("explained") for answer in answers] == [None, None, explained]
    assert cv2.imread(str(out), cv2.IMREAD_UNCHANGED).shape == (32, 32)
