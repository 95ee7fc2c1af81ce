"""Trains a small network in a process of its own: `distributed_training.py MODE WEIGHTS OUT`.

MODE is `single` or `mirrored` (two virtual CPUs). OUT receives weights and eval logits.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main(mode: str, weights: str, out: str) -> None:
    """Trains and writes what came out."""
    import tensorflow as tf

    from models.devices import Devices, find_devices
    from models.training import train
    from tests.models.splits import SIZE, quarter_split
    from tests.models.tasks import demo_task

    tf.config.threading.set_inter_op_parallelism_threads(2)
    training = {"frozen_epochs": 1, "epochs": 2, "batch_size": 16, "patience": 9, "ema_momentum": 0.5}
    rates = {"learning_rate": 1e-3, "backbone_learning_rate": 5e-4, "augmentation": {"noise": 0.05}}
    model = {"weights": "own", "dropout": 0.0, "hidden": (8,), "pooling": "avg"}
    task = demo_task(image={"size": (SIZE, SIZE)}, model=model, training=training | rates)
    if mode == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        devices = Devices(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), "float32")
    else:
        devices = find_devices()
    assert devices.replicas == (1 if mode == "single" else 2)
    state = Path(out).with_suffix(".state")
    split = quarter_split(1), quarter_split(2)
    trained = train(task, *split, weights=Path(weights), devices=devices, state_folder=state)
    assert state.exists()
    values = {f"w{index}": value for index, value in enumerate(trained.network.model.get_weights())}
    np.savez(out, logits=trained.eval_logits, losses=[row["loss"] for row in trained.history], **values)


if __name__ == "__main__":
    main(*sys.argv[1:])
