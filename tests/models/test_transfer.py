"""Transfer learning on real films: the given ImageNet weights against random ones, trained alike."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data_schemas.task import Task
from data_schemas.task_file import load_task
from models.network import build_network
from models.split_data import SplitData
from models.training import train

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
FILMS = DATA / "kermany-cxr-pneumonia"
WEIGHTS = DATA / "weights" / "mobilenet_2_5_224_tf_no_top.h5"
SIDE, COUNT, EPOCHS = 96, 320, 4
STARTS = (("imagenet", WEIGHTS), ("none", None))

pytestmark = pytest.mark.skipif(
    not (FILMS.is_dir() and WEIGHTS.is_file()), reason="the films or weights are not in ../shared/data"
)


def kermany_task(weights: str) -> Task:
    """Returns the shipped task at 96 pixels, for so few epochs in all that a start decides."""
    task = load_task("chest_xray_pneumonia").model_dump()
    task["image"] |= {"size": (SIDE, SIDE)}
    task["model"] |= {"backbone": "mobilenet", "alpha": 0.25, "weights": weights, "hidden": ()}
    # With random weights there is no first phase: both have as many epochs.
    frozen = EPOCHS // 2 if weights == "imagenet" else 0
    task["training"] |= {"frozen_epochs": frozen, "epochs": EPOCHS - frozen, "patience": EPOCHS, "learning_rate": 1e-3}
    task["training"] |= {"precision": "float32", "ema_momentum": 0.0, "augmentation": {}}
    return Task.model_validate(task)


def films(task: Task, split: str) -> SplitData:
    """Returns as many films of a split as are asked for, half of them normal, each from a patient of that split."""
    with (FILMS / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["suggested_split"] == split]
    order = np.random.default_rng(1).permutation(len(rows))
    chosen = [
        rows[index]
        for name in task.labels.names
        for index in [one for one in order if rows[one]["label"] == name][: COUNT // 2]
    ]
    pixels = [cv2.imread(str(FILMS / "images" / row["file"]), cv2.IMREAD_GRAYSCALE) for row in chosen]
    small = [cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for image in pixels]
    return SplitData(
        (np.stack(small)[..., None] / 255.0).astype(np.float32),
        np.array([task.labels.names.index(row["label"]) for row in chosen]),
        tuple(row["file"] for row in chosen),
        tuple(row["patient_id"] for row in chosen),
    )


@pytest.fixture(scope="module")
def splits() -> tuple[SplitData, SplitData]:
    task = kermany_task("none")
    train_split, held_out = films(task, "train"), films(task, "val")
    assert not set(train_split.patients) & set(held_out.patients)
    return train_split, held_out


def test_a_line_through_pretrained_features_tells_films_of_other_patients(
    splits: tuple[SplitData, SplitData],
) -> None:
    auc = {}
    for weights, file in STARTS:
        network = build_network(kermany_task(weights), weights=file)
        train_split, held_out = splits
        seen = [np.mean(network.features.predict(one.images, verbose=0), axis=(1, 2)) for one in splits]
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        auc[weights] = roc_auc_score(
            held_out.labels, probe.fit(seen[0], train_split.labels).predict_proba(seen[1])[:, 1]
        )
    assert auc["imagenet"] - auc["none"] >= 0.1, auc


@pytest.mark.seeds
def test_pretrained_weights_beat_random_ones_after_as_many_epochs(splits: tuple[SplitData, SplitData]) -> None:
    auc = {weights: train(kermany_task(weights), *splits, weights=file).eval_auc for weights, file in STARTS}
    assert auc["imagenet"] > 0.85
    assert auc["imagenet"] - auc["none"] >= 0.1, auc
