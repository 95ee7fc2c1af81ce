"""Made-up cases: pictures whose pixels are worked by hand, findings, and what the worklist shows of them."""

from __future__ import annotations

import datetime
import secrets
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from serving.gateway.schemas.base import Interval
from serving.gateway.schemas.cases import Case, CaseSummary
from serving.gateway.schemas.feedback import Feedback
from serving.gateway.schemas.images import Image, Pixels, RejectedFile, Window
from serving.gateway.schemas.predictions import (
    Declared,
    Finding,
    Prediction,
    Withheld,
)
from serving.gateway.storage import documents

NOW = datetime.datetime(2026, 3, 5, 9, 30, tzinfo=datetime.timezone.utc)
INTENDED_USE = "Showing that the page works. The images are drawn by a program."
NOTE = "Research software, not a medical device. A qualified reader decides."


def new_id() -> str:
    return secrets.token_hex(16)


@dataclass
class Picture:
    """An image of a case: stored values (frames, rows, columns[, 3]) and what its header says."""

    stored: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    inverted: bool = False
    windows: list[Window] = field(default_factory=list)
    aspect: float = 1.0
    modality: str = "DX"
    view: str = "PA"
    sex: str = "F"
    age_years: int | None = 57
    burned_in_text: bool = False
    id: str = field(default_factory=new_id)

    def described(self, number: int) -> Image:
        frames, rows, columns = self.stored.shape[:3]
        ends = (
            self.slope * float(self.stored.min()) + self.intercept,
            self.slope * float(self.stored.max()) + self.intercept,
        )
        own = [Window(center=(ends[0] + ends[1] + 1) / 2, width=ends[1] - ends[0] + 1)]
        pixels = Pixels(
            rows=rows, columns=columns, frames=frames, dtype="uint16" if self.stored.dtype == np.uint16 else "uint8",
            samples=3 if self.stored.ndim == 4 else 1, slope=self.slope, intercept=self.intercept,
            inverted=self.inverted, unit=self.unit, windows=self.windows or own, aspect=self.aspect,
        )  # fmt: skip
        return Image(
            id=self.id, file=number, format="DICOM", pixels=pixels, modality=self.modality, view=self.view,
            sex=self.sex, age_years=self.age_years, burned_in_text=self.burned_in_text,
        )  # fmt: skip

    def thumbnail(self) -> bytes:
        frame = self.stored[0].astype(np.float32)
        gray = ((frame - frame.min()) / max(1.0, float(np.ptp(frame))) * 255).astype(np.uint8)
        if self.inverted:
            gray = 255 - gray
        side = max(gray.shape[:2])
        small = cv2.resize(gray, (gray.shape[1] * 96 // side, gray.shape[0] * 96 // side), interpolation=cv2.INTER_AREA)
        return cv2.imencode(".png", small)[1].tobytes()


def ramp(rows: int = 256, columns: int = 256, frames: int = 1) -> np.ndarray:
    """Stored values 16 x column + 2 x row + 100 x frame: each can be told from its place."""
    frame, row, column = np.mgrid[:frames, :rows, :columns]
    return (16 * column + 2 * row + 100 * frame).astype(np.uint16)


def interval(value: float, lower: float, upper: float, patients: int) -> Interval:
    return Interval(value=value, lower=lower, upper=upper, patients=patients)


def finding(name: str, probability: float | None, *, point: float = 0.3, **more: Any) -> Finding:
    """A finding, flagged where its probability reaches its operating point."""
    said: dict[str, Any] = {
        "prevalence": 0.3, "deployment": False, "sensitivity": interval(0.913, 0.806, 0.969, 52),
        "specificity": interval(0.878, 0.795, 0.932, 98),
    }  # fmt: skip
    said["flagged"] = None if probability is None else probability >= point
    said["in_set"] = None if probability is None else probability >= point / 2
    return Finding(name=name, probability=probability, operating_point=point, **{**said, **more})


def usual_findings() -> list[Finding]:
    return [
        finding("normal", 0.12, point=0.7, is_finding=False),
        finding("nodule", 0.81, point=0.33),
        finding("cavity", 0.07, point=0.2),
    ]


@dataclass
class Kept:
    """A case as the gateway has it."""

    pictures: list[Picture]
    number: int
    created_at: datetime.datetime
    findings: list[Finding]
    withheld: Withheld | None = None
    sample: bool = False
    rejected: list[RejectedFile] = field(default_factory=list)
    declared: Declared | None = None
    predictions: list[Prediction] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    failed: bool = False
    shown: bool = False
    id: str = field(default_factory=new_id)

    def summary(self) -> dict[str, Any]:
        latest = self.predictions[-1] if self.predictions else None
        flagged = [said.name for said in latest.findings if said.is_finding and said.flagged] if latest else []
        status = (
            "failed"
            if self.failed
            else "uploaded"
            if latest is None
            else "withheld"
            if latest.withheld
            else "predicted"
        )
        return {
            "id": self.id, "number": self.number, "created_at": self.created_at,
            "expires_at": self.created_at + datetime.timedelta(days=30), "status": status, "model": "chest",
            "modality": self.pictures[0].modality if self.pictures else "", "images": len(self.pictures),
            "flagged": flagged, "urgency": 2.0 if flagged else -1.0, "sample": self.sample,
            "withheld": latest.withheld.codes if latest and latest.withheld else [], "read": bool(self.feedback),
            "thumbnail": self.pictures[0].id if self.pictures else None,
        }  # fmt: skip

    def told(self, *, predictions: bool) -> CaseSummary:
        """Returns the row of the worklist, and notes what it tells."""
        row = CaseSummary(**self.summary())
        self.shown = self.shown or (predictions and documents.tells(row))
        return row if predictions else documents.hidden_summary(row)

    def whole(self, *, predictions: bool) -> Case:
        """Returns the case, and notes what it tells."""
        self.shown = self.shown or (predictions and bool(self.predictions))
        case = Case(
            **self.summary(), image_list=[picture.described(at) for at, picture in enumerate(self.pictures, 1)],
            rejected=self.rejected, declared=self.declared, predictions=self.predictions, feedback=self.feedback,
            blind=not self.shown,
        )  # fmt: skip
        return case if predictions else documents.hidden(case)
