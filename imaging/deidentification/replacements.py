"""Values that take the place of others: keyed UIDs, shifted dates, capped ages, dummies, cleaned text."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Any

from imaging.ages import age_in_years
from imaging.pseudonyms import Pseudonyms

OLDEST_TOLD = 89
"""Years: ages beyond it identify (45 CFR 164.514(b)(2)(i)(C)) and become `090Y`."""

_STANDARD_ROOT = "1.2.840.10008."
"""UIDs that DICOM itself defines, such as well-known frames of reference, name no instance (PS3.6, annex A)."""
_LONGEST_SHIFT = 3650
_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})(.*)", re.DOTALL)
_DUMMIES: dict[str, Any] = {
    "AE": "REMOVED", "AS": "000Y", "AT": 0, "CS": "REMOVED", "DA": "19700101", "DS": "0", "DT": "19700101000000",
    "FD": 0.0, "FL": 0.0, "IS": "0", "LO": "REMOVED", "LT": "REMOVED", "PN": "REMOVED", "SH": "REMOVED", "SL": 0,
    "SS": 0, "ST": "REMOVED", "SV": 0, "TM": "000000", "UC": "REMOVED", "UL": 0, "UR": "REMOVED", "US": 0,
    "UT": "REMOVED", "UV": 0,
}  # fmt: skip
_PLAIN_WORDS = frozenset(
    """
    ABDOMEN ABDOMINAL ACUTE ADULT ANGIO ANKLE ANTERIOR AORTA AP ARM ARTERIAL AXIAL AXIS BILATERAL BODY BONE BRAIN
    BREAST CALF CARDIAC CC CERVICAL CHEST CLAVICLE CONTRAST CORONAL CORONARY CR CRANIUM CT CTA DELAYED DIFFUSION
    DIGITAL DORSAL DX DYNAMIC ELBOW ENHANCED EXTREMITY FACE FEMUR FINGER FLAIR FOOT FOREARM FRONTAL GRADIENT HAND
    HEAD HEART HIP INFERIOR KIDNEY KNEE LAT LATERAL LEFT LEG LIMB LIVER LONG LOWER LUMBAR LUNG MAMMO MAMMOGRAM
    MAMMOGRAPHY MANDIBLE MEDIAL MG MLO MR MRA MRI NATIVE NECK NM NON OBLIQUE ORBIT PA PANCREAS PELVIS PERFUSION
    PET PHASE PLAIN PORTABLE PORTAL POST POSTERIOR PRE PRONE PROSTATE RADIOGRAPH RIB RIBS RIGHT ROUTINE SAGITTAL
    SCAN SCAPULA SCOUT SERIES SHORT SHOULDER SINUS SKULL SPIN SPINE SPLEEN STANDARD STERNUM STUDY SUPERIOR SUPINE
    SWI TE THIGH THIN THORACIC THORAX THYROID TOE TR UNENHANCED UPPER URETER US VENOUS VESSEL VIEW VIEWS WITH
    WITHOUT WRIST XR AND OF THE
    """.split()  # noqa: SIM905  # a list of quoted words would be unreadable
)
"""What Clean Descriptors leaves: words of anatomy and technique that are no name and no place."""


class Replacements:
    """Replaces values under one secret key: equal ones by equal ones, over files and runs.

    Args:
        secret: the key.
    """

    def __init__(self, secret: Pseudonyms) -> None:
        self._secret = secret

    def uid(self, uid: str) -> str:
        """Returns a UID under 2.25 (PS3.5, B.2) for an instance's; one that DICOM defines stays."""
        if not uid or uid.startswith(_STANDARD_ROOT):
            return uid
        return f"2.25.{int(self._secret.pseudonym('uid', uid), 16)}"

    def patient(self, key: str) -> str:
        """Returns the pseudonym of a patient key, 16 characters."""
        return self._secret.pseudonym("patient", key)[:16].upper()

    def study(self, study_id: str) -> str:
        """Returns the pseudonym of a manifest's study, 16 characters; empty for none."""
        return self._secret.pseudonym("study", study_id)[:16].upper() if study_id else ""

    def days(self, key: str) -> int:
        """Returns how many days a patient's dates move back: 1 to 3,650, the same for all files of the patient."""
        return 1 + int(self._secret.pseudonym("days", key), 16) % _LONGEST_SHIFT


def shifted(value: str, days: int) -> str:
    """Returns a DA or DT value moved back, its time of day unchanged; empty where it is no date.

    Args:
        value: `YYYYMMDD` and, for DT, what follows.
        days: back.
    """
    match = _DATE.fullmatch(value.strip())
    if not match:
        return ""
    try:
        moved = dt.date(int(match[1]), int(match[2]), int(match[3])) - dt.timedelta(days=days)
    except (ValueError, OverflowError):
        return ""
    return f"{moved:%Y%m%d}{match[4]}" if moved.year >= 1000 else ""


def capped_age(value: str) -> str:
    """Returns an Age String, or `090Y` for an age beyond `OLDEST_TOLD`; empty where it is none."""
    years = age_in_years(value)
    if years is None:
        return "090Y" if re.fullmatch(r"\d{3}[DWMY]", value.strip().upper()) else ""
    return "090Y" if years > OLDEST_TOLD else value.strip()


def cleaned_text(value: str) -> str:
    """Returns the words of a text that are known to be plain, in their order; empty where none is."""
    return " ".join(word for word in re.findall(r"[A-Z]+", value.upper()) if word in _PLAIN_WORDS)


def dummy(vr: str, uid: str = "") -> Any:
    """Returns a value of a VR that says nothing; for UI, a UID that hangs on nothing but `uid`."""
    if vr == "UI":
        return f"2.25.{int(hashlib.sha256(uid.encode()).hexdigest()[:32], 16)}"
    return _DUMMIES.get(vr, b"\0\0")
