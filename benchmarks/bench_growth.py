"""Growth: how the time and the memory of an ingest grow with the number of files.

    python benchmarks/bench_growth.py [--images 500 2000 8000 20000] [--blocks 3]

Each block runs DicomExampleGen's executor on one file and then on each number of files, which are links to a few
hundred synthetic studies. The slope of log(seconds - seconds of one file) on log(files) is 1 where every file costs the
same. Target: the median slope within 0.95 to 1.05. Memory is the resident set of this process, less what it held at the
start (TensorFlow, TFX), and of the largest worker, sampled while the executor runs.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import linear_regression

from ingest_run import ingest, quieten, write_manifest
from ratios import Ratio, load_average, print_result

from data_schemas.task_file import load_task
from imaging.synthetic import write_sample

_STUDIES = 300
_PACKAGES = ("apache-beam", "tfx", "numpy", "opencv-python-headless", "pydicom")
_SAMPLED_S = 0.2


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments, load = _parse(), load_average()
    quieten()
    task = load_task("synthetic_chest")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_sample(folder / "sample", studies=_STUDIES)
        files = sorted((folder / "sample" / "dicom").glob("*.dcm"))
        manifests = {
            count: write_manifest(folder / f"{count}.csv", files, label=task.labels.names[0], images=count)
            for count in (1, *arguments.images)
        }
        ingest(manifests[1], task=task, folder=folder / "warm-up")
        slopes, memory = [], {count: [] for count in manifests}
        for _ in range(arguments.blocks):
            seconds = {}
            for count, manifest in manifests.items():
                with _peak_memory(memory[count]):
                    seconds[count] = ingest(manifest, task=task, folder=folder / "run")
                print(f"  {count} files: {seconds[count]:.1f} s", flush=True)
            slopes.append(_slope(seconds))
    ratio = Ratio("slope of log(seconds - seconds of one file) on log(files)", slopes, target=1.0, tolerance=0.05)
    print_result("growth", [ratio], packages=_PACKAGES, details=_details(memory), load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[500, 2000, 8000, 20000], help="[%(default)s]")
    parser.add_argument("--blocks", type=int, default=3, help="repetitions, for the spread [%(default)s]")
    return parser.parse_args()


def _slope(seconds: dict[int, float]) -> float:
    counts = [count for count in seconds if count > 1]
    times = [math.log(seconds[count] - seconds[1]) for count in counts]
    return linear_regression([math.log(count) for count in counts], times).slope


def _details(memory: dict[int, list[tuple[int, int]]]) -> dict[str, dict[int, int]]:
    return {
        "runner_mib_over_its_start": {count: max(own for own, _ in peaks) for count, peaks in memory.items()},
        "worker_mib": {count: max(worker for _, worker in peaks) for count, peaks in memory.items()},
    }


@contextmanager
def _peak_memory(peaks: list[tuple[int, int]]) -> Iterator[None]:
    """Appends the highest resident sets (MiB) while the block runs: this process over its start, the largest worker."""
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


if __name__ == "__main__":
    sys.exit(main())
