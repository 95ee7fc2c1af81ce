"""Ingest: DicomExampleGen's executor against a bare loop over the same files in two processes.

    python benchmarks/bench_ingest.py [--images 4096] [--blocks 4] [--processes 2]

The bare loop is what one would write without TFX: a pool of processes, started beforehand, each of which reads a file,
decodes it, shrinks it, encodes it as 16-bit PNG and writes that. The executor does the same and all else that makes an
example: header, quality features, fingerprints, split, pseudonyms, report, TFRecords, and the start and end of Beam and
of its own processes. Two kinds of files: uncompressed films of 768 x 640 shrunk to 512, and the demo's sample. Target:
0.9 of the bare loop's images a second on both. Beside it, for the films, a loop in one process that uses pydicom alone:
pixel_array, VOI LUT, resize, PNG.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import pydicom
from ingest_run import film, ingest, quieten, write_manifest
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian
from ratios import Ratio, load_average, print_result

from data_schemas.task import Task
from data_schemas.task_file import load_task
from imaging.canonical import canonical_image, encode_png
from imaging.manifest import read_manifest
from imaging.source import read_source
from imaging.synthetic import write_sample

TARGET = 0.9
_DISTINCT = 48
"""Different files; the others are links to them, so that making the sample does not take longer than measuring."""
_SMALL = 8
"""The executor also runs on so many times fewer images, to tell what it costs to start."""
_PACKAGES = ("apache-beam", "tfx", "numpy", "opencv-python-headless", "pydicom")


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments, load = _parse(), load_average()
    quieten()
    films = load_task("chest_xray_pneumonia")
    films = films.model_copy(update={"image": films.image.model_copy(update={"max_side": 512})})
    kinds = {"films": (films, _write_films), "the demo's sample": (load_task("synthetic_chest"), _write_sample)}
    ratios: list[Ratio] = []
    details: dict[str, Any] = {"images": arguments.images, "processes": arguments.processes}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (task, write) in kinds.items():
            folder = Path(scratch) / name.replace(" ", "-")
            files = write(folder)
            with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
                blocks = _measure(task, files, folder=folder, pool=pool, arguments=arguments)
            ratios += _ratios(name, blocks)
            details[name] = _details(blocks, images=arguments.images)
    print_result("ingest", ratios, packages=_PACKAGES, details=details, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4096, help="images of an ingest [%(default)s]")
    parser.add_argument("--blocks", type=int, default=4, help="repetitions, for the spread [%(default)s]")
    parser.add_argument("--processes", type=int, default=2, help="processes of the bare loop [%(default)s]")
    return parser.parse_args()


def _write_sample(folder: Path) -> list[Path]:
    """Returns the demo's DICOM files: several transfer syntaxes, up to 320 rows, which its task shrinks to 256."""
    write_sample(folder, studies=_DISTINCT)
    return sorted((folder / "dicom").glob("*.dcm"))


def _write_films(folder: Path) -> list[Path]:
    """Returns uncompressed 12-bit radiographs of 768 x 640: a smooth picture with a film's grain."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    smooth = cv2.resize(rng.uniform(500, 3500, (12, 10)), (640, 768), interpolation=cv2.INTER_CUBIC)
    files = [folder / f"{number:02d}.dcm" for number in range(_DISTINCT)]
    for file in files:
        pixels = (smooth + rng.normal(0, 30, smooth.shape)).clip(0, 4095).astype(np.uint16)
        film(pixels, number=int(file.stem)).save_as(file, enforce_file_format=True)
    return files


@dataclass(frozen=True)
class _Block:
    """Seconds of the bare loop, of the executor, of the executor on fewer images, and of pydicom's loop on those."""

    bare: float
    ingest: float
    small: float
    naive: float | None


def _measure(
    task: Task, files: Sequence[Path], *, folder: Path, pool: Pool, arguments: argparse.Namespace
) -> list[_Block]:
    label, images = task.labels.names[0], arguments.images
    large = write_manifest(folder / "large.csv", files, label=label, images=images)
    small = write_manifest(folder / "small.csv", files, label=label, images=images // _SMALL)
    paths = [row.file for row in read_manifest(large, task).rows]
    uncompressed = all(
        read_source(file.read_bytes()).header.transfer_syntax == ExplicitVRLittleEndian for file in files
    )
    _bare_loop(paths[::_SMALL], task=task, folder=folder, pool=pool)
    ingest(small, task=task, folder=folder / "warm-up")
    blocks = []
    for block in range(arguments.blocks):
        # Half of the bare loop goes before and half after, so that a machine that slows down slows both sides.
        before = _bare_loop(paths[::2], task=task, folder=folder, pool=pool)
        executor = ingest(large, task=task, folder=folder / f"large-{block}")
        after = _bare_loop(paths[1::2], task=task, folder=folder, pool=pool)
        few = ingest(small, task=task, folder=folder / f"small-{block}")
        naive = _naive_loop(paths[::_SMALL], task=task, folder=folder) if uncompressed else None
        blocks.append(_Block(before + after, executor, few, naive))
    return blocks


def _bare_loop(paths: Sequence[Path], *, task: Task, folder: Path, pool: Pool) -> float:
    started = time.perf_counter()
    pool.map(partial(_write_png, task=task, folder=folder), paths, chunksize=8)
    return time.perf_counter() - started


def _write_png(path: Path, *, task: Task, folder: Path) -> None:
    png = encode_png(canonical_image(read_source(path.read_bytes(), frame=task.image.frame), task))
    (folder / f"{path.stem}.png").write_bytes(png)


def _naive_loop(paths: Sequence[Path], *, task: Task, folder: Path) -> float:
    """What a first script does: pydicom's own functions and OpenCV's defaults, one file after the other."""
    started = time.perf_counter()
    for path in paths:
        dataset = pydicom.dcmread(path)
        pixels = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(np.float64)
        unit = (pixels - pixels.min()) / (pixels.max() - pixels.min())
        scale = task.image.max_side / max(unit.shape)
        small = cv2.resize(unit, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{path.stem}.png"), np.rint(small * 65_535).astype(np.uint16))
    return time.perf_counter() - started


def _ratios(name: str, blocks: Sequence[_Block]) -> list[Ratio]:
    bare = [block.bare / block.ingest for block in blocks]
    found = [Ratio(f"ingest of {name}, images a second over the bare loop's", bare, target=TARGET, at_least=True)]
    naive = [block.naive * _SMALL / block.ingest for block in blocks if block.naive is not None]
    return (
        [*found, Ratio(f"ingest of {name}, images a second over pydicom's in one process", naive)] if naive else found
    )


def _details(blocks: Sequence[_Block], *, images: int) -> dict[str, float]:
    """Returns the speed of both sides, and what an ingest costs whatever its size, from its two sizes."""
    small = images // _SMALL
    fixed = (block.small * images - block.ingest * small for block in blocks)
    return {
        "bare_images_per_s": round(images / median(block.bare for block in blocks), 1),
        "ingest_images_per_s": round(images / median(block.ingest for block in blocks), 1),
        "ingest_fixed_s": round(median(fixed) / (images - small), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
