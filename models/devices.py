"""What a network is fitted on: one device, several GPUs, or several machines; and in which number format.

Several GPUs of one machine share each batch (`tf.distribute.MirroredStrategy`). Those of a cluster's machines do where
its workers ask for it (`MultiWorkerMirroredStrategy`); each runs the same training on the same data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from data_schemas.errors import ConfigurationError
from data_schemas.training_cluster import TrainingCluster
from data_schemas.training_settings import Precision

_BFLOAT16_CAPABILITY, _FLOAT16_CAPABILITY = (8, 0), (7, 0)
"""CUDA compute capabilities from which tensor cores take these formats: Ampere and Volta."""


@dataclass(frozen=True)
class Devices:
    """Where and how a network is fitted.

    Attributes:
        strategy: TensorFlow's distribution strategy; the default one is a single device.
        precision: Keras' dtype policy; weights are float32 under each of them.
        chief: this process writes what is kept; of several workers the first.
        workers: processes that train together.
    """

    strategy: tf.distribute.Strategy
    precision: str
    chief: bool = True
    workers: int = 1

    @property
    def replicas(self) -> int:
        """Copies of the network that share each batch."""
        return int(self.strategy.num_replicas_in_sync)

    def of_chief(self, values: Sequence[float]) -> list[float]:
        """Returns the chief's values, given each worker's own: what is decided by them is decided by all alike."""
        if self.workers == 1:
            return list(values)

        def first(own: tf.Tensor) -> tf.Tensor:
            replica = tf.distribute.get_replica_context()
            counts = tf.equal(replica.replica_id_in_sync_group, 0)
            return replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(counts, own, tf.zeros_like(own)))

        shared = tf.function(lambda own: self.strategy.run(first, (own,)))(tf.constant(values, tf.float64))
        return [float(one) for one in self.strategy.experimental_local_results(shared)[0]]

    @contextmanager
    def building(self) -> Iterator[None]:
        """Variables made in this block are copied to every device, layers compute in the precision."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.precision)
        try:
            with self.strategy.scope():
                yield
        finally:
            keras.config.set_dtype_policy(before)


def find_devices(
    precision: Precision = "auto", *, cpu_precision: str = "float32", cluster: TrainingCluster | None = None
) -> Devices:
    """Returns what this machine has for training, or a cluster that this process joins.

    Args:
        precision: `auto` takes bfloat16 or float16 on GPUs that are fast at it, and `cpu_precision` elsewhere.
        cpu_precision: what the backbone was measured to be fastest in on a CPU that has the format.
        cluster: what TF_CONFIG names, to be joined; returns when all its machines have. None for this machine alone,
            whatever TF_CONFIG says.

    Raises:
        ConfigurationError: the cluster cannot be joined, since TensorFlow ran something before, or does not get the
            port that TF_CONFIG names.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if precision != "auto":
        chosen: str = precision
    elif gpus:
        chosen = _fast_precision(gpus)
    else:
        chosen = cpu_precision if cpu_precision == "float32" or _cpu_has_bfloat16() else "float32"
    if cluster is not None:
        return Devices(_joined(cluster), chosen, chief=cluster.chief, workers=len(cluster.addresses))
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return Devices(tf.distribute.MirroredStrategy(), chosen)
    return Devices(tf.distribute.get_strategy(), chosen)


def _fast_precision(gpus: list[tf.config.PhysicalDevice]) -> str:
    """Returns the format that the least able GPU is fast at."""
    least = min(tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) for gpu in gpus)
    if least >= _BFLOAT16_CAPABILITY:
        return "mixed_bfloat16"
    return "mixed_float16" if least >= _FLOAT16_CAPABILITY else "float32"


def _cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Returns whether the processor multiplies bfloat16 itself; others emulate it, slowly."""
    flags = cpuinfo.read_text().split() if cpuinfo.is_file() else []
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _joined(cluster: TrainingCluster) -> tf.distribute.Strategy:
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise ConfigurationError(
            f"the cluster of TF_CONFIG cannot be joined ({error}); that must be the first thing that a process does "
            "with TensorFlow: start a worker as a process of its own"
        ) from error
    except tf.errors.OpError as error:
        raise ConfigurationError(
            f"the cluster of TF_CONFIG cannot be joined ({error.message}); this machine should be "
            f"{cluster.addresses[cluster.index]}, and nothing else listen there"
        ) from error
