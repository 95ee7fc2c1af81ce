"""What the benchmarks of growth share: the slope of costs on numbers of files, and the highest memory of a block."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import linear_regression

_SAMPLED_S = 0.2


def slope(seconds: Mapping[int, float]) -> float:
    """Returns the slope of log(seconds - seconds of one file) on log(files): 1 where every file costs the same.

    Args:
        seconds: by the number of files, 1 being one of them.

    Returns NaN where a number of files cost no more than one.
    """
    counts = [count for count in seconds if count > 1]
    if any(seconds[count] <= seconds[1] for count in counts):
        return math.nan  # what a file adds is lost in what a run costs whatever its size
    times = [math.log(seconds[count] - seconds[1]) for count in counts]
    return linear_regression([math.log(count) for count in counts], times).slope


@contextmanager
def peak_memory(peaks: list[tuple[int, int]]) -> Iterator[None]:
    """Appends the highest resident sets (MiB) while the block runs: this process over its start, the largest child.

    A child is any process below this one.
    """
    start, highest, ended = _resident_mib("self"), [0, 0], threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLED_S):
            highest[0] = max(highest[0], _resident_mib("self") - start)
            highest[1] = max([highest[1], *map(_resident_mib, _descendants())])

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        peaks.append((highest[0], highest[1]))


def _resident_mib(process: str) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:  # it has ended
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS")), 0)


def _descendants() -> Sequence[str]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[path.parent.name] = path.read_text(encoding="utf-8").rpartition(")")[2].split()[1]
        except OSError:  # it has ended
            continue
    found, new = set(), {str(Path("/proc/self").resolve().name)}
    while new:
        new = {process for process, parent in parents.items() if parent in new} - found
        found |= new
    return sorted(found)
