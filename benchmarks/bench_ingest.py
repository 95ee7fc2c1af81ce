"""Ingest: DicomExampleGen's executor against a bare loop over the same files in two processes.

    python benchmarks/bench_ingest.py [--images 512] [--blocks 4] [--processes 2]

The bare loop is what one would write without TFX: a pool of processes, started beforehand, each of which reads a file,
decodes it, shrinks it, encodes it as 16-bit PNG and writes that. The executor does the same and all else that makes an
example: header, quality features, split, pseudonyms, report, compressed TFRecords, Beam's start and end.
Two kinds of files: uncompressed films of 768 x 640 shrunk to 512, and the demo's sample. Target: 0.8 of the bare
loop's images a second on both.
"""

from __future__ import annotations

import argparse
import csv
import logging
import multiprocessing
import os
import shutil
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
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid
from ratios import Ratio, load_average, print_result

from data_schemas.ingest_report import FILE_NAME, IngestReport
from data_schemas.task import Task
from data_schemas.task_file import load_task, task_to_json
from imaging.canonical import canonical_image, encode_png
from imaging.manifest import read_manifest
from imaging.source import read_source
from imaging.synthetic import write_sample

TARGET = 0.8
_DISTINCT = 48
"""Different files; the others are links to them, so that making the sample does not take longer than measuring."""
_SMALL = 8
"""The executor also runs on so many times fewer images, to tell what it costs to start."""
_PACKAGES = ("apache-beam", "tfx", "numpy", "opencv-python-headless", "pydicom")


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments, load = _parse(), load_average()
    _quieten()
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
    parser.add_argument("--images", type=int, default=512, help="images of an ingest [%(default)s]")
    parser.add_argument("--blocks", type=int, default=4, help="repetitions, for the spread [%(default)s]")
    parser.add_argument("--processes", type=int, default=2, help="processes of the bare loop [%(default)s]")
    return parser.parse_args()


