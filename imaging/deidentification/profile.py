"""What becomes of each attribute: DICOM PS3.15, table E.1-1, for the Basic Profile and the options that are asked for.

`attributes.csv` has the table's actions (edition 2024b, PS3.15 Annex E) and one attribute that is newer. Where the
table gives a choice that depends on the attribute's type in an IOD (X/Z, Z/D, X/Z/D ...), the last is taken, so that
no object lacks what its IOD needs.
"""

from __future__ import annotations

import csv
import functools
import importlib.resources
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Action = Literal["remove", "empty", "dummy", "uid", "keep", "shift", "clean"]
Option = Literal[
    "modified-dates", "patient-characteristics", "device-identity", "institution-identity", "clean-descriptors",
    "clean-pixels",
]  # fmt: skip

CODES: dict[str, tuple[str, str]] = {
    "basic": ("113100", "Basic Application Confidentiality Profile"),
    "clean-pixels": ("113101", "Clean Pixel Data Option"),
    "clean-descriptors": ("113105", "Clean Descriptors Option"),
    "modified-dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "patient-characteristics": ("113108", "Retain Patient Characteristics Option"),
    "device-identity": ("113109", "Retain Device Identity Option"),
    "institution-identity": ("113112", "Retain Institution Identity Option"),
}
"""The profile and its options -> code value and meaning (PS3.16, CID 7050), in the order of the codes."""

OPTIONS: tuple[Option, ...] = (
    "modified-dates", "patient-characteristics", "device-identity", "institution-identity", "clean-descriptors",
    "clean-pixels",
)  # fmt: skip
PROFILES: dict[str, frozenset[Option]] = {
    "basic": frozenset(),
    "radflow": frozenset({"modified-dates", "patient-characteristics"}),
}
"""Name on the command line -> options; `radflow` keeps what slices by sex and age, and the time between studies,
need."""

_BASIC: dict[str, Action] = {
    "X": "remove", "Z": "empty", "D": "dummy", "U": "uid", "Z/D": "dummy", "X/Z": "empty", "X/D": "dummy",
    "X/Z/D": "dummy", "X/Z/U*": "keep",
}  # fmt: skip
"""X/Z/U* are sequences of references: they stay, and the UIDs in them are replaced."""
_COLUMNS: dict[Option, str] = {
    "modified-dates": "modified_dates",
    "patient-characteristics": "patient_characteristics",
    "device-identity": "device_identity",
    "institution-identity": "institution_identity",
    "clean-descriptors": "clean_descriptors",
}
_CLEANED: dict[str, Action] = {
    "modified_dates": "shift",
    "patient_characteristics": "clean",
    "clean_descriptors": "clean",
}
_OVERLAYS, _CURVES = 0x6000, 0x5000


@dataclass(frozen=True)
class Profile:
    """The Basic Profile with options.

    Attributes:
        options: what is retained or cleaned beyond it.
    """

    options: frozenset[Option] = frozenset()

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """Code value and meaning of what is applied, as De-identification Method Code Sequence lists them."""
        return tuple(code for name, code in CODES.items() if name == "basic" or name in self.options)

    def action(self, tag: int) -> Action | None:
        """Returns what becomes of an attribute; None where the table does not name it and it stays.

        Args:
            tag: 32 bits. Private attributes, curves and overlays are removed.
        """
        group = tag >> 16
        if group % 2 or group & 0xFF00 in (_CURVES, _OVERLAYS):
            return "remove"
        row = attribute_table().get(tag)
        if row is None:
            return None
        for option, column in _COLUMNS.items():
            if option in self.options and row[column]:
                return "keep" if row[column] == "K" else _CLEANED[column]
        return _BASIC[row["basic"]]


def profile(name: str, options: Iterable[Option] = ()) -> Profile:
    """Returns a named profile with further options."""
    return Profile(PROFILES[name] | frozenset(options))


@functools.cache
def attribute_table() -> dict[int, dict[str, str]]:
    """Returns the table: tag -> its row."""
    text = (importlib.resources.files(__package__) / "attributes.csv").read_text(encoding="ascii")
    return {int(row["tag"].replace(",", ""), 16): row for row in csv.DictReader(text.splitlines())}
