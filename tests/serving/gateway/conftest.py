"""A real gateway on a free port, in front of a real model server, with a model whose scores can be worked by hand."""

from __future__ import annotations

import io
import os
import runpy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
import uvicorn
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

from serving.gateway.app import create_app
from serving.gateway.settings import GatewaySettings

ROOT = Path(__file__).parents[3]
SHAPE = (64, 48)


def film(level: int = 2000, **elements: Any) -> bytes:
    """Returns a DICOM film of 12 bits whose canonical mean is about `level` / 4095; elements set to None are absent."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(elements), str(level)])
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, meta.MediaStorageSOPInstanceUID
    told = {
        "PatientID": "ID-OF-PATIENT", "PatientName": "Name^Of^Patient", "StudyInstanceUID": "1.2.3.4.5",
        "Modality": "CR", "ViewPosition": "PA", "PatientSex": "F", "PatientAge": "052Y",
        "WindowCenter": "2047.5", "WindowWidth": "4096",
    }  # fmt: skip
    for name, value in {**told, **elements}.items():
        if value is not None:
            setattr(dataset, name, value)
    pixels = np.full(SHAPE, level, np.uint16)
    pixels[::7, ::5] = np.minimum(level + 40, 4095)
    _put_pixels(dataset, elements.get("PixelData"), pixels)
    target = io.BytesIO()
    dataset.save_as(target, enforce_file_format=True)
    return target.getvalue()


def _put_pixels(dataset: Dataset, given: bytes | None, pixels: Any) -> None:
    dataset.Rows, dataset.Columns = SHAPE
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = pixels.tobytes() if given is None else given
    dataset["PixelData"].VR = "OW"


def png(level: int = 128) -> bytes:
    """Returns a gray PNG, which knows neither modality nor view nor age."""
    pixels = np.full(SHAPE, level, np.uint8)
    pixels[::7, ::5] = min(level + 3, 255)
    return cv2.imencode(".png", pixels)[1].tobytes()


@pytest.fixture(scope="session")
def export_judge() -> Callable[..., None]:
    """Exports `judge_model.py`: `export_judge(version_dir, unit, offset)`."""
    export: Callable[..., None] = runpy.run_path(str(Path(__file__).with_name("judge_model.py")))["export"]
    return export


@pytest.fixture(scope="session")
def judge_folders(export_judge: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the models `judge` and `study`, version 1 of each; tests copy what they change."""
    folder = tmp_path_factory.mktemp("judges")
    export_judge(folder / "judge" / "1")
    export_judge(folder / "study" / "1", "study")
    return folder


@pytest.fixture(scope="session")
def judge_server(judge_folders: Path, start_server: Any) -> str:
    """The address of a model server with both models, which no test changes."""
    config = judge_folders / "models.config"
    models = "".join(
        f'config {{ name: "{name}" base_path: "{judge_folders / name}" model_platform: "tensorflow" }}\n'
        for name in ("judge", "study")
    )
    config.write_text(f"model_config_list {{\n{models}}}\n")
    address: str = start_server(f"--model_config_file={config}").wait_until_ready()
    return address


class GatewayClient(httpx.Client):
    """A client that also knows where its gateway keeps things."""

    def __init__(self, base_url: str, app_folder: Path) -> None:
        super().__init__(base_url=base_url, timeout=60)
        self.app_folder = app_folder


@contextmanager
def running(settings: GatewaySettings) -> Iterator[httpx.Client]:
    """Runs a gateway on a free port; gives a client of it."""
    server = uvicorn.Server(
        uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_config=None, lifespan="on")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not (server.started and server.servers):
            thread.join(0.01)
            assert thread.is_alive(), "the gateway did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        with GatewayClient(f"http://127.0.0.1:{port}", settings.data_folder) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="session")
def serve_gateway() -> Callable[..., Any]:
    """Returns `running`: a context manager of settings that gives a client."""
    return running


@pytest.fixture(scope="module")
def gateway(judge_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a gateway of this module alone, with two workers."""
    settings = GatewaySettings(
        model_server=judge_server,
        models=("judge", "study"),
        data_folder=tmp_path_factory.mktemp("gateway"),
        decode_workers=1,
        rate_per_minute=100_000,
    )
    with running(settings) as client:
        yield client


def uploaded(client: httpx.Client, *files: bytes, **fields: str) -> httpx.Response:
    """Posts files as one study."""
    parts = [("files", (f"NAME^PATIENT{number}.dcm", data)) for number, data in enumerate(files)]
    return client.post("/api/v1/studies", files=parts, data=fields)


@pytest.fixture(scope="session")
def upload() -> Callable[..., httpx.Response]:
    """Returns `uploaded`."""
    return uploaded


@pytest.fixture(scope="session")
def make_film() -> Callable[..., bytes]:
    """Returns `film`."""
    return film


@pytest.fixture(scope="session")
def make_png() -> Callable[..., bytes]:
    """Returns `png`."""
    return png


os.environ.setdefault("PYTHONPATH", str(ROOT))  # decoding workers are processes of their own
