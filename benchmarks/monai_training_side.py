"""MONAI side of `monai_training_bench.py`, in an environment of its own: a PyTorch loop; prints wall and CPU time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from monai.networks.nets import DenseNet121

_PROBE_STEPS = 2


def main() -> int:
    """Reads `PRECISION BATCH STEPS SIDE THREADS` from the command line, then a line for each block that it should time.

    Both memory layouts are tried, and the faster one is used; its name is in the line that says that all is ready.
    """
    precision, (batch, steps, side, threads) = sys.argv[1], map(int, sys.argv[2:6])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    layouts = {"channels_first": torch.contiguous_format, "channels_last": torch.channels_last}
    loops = {name: _loop(layout, precision, batch, side) for name, layout in layouts.items()}
    probes = {name: _fastest(step) for name, step in loops.items()}
    layout = min(probes, key=lambda name: probes[name])
    print(f"ready {layout}", flush=True)
    for _ in sys.stdin:
        started, worked = time.perf_counter(), time.process_time()
        for _ in range(steps):
            loops[layout]()
        print(time.perf_counter() - started, time.process_time() - worked, flush=True)
    return 0


def _loop(layout: torch.memory_format, precision: str, batch: int, side: int) -> Callable[[], float]:
    """Returns a training step: gray noise from memory, repeated to three channels; all layers fitted; AdamW."""
    network = DenseNet121(spatial_dims=2, in_channels=3, out_channels=2).to(memory_format=layout).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=1e-4)
    entropy = torch.nn.CrossEntropyLoss()
    images, labels = torch.rand(4 * batch, 1, side, side), torch.arange(4 * batch) % 2

    def step() -> float:
        rows = torch.randint(len(images), (batch,))
        color = images[rows].expand(-1, 3, -1, -1).contiguous(memory_format=layout)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            loss = entropy(network(color), labels[rows])
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def _fastest(step: Callable[[], float]) -> float:
    """Returns the seconds of the fastest of a few steps after the first."""
    step()
    seconds = []
    for _ in range(_PROBE_STEPS):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


if __name__ == "__main__":
    sys.exit(main())
