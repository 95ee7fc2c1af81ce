"""What the benchmarks share: which machine it was, a ratio with its spread, and how a result is printed."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """A ratio measured several times in one run.

    Attributes:
        what: what is divided by what.
        blocks: the ratio of each block; its two sides ran one after the other.
        target: the bound, or None for a ratio that only informs.
        at_least: the bound is a lower one.
        tolerance: where given, the median must lie so near the target, on either side.
    """

    what: str
    blocks: Sequence[float]
    target: float | None = None
    at_least: bool = False
    tolerance: float | None = None

    @property
    def value(self) -> float:
        """The median over the blocks."""
        return median(self.blocks)

    @property
    def met(self) -> bool | None:
        """Whether the median keeps the bound; None without one."""
        if self.target is None:
            return None
        if self.tolerance is not None:
            return abs(self.value - self.target) <= self.tolerance
        return self.value >= self.target if self.at_least else self.value <= self.target

    def line(self) -> str:
        """Returns the ratio, its spread, the target and whether it is met, for people."""
        spread = f"{self.value:.3f} (lowest {min(self.blocks):.3f}, highest {max(self.blocks):.3f})"
        if self.target is None:
            return f"{self.what}: {spread}, for information"
        bound = f"target at {'least' if self.at_least else 'most'} {self.target:g}"
        if self.tolerance is not None:
            bound = f"target {self.target - self.tolerance:g} to {self.target + self.tolerance:g}"
        return f"{self.what}: {spread}, {bound}: {'met' if self.met else 'MISSED'}"

    def as_json(self) -> dict[str, Any]:
        """Returns the same as numbers."""
        return {
            "what": self.what,
            "ratio": round(self.value, 3),
            "lowest": round(min(self.blocks), 3),
            "highest": round(max(self.blocks), 3),
            "target": self.target,
            "met": self.met,
        }


def print_result(
    benchmark: str, ratios: Sequence[Ratio], *, packages: Sequence[str], details: dict[str, Any], load: float
) -> None:
    """Prints each ratio, the details, the machine and versions, and last all of it as one line of JSON.

    Args:
        benchmark: its name.
        ratios: what was measured.
        packages: distributions whose versions matter.
        details: further numbers by name.
        load: `load_average()` before the benchmark began.
    """
    machine = {"cpus": os.cpu_count(), "model": _processor(), "load_before": load, "python": platform.python_version()}
    versions = {package: metadata.version(package) for package in packages}
    for ratio in ratios:
        print(ratio.line())
    for name, value in details.items():
        print(f"  {name.replace('_', ' ')}: {value}")
    print(f"  on {machine['cpus']} CPUs ({machine['model']}), load {load:g} before the start")
    print("  " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    result = {"benchmark": benchmark, "ratios": [ratio.as_json() for ratio in ratios], **details}
    print(json.dumps(result | {"machine": machine, "versions": versions}), flush=True)


def load_average() -> float:
    """Returns how many processes wanted a CPU during the last minute."""
    return round(os.getloadavg()[0], 1)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
