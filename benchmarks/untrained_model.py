"""A model to measure with: a MobileNet at 224 x 224 with random weights, exported as the Trainer does it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from data_schemas.description import Calibration, ModelDescription
from data_schemas.model_files import ASSETS, DESCRIPTION_FILE
from data_schemas.schema import build_schema
from data_schemas.task import Task
from data_schemas.task_file import load_task, task_to_json


def make_untrained_model(folder: Path, *, backbone: str = "mobilenet", alpha: float = 0.25) -> Path:
    """Returns a version folder with an untrained network and its Transform graph, as `models.export` writes it.

    Args:
        folder: an empty folder to work in.
        backbone: a name of `models.backbones`.
        alpha: its width.
    """
    import absl.logging
    import tensorflow_transform as tft

    from models.export import export_model
    from models.network import build_network
    from models.scope import fit_scope
    from models.split_data import SplitData

    absl.logging.set_verbosity(absl.logging.ERROR)
    task = load_task("chest_xray_pneumonia")
    mobilenet = task.model.model_copy(update={"backbone": backbone, "alpha": alpha, "weights": "none"})
    size = task.image.model_copy(update={"size": (224, 224), "max_side": 512})
    task = task.model_copy(update={"model": mobilenet, "image": size})
    _write_transform_graph(task, folder / "transform")
    description = ModelDescription(
        task=task,
        operating_points=dict.fromkeys(task.labels.names, 0.5),
        prevalence=dict.fromkeys(task.labels.names, 1 / len(task.labels.names)),
        calibration=Calibration.identity(len(task.labels.names)),
        radflow_version="benchmark",
    )
    network = build_network(task, weights=None)
    transform = tft.TFTransformOutput(str(folder / "transform"))
    pixels = np.random.default_rng(1).random((64, *task.image.size, task.channels), np.float32)
    names = tuple(map(str, range(64)))
    scope = fit_scope(network, SplitData(pixels, np.zeros(64, np.int64), names, names), seed=1)
    export_model(network, transform, description=description, scope=scope, folder=folder / "model")
    assets = folder / "model" / ASSETS
    assets.mkdir(exist_ok=True)
    (assets / DESCRIPTION_FILE).write_text(description.model_dump_json(), encoding="utf-8")
    return folder / "model"


def _write_transform_graph(task: Task, folder: Path) -> None:
    """Writes what the Transform step would: the task's preprocessing function needs no data, having no analyzer."""
    import apache_beam as beam
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

    from models.preprocessing import preprocessing_fn

    metadata = DatasetMetadata(build_schema(task))
    function = partial(preprocessing_fn, custom_config={"task": task_to_json(task)})
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "tmp"), force_tf_compat_v1=False):
        nothing = pipeline | beam.Create([])
        transform = (nothing, metadata) | tft_beam.AnalyzeDataset(function)
        transform | tft_beam.WriteTransformFn(str(folder))
        metadata | tft_beam.WriteMetadata(str(folder / "metadata"), pipeline)
