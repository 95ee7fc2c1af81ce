"""Explanations: what a heatmap costs over the scores alone, network for network, as ratios of one run.

    python benchmarks/bench_explanations.py [--only small_cnn mobilenet] [--batch 4] [--blocks 5]

Both sides are graphs of the same network on the same images, and run in turn; decoding, which `serving_default` and
`explain` share, is left out. The networks have random weights, of which the time does not depend.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from ratios import Ratio, load_average, print_result

_SIDES = {"small_cnn": 128, "mobilenet": 224}
"""Rows and columns of each network's input: the demo's, and what published weights were trained on."""
_PACKAGES = ("keras", "tensorflow", "numpy")


def main() -> int:
    """Measures and prints; returns 0."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    arguments, load = _parse(), load_average()
    ratios, details = [], {}
    for name in arguments.only:
        graphs = _graphs(name, arguments.batch)
        blocks = [{what: _seconds(graph) for what, graph in graphs.items()} for _ in range(arguments.blocks)]
        ratios += [
            Ratio(f"{name}: {what} over the scores", [block[what] / block["scores"] for block in blocks])
            for what in graphs
            if what != "scores"
        ]
        details[f"{name}_scores_ms"] = round(1e3 * min(block["scores"] for block in blocks), 1)
    print_result("explanations", ratios, packages=_PACKAGES, details=details | {"batch": arguments.batch}, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(_SIDES), default=list(_SIDES), metavar="NAME")
    parser.add_argument("--batch", type=int, default=4, help="images in a call [%(default)s]")
    parser.add_argument("--blocks", type=int, default=5, help="repetitions, for the spread [%(default)s]")
    return parser.parse_args()


def _graphs(name: str, batch: int) -> dict[str, Callable[[], Any]]:
    """Returns the scores and both explanations of random images, each traced and run once."""
    import tensorflow as tf

    from data_schemas.task_file import load_task
    from models.explanations import integrated_gradients, layer_cam
    from models.network import build_network

    task, side = load_task("synthetic_chest"), _SIDES[name]
    model = task.model.model_copy(update={"backbone": name, "alpha": 0.25 if name == "mobilenet" else None})
    size = task.image.model_copy(update={"size": (side, side)})
    network = build_network(task.model_copy(update={"model": model, "image": size}), weights=None)
    images, label = tf.random.stateless_uniform((batch, side, side, 1), (1, 2)), tf.zeros(batch, tf.int64)
    graphs = {
        "scores": tf.function(lambda: network.model(images, training=False), autograph=False),
        "LayerCAM": tf.function(lambda: layer_cam(network, images, label), autograph=False),
        "integrated gradients": tf.function(lambda: integrated_gradients(network, images, label), autograph=False),
    }
    for graph in graphs.values():
        graph()
    return graphs


def _seconds(graph: Callable[[], Any]) -> float:
    """Returns the fastest of three calls."""
    took = []
    for _ in range(3):
        started = time.perf_counter()
        graph()
        took.append(time.perf_counter() - started)
    return min(took)


if __name__ == "__main__":
    sys.exit(main())
