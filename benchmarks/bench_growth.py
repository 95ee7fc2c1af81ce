"""Growth: how the time and the memory of an ingest grow with the number of files.

    python benchmarks/bench_growth.py [--images 500 2000 8000 20000] [--blocks 3]

Each block runs DicomExampleGen's executor on one file and then on each number of files, which are links to a few
hundred synthetic studies. The slope of log(seconds - seconds of one file) on log(files) is 1 where every file costs the
same. Target: the median slope within 0.95 to 1.05. Memory is the resident set of this process, less what it held at the
start (TensorFlow, TFX), and of the largest worker, sampled while the executor runs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from growth import peak_memory, slope
from ingest_run import ingest, quieten, write_manifest
from ratios import Ratio, load_average, print_result

from data_schemas.task_file import load_task
from imaging.synthetic import write_sample

_STUDIES = 300
_PACKAGES = ("apache-beam", "tfx", "numpy", "opencv-python-headless", "pydicom")


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
                with peak_memory(memory[count]):
                    seconds[count] = ingest(manifest, task=task, folder=folder / "run")
                print(f"  {count} files: {seconds[count]:.1f} s", flush=True)
            slopes.append(slope(seconds))
    ratio = Ratio("slope of log(seconds - seconds of one file) on log(files)", slopes, target=1.0, tolerance=0.05)
    print_result("growth", [ratio], packages=_PACKAGES, details=_details(memory), load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[500, 2000, 8000, 20000], help="[%(default)s]")
    parser.add_argument("--blocks", type=int, default=3, help="repetitions, for the spread [%(default)s]")
    return parser.parse_args()


def _details(memory: dict[int, list[tuple[int, int]]]) -> dict[str, dict[int, int]]:
    return {
        "runner_mib_over_its_start": {count: max(own for own, _ in peaks) for count, peaks in memory.items()},
        "worker_mib": {count: max(worker for _, worker in peaks) for count, peaks in memory.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
