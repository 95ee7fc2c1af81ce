"""The demo's network, trained on a sample whose lesions are known, for tests of explanations."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from evaluation.pointing_game import Heatmap, Lesion
from imaging.canonical import encode_png, located_image
from imaging.source import read_source
from imaging.source_geometry import SourceGeometry, to_source
from imaging.synthetic import write_sample
from models.explanation_checks import Explain
from models.image_graph import images_to_unit
from models.network import Network
from models.split_data import SplitData
from models.training import train
from tests.models.tasks import demo_task


@dataclass(frozen=True)
class Film:
    """A study of the sample as the network sees it, and where it came from."""

    image: np.ndarray
    geometry: SourceGeometry
    patient: str
    label: int
    lesions: tuple[Lesion, ...]


@dataclass(frozen=True)
class TrainedDemo:
    """A trained network, and the films with lesions of patients that it never saw."""

    network: Network
    held_out: list[Film]

    @property
    def images(self) -> np.ndarray:
        return np.stack([film.image for film in self.held_out])

    @property
    def label(self) -> np.ndarray:
        return np.array([film.label for film in self.held_out], np.int64)

    def heatmaps_in_source(self, explain: Explain) -> list[Heatmap]:
        in_graph = tf.function(lambda image, label: explain(self.network, image, label)[0], autograph=False)
        found = [
            in_graph(tf.constant(film.image[None]), tf.constant([film.label], tf.int64)).numpy()[0]
            for film in self.held_out
        ]
        return [to_source(heatmap, film.geometry) for heatmap, film in zip(found, self.held_out, strict=True)]


def train_demo(folder: Path, *, studies: int, seed: int, epochs: int = 12) -> TrainedDemo:
    """Trains on three fifths of the patients, stops on one, and holds one out."""
    films = _films(write_sample(folder, studies=studies, seed=seed))
    patients = sorted({film.patient for film in films})
    fifth = {patient: index % 5 for index, patient in enumerate(patients)}
    fitted = [film for film in films if fifth[film.patient] < 3]
    stopped = [film for film in films if fifth[film.patient] == 3]
    task = demo_task(training={"seed": seed, "epochs": epochs, "patience": epochs})
    trained = train(task, _split(fitted), _split(stopped), weights=None)
    return TrainedDemo(trained.network, [film for film in films if fifth[film.patient] == 4 and film.lesions])


def _films(manifest: Path) -> list[Film]:
    task, lesions = demo_task(), defaultdict(list)
    for row in _rows(manifest.with_name("lesions.csv")):
        lesions[row["file"]].append(Lesion(*(float(row[name]) for name in ("row", "column", "diameter"))))
    convert = tf.function(
        lambda png: images_to_unit(png, task=task), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    films = []
    for row in _rows(manifest):
        source = read_source((manifest.parent / row["file"]).read_bytes())
        image, geometry = located_image(source, task)
        unit = convert(tf.constant([encode_png(image)])).numpy()[0]
        label = task.labels.names.index(row["label"])
        films.append(Film(unit, geometry, source.header.patient_id, label, tuple(lesions[row["file"]])))
    return films


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _split(films: list[Film]) -> SplitData:
    ids = tuple(map(str, range(len(films))))
    images, labels = np.stack([film.image for film in films]), np.array([film.label for film in films], np.int64)
    return SplitData(images, labels, ids, tuple(film.patient for film in films))
