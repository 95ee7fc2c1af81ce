"""Who a patient is, and which split all of a patient's images belong to."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from data_schemas.errors import Unsupported
from data_schemas.features import SPLITS
from data_schemas.task import Task

_SEPARATOR = "\x1f"
"""ASCII unit separator: it stands in no DICOM identifier (PS3.5, 6.1.3), so no two pairs share a key."""

NO_PATIENT_ID = "no patient id; the study stands in for the patient"
"""Warning: two studies of one patient could land in two splits."""


class PatientKey(NamedTuple):
    """The key that names a patient within a data set (secret: it contains the id), and what was odd about it."""

    key: str
    warnings: tuple[str, ...] = ()


def patient_key(*, patient_id: str, issuer: str = "", site: str = "", study_instance_uid: str = "") -> PatientKey:
    """Returns what identifies a patient: (issuer or site, patient id), else the study.

    Args:
        patient_id: of the manifest, else DICOM (0010,0020); may be empty.
        issuer: Issuer of Patient ID (0010,0021); two hospitals may both have a patient 1.
        site: the manifest's site, used where there is no issuer.
        study_instance_uid: (0020,000D), or the manifest's study, used where there is no patient id.

    Raises:
        Unsupported: neither a patient id nor a study is known, so nothing keeps the splits disjoint.
    """
    if patient_id:
        return PatientKey(_SEPARATOR.join(("patient", issuer or site, patient_id)))
    if study_instance_uid:
        return PatientKey(_SEPARATOR.join(("study", study_instance_uid)), (NO_PATIENT_ID,))
    raise Unsupported("neither a patient id nor a study: add the manifest column `patient_id`")


def assign_split(patient_key: str, *, task: Task, given: str = "", given_splits: tuple[str, ...] = ()) -> str:
    """Returns the split of a patient: the manifest's, else drawn by a salted hash, the same one for ever.

    Args:
        patient_key: of `patient_key`; all images of a patient share it, hence the split.
        task: its salt and shares.
        given: the manifest's split of this row; empty when the manifest has none.
        given_splits: the splits that rows of the manifest name. One that none names is drawn from `train`, in the
            proportion that the task's shares give.
    """
    if given and (given != "train" or set(given_splits) >= set(SPLITS)):
        return given
    drawn = [name for name in SPLITS if not given or name == "train" or name not in given_splits]
    shares = task.splits.shares
    position = _position(task.split_salt, patient_key) * sum(shares[name] for name in drawn)
    for name in drawn:
        position -= shares[name]
        if position < 0:
            return name
    return drawn[0]  # rounding of the shares' sum


def _position(salt: str, key: str) -> float:
    """Returns a number in 0..1, uniform over keys."""
    digest = hashlib.sha256(f"{salt}\0{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
