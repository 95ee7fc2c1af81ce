"""What the ingest benchmarks share: a manifest of many links to few files, and the executor as TFX runs it."""

from __future__ import annotations

import csv
import logging
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from data_schemas.ingest_report import FILE_NAME, IngestReport
from data_schemas.task import Task
from data_schemas.task_file import task_to_json
from pipeline.beam_options import IN_PROCESS


def quieten() -> None:
    """Keeps the start-up lines of TensorFlow, Beam and TFX off the terminal; to be called before they are imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger().setLevel(logging.ERROR)


def film(pixels: np.ndarray, *, number: int) -> FileDataset:
    """Returns an uncompressed radiograph of 12 bits, (rows, columns) uint16."""
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


def write_manifest(path: Path, files: Sequence[Path], *, label: str, images: int) -> Path:
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


def ingest(manifest: Path, *, task: Task, folder: Path, beam: Sequence[str] = IN_PROCESS, keep: bool = False) -> float:
    """Returns the seconds of DicomExampleGen's executor; raises if an image was left out.

    Args:
        manifest: what is ingested.
        task: the task.
        folder: receives `examples` and `report`, and is removed unless `keep`.
        beam: arguments of Beam; in this process without.
        keep: leave what was written.
    """
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
        "withdrawals": str(folder.parent / "key" / "withdrawn.txt"),
    }
    context = Executor.Context(beam_pipeline_args=list(beam), tmp_dir=str(folder / "tmp"), unique_id="1")
    started = time.perf_counter()
    Executor(context).Do({}, {"examples": [examples], "ingest_report": [report]}, properties)
    seconds = time.perf_counter() - started
    result = IngestReport.model_validate_json((folder / "report" / FILE_NAME).read_text(encoding="utf-8"))
    if result.rejects:
        raise RuntimeError(f"{len(result.rejects)} of {result.rows} images were rejected: {result.rejects[0].reason}")
    if not keep:
        shutil.rmtree(folder)
    return seconds
