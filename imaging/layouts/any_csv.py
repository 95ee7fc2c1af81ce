"""Layout `csv`: a table of one's own, with columns renamed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from data_schemas.errors import ManifestError
from imaging.layouts.found import Found, Row, first_columns
from imaging.layouts.places import not_this_layout
from imaging.layouts.tables import age, read_table, sex

_LAYOUT = "csv"


def any_csv(
    source: Path, *, column: Mapping[str, str] | None = None, images: Path | None = None, suffix: str = ""
) -> Found:
    """Any table with one row an image; its columns are renamed to the manifest's.

    SOURCE is a CSV file, or the folder that has just one; cells may be parted by commas, semicolons or tabs. --column
    NAME=THEIRS names their column for one of the manifest's (file, patient_id, label, or a finding), as often as
    needed. --images FOLDER is where their paths start (the table's folder), --suffix .dcm is added to each. Columns
    that are not renamed stay; Male and Female become M and F, and any other sex is left empty.

    Source: any.
    Licence: that of the images.
    Cite: whoever made them.
    Trap: without patient_id or study_id only DICOM files say whose image it is. All columns are copied: drop what names
        a patient and is not needed. An age that no person has is left empty.

    Raises:
        ManifestError: the table cannot be read, a column is not there, or `file` is none of the columns.
    """
    path = _table(source)
    theirs = dict(column or {})
    table = read_table(path, *theirs.values(), layout=_LAYOUT)
    clash = [name for name in theirs if name in table[0] and name not in theirs.values()]
    if clash:
        raise ManifestError(f"layout {_LAYOUT}", [f"the table has a column {clash[0]!r} already: rename it as well"])
    if "file" not in theirs and ("file" not in table[0] or "file" in theirs.values()):
        problem = f"no column is `file`; the table has {', '.join(table[0])}: say which with --column file=NAME"
        raise ManifestError(f"layout {_LAYOUT}", [problem])
    place = str((images or path.parent).resolve())
    kept = [name for name in table[0] if name not in theirs.values()]
    columns = theirs | dict(zip(kept, kept, strict=True))
    rows = [_row({name: row[their] for name, their in columns.items()}, place, suffix) for row in table]
    return Found(first_columns(rows, "file", "patient_id", "study_id", "label"))


def _table(source: Path) -> Path:
    tables = [source] if source.is_file() else sorted([*source.glob("*.csv"), *source.glob("*.tsv")])
    if len(tables) != 1:
        raise not_this_layout(source, _LAYOUT, "one CSV file")
    return tables[0]


def _row(row: Row, place: str, suffix: str) -> Row:
    file = os.path.normpath(os.path.join(place, row["file"] + suffix))  # noqa: PTH118  # of 100,000
    made = dict(row)
    made["file"] = file if row["file"] and os.path.isfile(file) else ""  # noqa: PTH113
    if "age" in row:
        made["age"] = age(row["age"])
    if "sex" in row:
        made["sex"] = sex(row["sex"])
    return made
