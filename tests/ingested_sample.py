"""A sample of synthetic studies as the pipeline's own ingest gives it, and as the network sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data_schemas import features
from data_schemas.task import Task
from data_schemas.task_file import load_task
from data_schemas.wire import example_pb2
from imaging.example import training_examples
from imaging.manifest import read_manifest
from imaging.pseudonyms import Pseudonyms
from imaging.synthetic import write_sample
from models.image_graph import images_to_unit
from models.split_data import SplitData


@dataclass(frozen=True)
class IngestedSample:
    """A sample; everything is in the manifest's order."""

    task: Task
    examples: list[Any]
    labels: np.ndarray
    patients: np.ndarray
    splits: np.ndarray

    def texts(self, feature: str) -> np.ndarray:
        """Returns a feature of every example."""
        return np.array([one[feature].bytes_list.value[0].decode() for one in self.examples])

    def part(self, *splits: str) -> SplitData:
        """Returns the images of splits as the network sees them."""
        chosen = np.flatnonzero(np.isin(self.splits, splits))
        convert = tf.function(lambda png: images_to_unit(png, task=self.task))
        png = tf.constant([self.examples[at][features.IMAGE].bytes_list.value[0] for at in chosen])
        images = np.concatenate([convert(png[start : start + 50]).numpy() for start in range(0, len(png), 50)])
        return SplitData(
            images,
            self.labels[chosen].astype(np.int64),
            tuple(self.texts(features.EXAMPLE_ID)[chosen]),
            tuple(self.patients[chosen]),
        )


def ingest_sample(folder: Path, *, seed: int) -> IngestedSample:
    """Returns the demo's sample, of a seed that is also the training's."""
    task = load_task("synthetic_chest")
    task = task.model_copy(update={"training": task.training.model_copy(update={"seed": seed})})
    rows = read_manifest(write_sample(folder, seed=seed), task).rows
    pseudonyms = Pseudonyms(b"k" * 32)
    read = [training_examples(row.file.read_bytes(), row=row, task=task, pseudonyms=pseudonyms)[0] for row in rows]
    return IngestedSample(
        task,
        [example_pb2.Example.FromString(one.serialized).features.feature for one in read],
        np.array([task.labels.names.index(row.label) for row in rows]),
        np.array([one.patient for one in read]),
        np.array([one.split for one in read]),
    )
