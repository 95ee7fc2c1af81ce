"""The Trainer's step in a process of its own: `python -m tests.models.trainer_step FOLDER OUT [mirrored]`.

FOLDER is what `write_step` wrote, OUT receives `model` and `run`. `mirrored` trains on two logical CPUs, which stand
for two GPUs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from data_schemas.task import Task
from data_schemas.task_file import task_to_json
from tests.models.splits import SIZE, quarter_split
from tests.models.tasks import demo_task

COUNTS = {"train": 48, "eval": 24, "calibration": 24}


def step_task() -> Task:
    """Returns a task of which 48 images are three whole batches."""
    training = {"frozen_epochs": 1, "epochs": 2, "batch_size": 16, "patience": 9, "ema_momentum": 0.5}
    rates = {"learning_rate": 1e-3, "backbone_learning_rate": 5e-4, "augmentation": {"noise": 0.05}}
    model = {"weights": "own", "dropout": 0.0, "hidden": (8,), "pooling": "avg"}
    return demo_task(image={"size": (SIZE, SIZE)}, model=model, training=training | rates)


def write_step(folder: Path) -> dict[str, list[bytes]]:
    """Writes what the Trainer is given: records, Transform graph and pretrained weights; returns the records."""
    import tensorflow as tf

    from models.network import build_network
    from tests.models.records import record, write_transform

    task, records = step_task(), {}
    for number, (name, count) in enumerate(COUNTS.items()):
        split = quarter_split(number, count)
        records[name] = [
            record(
                (image[..., 0] * 60000).astype(np.uint16),
                task,
                label=[task.labels.names[label].encode()],
                example_id=[f"{name}{index}".encode()],
                patient=[f"{name}{index // 2}".encode()],
            )
            for index, (image, label) in enumerate(zip(split.images, split.labels, strict=True))
        ]
        (folder / f"Split-{name}").mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / f"Split-{name}" / "data.gz"), options="GZIP") as writer:
            for one in records[name]:
                writer.write(one)
    write_transform(records["train"], task, folder)
    layers = build_network(task, weights=None).features.layers
    next(layer for layer in layers if layer.name == "small_cnn").save_weights(folder / "own.weights.h5")
    return records


def main(folder: Path, out: Path, mode: str = "") -> None:
    """Runs the step."""
    import tensorflow as tf

    import models.training
    from models.devices import Devices
    from models.trainer import run_fn

    if mode == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        devices = Devices(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), "float32")
        models.training.task_devices = lambda task: devices
    tf.constant(1.0) + 1.0  # TensorFlow has been used before, as in a run
    config = {
        "task": task_to_json(step_task()),
        "weights": {"small_cnn": str(folder / "own.weights.h5")},
        "weights_digests": {"small_cnn": ""},
        "pseudonym_key_id": "key",
        "code_digest": "",
        "unfinished": str(out / "unfinished"),
    }
    run_fn(
        SimpleNamespace(
            custom_config=config,
            hyperparameters=None,
            transform_graph_path=str(folder / "graph"),
            train_files=[str(folder / "Split-train" / "*")],
            eval_files=[str(folder / f"Split-{name}" / "*") for name in ("eval", "calibration")],
            model_run_dir=str(out / "run"),
            serving_model_dir=str(out / "model"),
        )
    )
    assert not any((out / "unfinished").iterdir())
    history = json.loads((out / "run" / "history.json").read_text())
    assert len(history) == 3


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
