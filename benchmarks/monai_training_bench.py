"""Training against a MONAI/PyTorch loop with the same network on the same CPU: images a second, DenseNet121 at 224 px.

    make bench-monai-training

Ours is `models.training.train` as the Trainer calls it, reading of batches, eval pass and progress included, without
and with augmentation. Theirs is the bare loop: images in memory, no augmentation, AdamW, cross-entropy, all layers, in
the faster of its two memory layouts. Every side runs in a process of its own, the sides take turns, and steps in which
something is traced or compiled for the first time are left out. Targets: in float32 at least 2.0 times MONAI's images
a second in float32; in bfloat16 at least as many as MONAI under bfloat16 autocast. CPUs without bfloat16 of their own
(AVX512-BF16 or AMX) are slower with it on both sides.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from ratios import Ratio, load_average, print_result

_HERE = Path(__file__).parent
_PACKAGES = ("keras", "tensorflow", "numpy")
_GROUPS: dict[str, tuple[float, dict[str, list[str]]]] = {
    "float32": (2.0, {"ours": [], "ours, augmented": ["--augment"]}),
    "bfloat16": (
        1.0,
        {
            "ours": ["--precision", "mixed_bfloat16"],
            "ours, augmented": ["--precision", "mixed_bfloat16", "--augment"],
        },
    ),
}
"""By precision: the target, and our sides' arguments; the first one is held to the target."""


def main() -> int:
    """Measures and prints; returns 0, whether the targets are met or not."""
    arguments, load = _parse(), load_average()
    ratios, details = [], {}
    for precision in arguments.only:
        target, ours = _GROUPS[precision]
        ours = {name: extra for name, extra in ours.items() if not (arguments.no_augmentation and "--augment" in extra)}
        layout, blocks = _measure(precision, ours, arguments)
        images = arguments.batch * arguments.steps
        details[precision] = {name: _speed(timings, images=images) for name, timings in blocks.items()}
        details[precision]["MONAI's layout"] = layout
        for name in ours:
            pairs = [list(zip(*sides, strict=True)) for sides in zip(blocks["MONAI"], blocks[name], strict=True)]
            wall, work = ([their / our for their, our in column] for column in zip(*pairs, strict=True))
            what = f"{precision}, {name}: images a second over MONAI's"
            ratios.append(Ratio(what, wall, target if name == "ours" else None, at_least=True))
            ratios.append(Ratio(f"{precision}, {name}: images a second of CPU time over MONAI's", work))
    details |= {"batch_size": arguments.batch, "side": arguments.side, "steps_a_block": arguments.steps}
    print_result("monai_training", ratios, packages=_PACKAGES, details=details, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, default=Path(".bench-monai/bin/python"), help="MONAI's [%(default)s]")
    parser.add_argument("--only", nargs="+", choices=list(_GROUPS), default=list(_GROUPS), metavar="PRECISION")
    parser.add_argument("--batch", type=int, default=32, help="images in a step [%(default)s]")
    parser.add_argument("--side", type=int, default=224, help="rows and columns of an image [%(default)s]")
    parser.add_argument("--steps", type=int, default=5, help="of a block [%(default)s]")
    parser.add_argument("--blocks", type=int, default=5, help="repetitions, for the spread [%(default)s]")
    parser.add_argument("--no-augmentation", action="store_true", help="leave out our side with augmentation")
    parser.add_argument("--threads", type=int, default=2, help="PyTorch's; TensorFlow takes all CPUs [%(default)s]")
    return parser.parse_args()


def _speed(timings: Sequence[tuple[float, float]], *, images: int) -> dict[str, float]:
    """Returns images a second, and images a second of one CPU's work: how busy others are touches this one less."""
    wall, work = (median(column) for column in zip(*timings, strict=True))
    return {"images_a_second": round(images / wall, 2), "images_a_cpu_second": round(images / work, 2)}


def _measure(
    precision: str, ours: Mapping[str, Sequence[str]], arguments: argparse.Namespace
) -> tuple[str, dict[str, list[tuple[float, float]]]]:
    """Returns the memory layout that MONAI's side chose, and each block's seconds, and of CPUs, by side."""
    shape = {"batch": arguments.batch, "steps": arguments.steps, "side": arguments.side}
    sides = {"MONAI": [arguments.python, _HERE / "monai_training_side.py", precision, *shape.values()]}
    sides["MONAI"] += [arguments.threads]
    named = [word for name, value in shape.items() for word in (f"--{name}", value)]
    sides |= {name: [sys.executable, _HERE / "training_side.py", *named, *extra] for name, extra in ours.items()}
    # One after the other: a side that gets ready would slow the next one's choice of a layout.
    ready = {name: _start(name, command) for name, command in sides.items()}
    blocks: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    names = list(sides)
    for block in range(arguments.blocks):
        # Every side takes its turn at every place, so that no one of them always meets a warmer machine.
        for place in range(len(names)):
            name = names[(block + place) % len(names)]
            blocks[name].append(_timed(ready[name][0]))
    for process, _ in ready.values():
        process.stdin.close()
        process.wait()
    return ready["MONAI"][1].removeprefix("ready "), blocks


def _start(name: str, command: Sequence[object]) -> tuple[subprocess.Popen, str]:
    process = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    line = process.stdout.readline().strip()
    if not line.startswith("ready"):
        raise RuntimeError(f"the side {name!r} did not start: {' '.join(process.args)}")
    return process, line


def _timed(process: subprocess.Popen) -> tuple[float, float]:
    process.stdin.write("go\n")
    process.stdin.flush()
    wall, work = map(float, process.stdout.readline().split())
    return wall, work


if __name__ == "__main__":
    sys.exit(main())
