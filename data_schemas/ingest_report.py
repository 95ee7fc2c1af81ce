"""What DicomExampleGen says of an ingest: counts, rejects with their reasons, and whose images are in which split."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

FILE_NAME = "ingest.json"
"""Name of the report in its artifact."""


class Reject(BaseModel):
    """One image that cannot be used: its manifest row, its status (as `radflow inspect` prints it) and the reason."""

    model_config = ConfigDict(frozen=True)

    row: int
    status: str
    reason: str


class IngestReport(BaseModel):
    """The ingest of one manifest.

    Attributes:
        rows: rows of the manifest that may be used.
        without_consent: rows that were left out unread, for want of consent.
        withdrawn: rows that were left out because their patient withdrew.
        examples: images written, by split.
        labels: images by split and label (by finding present, for a multi-label task).
        patients: pseudonyms by split, sorted.
        rejects: what was left out, by row.
        warnings: rows by warning.
        pseudonym_key_id: which key the pseudonyms were made with, without revealing it.
    """

    model_config = ConfigDict(frozen=True)

    rows: int
    without_consent: int = 0
    withdrawn: int = 0
    examples: dict[str, int]
    labels: dict[str, dict[str, int]]
    patients: dict[str, tuple[str, ...]]
    rejects: tuple[Reject, ...]
    warnings: dict[str, tuple[int, ...]]
    pseudonym_key_id: str

    @property
    def patient_count(self) -> int:
        """Distinct patients over all splits."""
        return len({patient for patients in self.patients.values() for patient in patients})

    def patients_in_two_splits(self) -> int:
        """Returns how many patients have images in more than one split."""
        return sum(map(len, self.patients.values())) - self.patient_count
