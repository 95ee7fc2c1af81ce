"""Reads the tables that sets come with, and the values in them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.ages import age_in_years
from imaging.layouts.found import Table

_SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "O": "O", "OTHER": "O"}
_FINDINGS = {"1.0": "1", "0.0": "0", "-1.0": "-1"}


def read_table(path: Path, *columns: str, layout: str) -> Table:
    """Returns a table's rows; spaces around names and cells are dropped, and so are columns without a name.

    Args:
        path: CSV in UTF-8; cells may be parted by commas, or all by semicolons or tabs.
        columns: those that there must be.
        layout: for the message.

    Raises:
        ManifestError: the table cannot be read, has no rows, or lacks a column.
    """
    what = f"layout {layout}"
    try:
        text = path.read_text(encoding="utf-8-sig")
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text)) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(what, [f"{path.name} cannot be read as CSV in UTF-8 ({type(error).__name__})"]) from error
    header = [name.strip() for name in lines[0]] if lines else []
    missing = [name for name in columns if name not in header]
    if missing or len(lines) < 2:
        problem = f"has no column {', '.join(missing)}" if missing else "has no rows"
        raise ManifestError(what, [f"{path.name} {problem}"])
    kept = [(index, name) for index, name in enumerate(header) if name]
    return [{name: line[index].strip() if index < len(line) else "" for index, name in kept} for line in lines[1:]]


def delimiter_of(text: str) -> str:
    """Returns what parts the cells of a table: a comma, unless the first line has none but semicolons or tabs."""
    header = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
    return "," if "," in header else max(",;\t", key=header.count)


def sex(text: str) -> str:
    """Returns M, F or O for what tables write, or an empty string for what says nothing (`Unknown`)."""
    return _SEXES.get(text.upper(), "")


def age(text: str) -> str:
    """Returns an age that a person may have as it stands, else an empty string."""
    return "" if age_in_years(text) is None else text


def finding(text: str) -> str:
    """Returns 1, 0, -1 or empty for a finding's cell that may be a float."""
    return _FINDINGS.get(text, text)
