"""Whether an explanation depends on what the network has learnt: a map that does not explains nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.stats
import tensorflow as tf

from data_schemas.task import Task
from models.explanations import Explanation, integrated_gradients, layer_cam
from models.fitting import Forward
from models.network import Network, build_network
from models.split_data import SplitData
from models.weight_files import leaves

_IMAGES, _STAGES = 8, 2
Explain = Callable[[Network, tf.Tensor, tf.Tensor], Explanation]


_SERVED: dict[str, Explain] = {"layer-cam": layer_cam, "integrated-gradients": integrated_gradients}


@dataclass(frozen=True)
class Stage:
    """How alike maps are once part of the network is random.

    Attributes:
        layers: layers with random weights, counted from the logits down.
        share: of all layers with weights.
        similarity: mean over images of Spearman's rank correlation with the map of the trained network, -1..1.
    """

    layers: int
    share: float
    similarity: float


def weight_randomization(
    explain: Explain, trained: Network, untrained: Network, *, images: np.ndarray, label: np.ndarray, stages: int = 4
) -> tuple[Stage, ...]:
    """Returns how alike maps stay while the network's layers become random, from the logits down to the image.

    The cascading randomization of Adebayo et al. (Sanity Checks for Saliency Maps, NeurIPS 2018): a map that looks the
    same with random weights shows the image, as an edge detector does, and nothing of the network.

    Args:
        explain: a function of `models.explanations`.
        trained: the network; it is not changed.
        untrained: the same network with its first, random weights, which are put back in the end.
        images: float32 (n, rows, columns, channels). Pixels that are 0 in all channels, such as padding, are left out.
        label: int64 (n,), the label that is explained for each image.
        stages: into how many the layers are divided; with the last one, all are random.
    """
    original = _heatmaps(explain, trained, images, label)
    learnt, random = trained.model.get_weights(), untrained.model.get_weights()
    found = []
    try:
        for layers, share, kept in _cascade(trained, stages):
            untrained.model.set_weights([*learnt[:kept], *random[kept:]])
            changed = _heatmaps(explain, untrained, images, label)
            alike = [_rank_correlation(*pair) for pair in zip(original, changed, images.any(axis=-1), strict=True)]
            found.append(Stage(layers, share, float(np.mean(alike))))
    finally:
        untrained.model.set_weights(random)
    return tuple(found)


def check_explanations(network: Network, split: SplitData, task: Task) -> dict[str, list[dict[str, float]]]:
    """Returns, for each served method, how alike its maps stay while a network's weights become random.

    Args:
        network: as it is exported.
        split: a few of its images are explained, each for the label that scores highest.
        task: what the network was built from.
    """
    chosen = np.sort(np.random.default_rng(task.training.seed).permutation(len(split))[:_IMAGES])
    images = np.asarray(split.images[chosen])
    label = Forward(network.model)(images).argmax(axis=1)
    # Another seed than the network's: its own first weights are still to be seen in one that learnt little.
    seed = (task.training.seed + 1) % 2**32
    training = task.training.model_copy(update={"seed": seed})
    untrained = build_network(task.model_copy(update={"training": training}), weights=None)
    found = {}
    for name, explain in _SERVED.items():
        stages = weight_randomization(explain, network, untrained, images=images, label=label, stages=_STAGES)
        found[name] = [vars(stage) for stage in stages]
    return found


def _cascade(network: Network, stages: int) -> Iterator[tuple[int, float, int]]:
    """Yields, stage by stage, how many layers are random, their share, and how many weights below them are kept."""
    sizes = [len(layer.weights) for layer in (*leaves(network.features), *leaves(network.head)) if layer.weights]
    for stage in range(1, stages + 1):
        layers = max(1, round(len(sizes) * stage / stages))
        yield layers, layers / len(sizes), sum(sizes[:-layers])


def _heatmaps(explain: Explain, network: Network, images: np.ndarray, label: np.ndarray) -> np.ndarray:
    heatmap, _ = explain(network, tf.constant(images), tf.constant(label))
    return np.asarray(heatmap)


def _rank_correlation(first: np.ndarray, second: np.ndarray, seen: np.ndarray) -> float:
    """Returns Spearman's correlation where something was seen; 0 where one of the maps is constant."""
    one, other = first[seen], second[seen]
    if one.min() == one.max() or other.min() == other.max():
        return 0.0
    return float(scipy.stats.spearmanr(one, other).statistic)
