"""Out of scope: real films, real CT slices, films that are turned, inverted or noise; and the graph against numpy."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from data_schemas.task import Task
from data_schemas.task_file import load_task
from evaluation.decision_rules import CalibrationCases, fit_decision_rules
from imaging.canonical import canonical_image, encode_png
from imaging.patients import assign_split
from imaging.source import read_source
from models.image_graph import images_to_unit
from models.network import Network, build_network
from models.scope import _views, fit_scope, out_of_scope_score, scope_scores
from models.split_data import SplitData
from tests.models.splits import SIZE, quarter_split
from tests.models.tasks import demo_task

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
WEIGHTS = DATA / "weights" / "mobilenet_2_5_224_tf_no_top.h5"
_FILMS = {"train": 1200, "calibration": 300, "test": 300}


@pytest.fixture(scope="module")
def small() -> Network:
    return build_network(demo_task(image={"size": (SIZE, SIZE)}), weights=None)


def test_the_graph_measures_what_numpy_measures(small: Network) -> None:
    split = quarter_split(1)
    scope = fit_scope(small, split, seed=1)
    views = _views(small, tf.constant(split.images), scope.mean_thumbnail)
    distances = [scope.subspaces[name].squared_distance(views[name]) / scope.units[name] for name in views]
    expected = np.sqrt(np.max(distances, axis=0))
    np.testing.assert_allclose(scope_scores(small, scope, split.images), expected, rtol=1e-3)
    # One in a hundred, in each of three views, is more unusual than the unit.
    assert np.mean(expected > 1) <= 0.1


def test_black_and_white_and_tiny_images_have_a_score(small: Network) -> None:
    scope = fit_scope(small, quarter_split(1), seed=1)
    images = np.stack([np.zeros((SIZE, SIZE, 1)), np.ones((SIZE, SIZE, 1))]).astype(np.float32)
    assert np.isfinite(out_of_scope_score(small, scope, tf.constant(images))).all()
    assert len(scope_scores(small, scope, images[:0])) == 0
    tiny = demo_task(image={"size": (16, 16)}, model={"pooling": "avg"})
    pixels = np.random.default_rng(0).random((30, 16, 16, 1), np.float32)
    network, names = build_network(tiny, weights=None), tuple(map(str, range(30)))
    split = SplitData(pixels, np.zeros(30, np.int64), names, names)
    assert np.isfinite(scope_scores(network, fit_scope(network, split, seed=1), pixels)).all()


def _task() -> Task:
    task = load_task("chest_xray_pneumonia")
    return task.model_copy(update={"image": task.image.model_copy(update={"size": (128, 128)})})


def _films(task: Task) -> dict[str, tuple[NDArray[np.float32], NDArray[np.str_]]]:
    """Returns Kermany's films by split, as the network sees them, and their patients."""
    with (DATA / "kermany-cxr-pneumonia" / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    np.random.default_rng(0).shuffle(rows)
    found: dict[str, list[tuple[NDArray[np.float32], str]]] = {name: [] for name in _FILMS}
    for row in rows:
        split = assign_split(row["patient_id"], task=task)
        if len(found.get(split, ())) < _FILMS.get(split, 0):
            film = cv2.imread(str(DATA / "kermany-cxr-pneumonia" / "images" / row["file"]), cv2.IMREAD_GRAYSCALE)
            small = cv2.resize(film, task.image.size, interpolation=cv2.INTER_AREA)
            found[split].append((small[..., None].astype(np.float32) / 255, row["patient_id"]))
    return {name: tuple(map(np.array, zip(*films, strict=True))) for name, films in found.items()}


def _slices(task: Task) -> NDArray[np.float32]:
    """Returns real CT slices as they would come if a header called them films."""
    files = sorted((DATA / "ct-contrast-dicom" / "dicom").iterdir())
    pngs = [encode_png(canonical_image(read_source(file.read_bytes()), task)) for file in files]
    return images_to_unit(tf.constant(pngs), task=task).numpy()


@pytest.mark.seeds
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data, the public test data")
def test_real_films_are_in_scope_and_everything_else_is_not() -> None:
    task = _task()
    films = _films(task)
    network = build_network(task, weights=WEIGHTS)
    images, patients = films["train"]
    none = np.zeros(len(images), np.int64)
    scope = fit_scope(network, SplitData(images, none, tuple(patients), tuple(patients)), seed=1)
    images, patients = films["calibration"]
    scores = scope_scores(network, scope, images)
    cases = CalibrationCases(
        np.zeros(len(images), int), np.zeros((len(images), 2)), patients, patients, patients, scores
    )
    threshold = fit_decision_rules(cases, task=task, class_weights=np.ones(2)).scope.threshold
    assert threshold is not None
    test, rng = films["test"][0], np.random.default_rng(0)
    kinds = {
        "CT slices": _slices(task),
        "turned left": np.rot90(test, 1, (1, 2)).copy(),
        "turned right": np.rot90(test, 3, (1, 2)).copy(),
        "inverted": 1 - test,
        "uniform noise": rng.random((100, 128, 128, 1), np.float32),
        "normal noise": np.clip(rng.normal(0.5, 0.15, (100, 128, 128, 1)), 0, 1).astype(np.float32),
        "films drowned in noise": np.clip(test + rng.normal(0, 0.3, test.shape), 0, 1).astype(np.float32),
    }
    out = {name: np.mean(scope_scores(network, scope, images) > threshold) for name, images in kinds.items()}
    assert np.mean(scope_scores(network, scope, test) > threshold) <= 0.05
    assert min(out.values()) >= 0.95, out
