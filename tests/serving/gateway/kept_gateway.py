"""Fills a gateway's data folder as the gateway would: de-identified films, what a model and readers said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from data_schemas.task import Labels
from imaging.deidentification.files import deidentify_file
from imaging.deidentification.profile import profile
from imaging.dicom_file import read_dataset
from imaging.pseudonyms import Pseudonyms
from serving.gateway.principal import Principal
from serving.gateway.schemas.feedback import FeedbackRequest
from serving.gateway.schemas.images import Image, Pixels, Window
from serving.gateway.schemas.predictions import Prediction
from serving.gateway.storage.new_case import Upload
from serving.gateway.storage.new_image import NewImage, ServedImage
from serving.gateway.storage.store import Store
from tests.serving.gateway.reviewed_cases import START, predicted

SECRET = Pseudonyms(bytes(range(32)))
PIXELS = Pixels(
    rows=2, columns=3, frames=1, dtype="uint16", samples=1, slope=1.0, intercept=0.0, inverted=False, unit="",
    windows=[Window(center=1.0, width=2.0)],
)  # fmt: skip


@dataclass
class Gateway:
    """A data folder with an open store; the clock stands where it is put."""

    folder: Path
    now: datetime = START

    def __post_init__(self) -> None:
        self.store = Store.open(
            f"sqlite:///{self.folder / 'gateway.db'}", str(self.folder / "images"), clock=lambda: self.now
        )

    def add(self, *images: NewImage, model: str = "synthetic_chest", sample: bool = False) -> str:
        """Returns the id of a case of these images."""
        return self.store.cases.add(reader("uploader"), Upload(model=model, images=images, sample=sample)).id

    def predict(self, case_id: str, prediction: Prediction, served: Sequence[ServedImage] = ()) -> Prediction:
        """Keeps what the model said of a case."""
        self.store.predictions.add(case_id, reader("uploader"), prediction, served)
        return prediction

    def review(self, case_id: str, author: str, kind: str, *labels: str, prediction: Prediction | None = None) -> None:
        """Keeps what a reader says of a case."""
        seen = None if prediction is None else prediction.id
        request = FeedbackRequest(kind=kind, labels=list(labels), prediction=seen)
        self.store.feedback.add(case_id, reader(author), request)

    def close(self) -> None:
        """Closes the store, as the gateway's end would."""
        self.store.close()


def reader(name: str) -> Principal:
    return Principal(name, "reader", "chest", "api_key")


def film(source: Path, folder: Path) -> NewImage:
    """Returns a DICOM film as the gateway keeps it."""
    kept = deidentify_file(source, folder, profile=profile("radflow"), secret=SECRET).target
    assert kept is not None
    dataset = read_dataset(kept.read_bytes())
    image = Image(
        id="0" * 32, file=1, format="DICOM", pixels=PIXELS, modality=dataset.Modality, view=dataset.ViewPosition,
        sex=dataset.PatientSex, age_years=int(dataset.PatientAge[:3]),
    )  # fmt: skip
    return NewImage(
        data=kept,
        image=image,
        # The gateway hashes the patient under the same key; a de-identified file has the first 16 digits.
        patient_hash=f"{str(dataset.PatientID).lower()}{'0' * 16}",
        study_hash=SECRET.pseudonym("study", str(dataset.StudyInstanceUID)),
        sop_hash=SECRET.pseudonym("object", str(dataset.SOPInstanceUID)),
        thumbnail=b"PNG",
    )


def picture(data: bytes = b"\x89PNG") -> NewImage:
    """Returns a picture that names nobody."""
    image = Image(id="0" * 32, file=1, format="PNG", pixels=PIXELS)
    return NewImage(data=data, image=image, patient_hash="", study_hash="", sop_hash="", thumbnail=b"PNG")


def filled(folder: Path, films: Sequence[Path], *, names: Labels) -> Gateway:
    """Returns a gateway in which one reader confirms one case a film; the model flags labels in turn."""
    gateway = Gateway(folder)
    for number, source in enumerate(films):
        case_id = gateway.add(film(source, folder / "kept"))
        finding = names.names[number % len(names.names)]
        said = gateway.predict(case_id, predicted(finding, names=names))
        gateway.review(case_id, "a", "agree", prediction=said)
    return gateway
