"""Ingest against MONAI's LoadImage, both ending in the same kind of PNG, two processes each.

    make bench-monai

Films of 2048 x 2048, 12 bits stored of 16, shrunk to 512: uncompressed, JPEG Lossless, JPEG-LS and JPEG 2000. Our
side is what DicomExampleGen does in its worker processes, all of it: header, fingerprints, records. MONAI's is
LoadImage with either of its DICOM readers, scaling to 16 bits, Resize by area, PNG; it runs in an environment of its
own, which needs 3 GB. The start of processes is left out on both sides, and the blocks of both take turns. Target: at
least MONAI's images a second where nothing is compressed, and 1.5 times as many for JPEG Lossless and JPEG-LS,
against the faster reader.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
from ingest_run import film, quieten
from pydicom.encaps import encapsulate
from pydicom.uid import UID
from ratios import Ratio, load_average, print_result

from components.dicom_example_gen.shard import Shard, ShardJob
from components.dicom_example_gen.workers import ShardWorkers
from data_schemas.features import SPLITS
from data_schemas.task import Task
from data_schemas.task_file import load_task
from imaging.manifest import ManifestRow
from imaging.pseudonyms import Pseudonyms

_SIDE, _DISTINCT, _SHARDS = 2048, 12, 8
_READERS = ("PydicomReader", "ITKReader")
_KINDS = {
    "uncompressed": ("1.2.840.10008.1.2.1", None, 1.0),
    "JPEG Lossless": ("1.2.840.10008.1.2.4.70", lambda image: imagecodecs.ljpeg_encode(image, bitspersample=16), 1.5),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode, 1.5),
    "JPEG 2000": (
        "1.2.840.10008.1.2.4.90",
        lambda image: imagecodecs.jpeg2k_encode(image, level=0, codecformat="j2k", reversible=True),
        None,
    ),
}
_PACKAGES = ("numpy", "opencv-python-headless", "pydicom", "imagecodecs")


def main() -> int:
    """Measures and prints; returns 0, whether the targets are met or not."""
    arguments, load = _parse(), load_average()
    quieten()
    ratios, details = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (syntax, encode, target) in _KINDS.items():
            folder = Path(scratch) / name
            _write_films(folder, syntax, encode, images=arguments.images)
            ours, theirs = _measure(folder, arguments)
            faster = [min(seconds) for seconds in zip(*theirs.values(), strict=True)]
            ratio = [their / our for our, their in zip(ours, faster, strict=True)]
            ratios.append(Ratio(f"{name}: images a second over MONAI's faster reader", ratio, target, at_least=True))
            speeds = {"ours": ours, **theirs}
            details[name] = {who: round(arguments.images / sorted(s)[len(s) // 2], 1) for who, s in speeds.items()}
    print_result("monai", ratios, packages=_PACKAGES, details=details, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", type=Path, default=Path(".bench-monai/bin/python"), help="MONAI's [%(default)s]")
    parser.add_argument("--images", type=int, default=96, help="of each kind [%(default)s]")
    parser.add_argument("--blocks", type=int, default=3, help="repetitions, for the spread [%(default)s]")
    return parser.parse_args()


def _write_films(folder: Path, syntax: str, encode, *, images: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(1)
    smooth = cv2.resize(rng.uniform(500, 3500, (12, 12)), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    for number in range(_DISTINCT):
        pixels = (smooth + rng.normal(0, 30, smooth.shape)).clip(0, 4095).astype(np.uint16)
        one = film(pixels, number=number)
        if encode is not None:
            one.file_meta.TransferSyntaxUID = UID(syntax)
            one.PixelData = encapsulate([encode(pixels)])
            one["PixelData"].VR, one["PixelData"].is_undefined_length = "OB", True
        one.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)
    for number in range(_DISTINCT, images):
        (folder / f"{number:04d}.dcm").hardlink_to(folder / f"{number % _DISTINCT:04d}.dcm")


def _measure(folder: Path, arguments: argparse.Namespace) -> tuple[list[float], dict[str, list[float]]]:
    task = load_task("chest_xray_pneumonia")
    task = task.model_copy(update={"image": task.image.model_copy(update={"max_side": 512})})
    workers, rows = _workers(folder, task)
    others = {reader: _other(arguments.python, reader, folder) for reader in _READERS}
    ours, theirs = [], {reader: [] for reader in _READERS}
    for _ in range(arguments.blocks):
        started = time.perf_counter()
        for index in range(_SHARDS):
            workers.submit(Shard(index, _SHARDS, rows[index::_SHARDS]))
        if any(result.rejects for result in workers.results()):
            raise RuntimeError("an image was rejected")
        ours.append(time.perf_counter() - started)
        for reader, process in others.items():
            theirs[reader].append(_timed(process))
    workers.close()
    for process in others.values():
        process.stdin.close()
        process.wait()
    return ours, theirs


def _workers(folder: Path, task: Task) -> tuple[ShardWorkers, tuple[ManifestRow, ...]]:
    """Returns worker processes that have started and loaded all they need, and the rows to give them."""
    files = sorted(folder.glob("*.dcm"))
    rows = tuple(ManifestRow(row=n, file=file, label=task.labels.names[0]) for n, file in enumerate(files, 1))
    folders = {split: str(folder / split) for split in SPLITS}
    for path in folders.values():
        Path(path).mkdir()
    job = ShardJob(task, (), Pseudonyms(bytes(32)), folders, str(folder))
    workers = ShardWorkers(job, processes=2, total=len(rows))
    for index in range(2):
        workers.submit(Shard(index, 2, rows[index:4:2]))
    list(workers.results())
    return workers, rows


def _other(python: Path, reader: str, folder: Path) -> subprocess.Popen:
    out = folder / reader
    out.mkdir()
    script = Path(__file__).parent / "monai_side.py"
    process = subprocess.Popen(
        [python, script, reader, folder, out, "2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    if process.stdout.readline().strip() != b"ready":
        raise RuntimeError(f"MONAI's {reader} reads none of these files")
    return process


def _timed(process: subprocess.Popen) -> float:
    process.stdin.write(b"go\n")
    process.stdin.flush()
    return float(process.stdout.readline())


if __name__ == "__main__":
    sys.exit(main())