def _quieten() -> None:
    """Keeps the start-up lines of TensorFlow, Beam and TFX off the terminal; to be called before they are imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger().setLevel(logging.ERROR)


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
        _film(pixels, number=int(file.stem)).save_as(file, enforce_file_format=True)
    return files


def _film(pixels: np.ndarray, *, number: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["film", str(number)])
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    film.SOPClassUID, film.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    film.StudyInstanceUID = generate_uid(entropy_srcs=["study", str(number)])
    film.PatientID, film.Modality = f"FILM{number:02d}", "CR"
    film.SamplesPerPixel, film.PhotometricInterpretation, film.PixelRepresentation = 1, "MONOCHROME2", 0
    film.BitsAllocated, film.BitsStored, film.HighBit = 16, 12, 11
    film.Rows, film.Columns = pixels.shape
    film.PixelData = pixels.tobytes()
    film["PixelData"].VR = "OW"
    return film


def _write_manifest(path: Path, files: Sequence[Path], *, label: str, images: int) -> Path:
    """Writes a manifest of so many images, each a link of its own to one of the files."""
    folder = path.with_suffix("")
    folder.mkdir()
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(("file", "label"))
        for index in range(images):
            link = folder / f"{index:05d}.dcm"
            link.hardlink_to(files[index % len(files)])
            writer.writerow((link, label))
    return path


@dataclass(frozen=True)
class _Cost:
    """Seconds on the clock, and seconds of CPU in every process and thread that took part."""

    wall: float
    cpu: float

    def __add__(self, other: _Cost) -> _Cost:
        return _Cost(self.wall + other.wall, self.cpu + other.cpu)


@dataclass(frozen=True)
class _Block:
    """The cost of the bare loop, of the executor, and of the executor on fewer images."""

    bare: _Cost
    ingest: _Cost
    small: _Cost


def _measure(
    task: Task, files: Sequence[Path], *, folder: Path, pool: Pool, arguments: argparse.Namespace
) -> list[_Block]:
    label, images = task.labels.names[0], arguments.images
    large = _write_manifest(folder / "large.csv", files, label=label, images=images)
    small = _write_manifest(folder / "small.csv", files, label=label, images=images // _SMALL)
    paths = [row.file for row in read_manifest(large, task).rows]
    _bare_loop(paths[::_SMALL], task=task, folder=folder, pool=pool)
    _ingest(small, task=task, folder=folder / "warm-up")
    blocks = []
    for block in range(arguments.blocks):
        # Half of the bare loop goes before and half after, so that a machine that slows down slows both sides.
        before = _bare_loop(paths[::2], task=task, folder=folder, pool=pool)
        ingest = _ingest(large, task=task, folder=folder / f"large-{block}")
        after = _bare_loop(paths[1::2], task=task, folder=folder, pool=pool)
        blocks.append(_Block(before + after, ingest, _ingest(small, task=task, folder=folder / f"small-{block}")))
    return blocks


def _bare_loop(paths: Sequence[Path], *, task: Task, folder: Path, pool: Pool) -> _Cost:
    started = time.perf_counter()
    cpu = pool.map(partial(_write_png, task=task, folder=folder), paths, chunksize=8)
    return _Cost(time.perf_counter() - started, sum(cpu))


def _write_png(path: Path, *, task: Task, folder: Path) -> float:
    """Returns the seconds of CPU that it took."""
    started = time.process_time()
    png = encode_png(canonical_image(read_source(path.read_bytes(), frame=task.image.frame), task))
    (folder / f"{path.stem}.png").write_bytes(png)
    return time.process_time() - started


def _ingest(manifest: Path, *, task: Task, folder: Path) -> _Cost:
    """Runs DicomExampleGen's executor as TFX's launcher does; raises if an image was left out."""
    from tfx.proto import example_gen_pb2
    from tfx.types import standard_artifacts
    from tfx.utils import proto_utils

    from components.artifacts import IngestReport as Report
    from components.dicom_example_gen.executor import Executor

    examples, report = standard_artifacts.Examples(), Report()
    examples.uri, report.uri = str(folder / "examples"), str(folder / "report")
    pattern = example_gen_pb2.Input.Split(name="manifest", pattern=manifest.name)
    properties = {
        "task": task_to_json(task),
        "input_base": str(manifest.parent),
        "input_config": proto_utils.proto_to_json(example_gen_pb2.Input(splits=[pattern])),
        "pseudonym_key": str(folder.parent / "key" / "pseudonym.key"),
    }
    context = Executor.Context(beam_pipeline_args=[], tmp_dir=str(folder / "tmp"), unique_id="1")
    started, cpu = time.perf_counter(), time.process_time()
    Executor(context).Do({}, {"examples": [examples], "ingest_report": [report]}, properties)
    cost = _Cost(time.perf_counter() - started, time.process_time() - cpu)
    result = IngestReport.model_validate_json((folder / "report" / FILE_NAME).read_text(encoding="utf-8"))
    if result.rejects:
        raise RuntimeError(f"{len(result.rejects)} of {result.rows} images were rejected: {result.rejects[0].reason}")
    shutil.rmtree(folder)
    return cost


def _ratios(name: str, blocks: Sequence[_Block]) -> list[Ratio]:
    wall = [block.bare.wall / block.ingest.wall for block in blocks]
    cpu = [block.bare.cpu / block.ingest.cpu for block in blocks]
    return [
        Ratio(f"ingest of {name}, images a second over the bare loop's", wall, target=TARGET, at_least=True),
        Ratio(f"ingest of {name}, images a second of CPU over the bare loop's", cpu),
    ]


def _details(blocks: Sequence[_Block], *, images: int) -> dict[str, float]:
    """Returns speed and CPU of both sides, and what an ingest costs whatever its size, from its two sizes."""
    small = images // _SMALL
    fixed = (block.small.wall * images - block.ingest.wall * small for block in blocks)
    return {
        "bare_images_per_s": round(images / median(block.bare.wall for block in blocks), 1),
        "ingest_images_per_s": round(images / median(block.ingest.wall for block in blocks), 1),
        "bare_cpu_ms_per_image": round(1e3 / images * median(block.bare.cpu for block in blocks), 2),
        "ingest_cpu_ms_per_image": round(1e3 / images * median(block.ingest.cpu for block in blocks), 2),
        "ingest_fixed_s": round(median(fixed) / (images - small), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
