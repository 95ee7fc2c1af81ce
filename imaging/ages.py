"""Ages in years from what headers and tables hold."""

from __future__ import annotations

import datetime as dt
import re

OLDEST = 130.0
"""Years; beyond the oldest age ever verified (122), and what a mistyped age looks like."""

_AGE_STRING = re.compile(r"(\d{1,3})([DWMY])")
_YEARS_PER_UNIT = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}


def age_in_years(text: str) -> float | None:
    """Returns the age that a DICOM Age String (PS3.5, 6.2: `045Y`, `018M`, `003W`, `010D`) or a number of years gives.

    Returns:
        Years in 0..`OLDEST`, or None where the text is no such age.
    """
    text = text.strip().upper()
    match = _AGE_STRING.fullmatch(text)
    if match:
        years = int(match[1]) * _YEARS_PER_UNIT[match[2]]
    elif re.fullmatch(r"\d{1,3}(\.\d+)?", text):
        years = float(text)
    else:
        return None
    return years if years <= OLDEST else None


def age_at(study_date: str, birth_date: str) -> float | None:
    """Returns the age on the day of a study, from two DICOM dates (`YYYYMMDD`), or None where they give none."""
    study, birth = _date(study_date), _date(birth_date)
    if study is None or birth is None:
        return None
    years = (study - birth).days / 365.25
    return years if 0 <= years <= OLDEST else None


def age_group(age_years: float | None, bounds: tuple[int, ...]) -> str:
    """Returns the group that an age falls in, e.g. `40-64` or `65+`, or an empty string.

    Args:
        age_years: years, or None.
        bounds: lower bounds in whole years, rising; a group's last year is the next bound less one.
    """
    if age_years is None or not bounds or age_years < bounds[0]:
        return ""
    index = sum(bound <= age_years for bound in bounds) - 1
    return f"{bounds[index]}-{bounds[index + 1] - 1}" if index + 1 < len(bounds) else f"{bounds[index]}+"


def _date(text: str) -> dt.date | None:
    try:
        text = text.strip()
        return dt.date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) == 8 else None
    except ValueError:
        return None
