"""What a layout found: manifest rows and what is to be said about them; rows that no manifest may have are left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from data_schemas.errors import ManifestError
from data_schemas.features import SPLITS

Row = dict[str, str]
Table = list[Row]


@dataclass(frozen=True)
class Found:
    """Rows of a manifest, all with the same columns, and remarks for whoever asked for it.

    Attributes:
        rows: `file` is an absolute path, or empty where the set names an image that is not there.
        notes: one sentence each: what was left out and why, what the set does not say.
    """

    rows: Table
    notes: tuple[str, ...] = ()


def present(found: Found, *, allow_missing: bool, layout: str) -> Found:
    """Returns the rows whose file is there.

    Args:
        found: rows, of which some may have an empty `file`.
        allow_missing: leave out images that are not there, and say how many; otherwise they are an error.
        layout: for the message.

    Raises:
        ManifestError: no image is there at all, or some are missing and that is not allowed.
    """
    rows = [row for row in found.rows if row["file"]]
    missing = len(found.rows) - len(rows)
    if not rows:
        problem = f"none of the {missing} images that the tables name is there" if missing else "there are no images"
        raise ManifestError(f"layout {layout}", [f"{problem}: is this the folder that the set was unpacked in?"])
    if missing and not allow_missing:
        problem = f"{missing} of {len(found.rows)} images that the tables name are not there"
        raise ManifestError(f"layout {layout}", [f"{problem}: fetch them, or leave them out with --allow-missing"])
    note = (f"{missing} of {len(found.rows)} images are not there and are left out",) if missing else ()
    return Found(rows, found.notes + note)


def matching(found: Found, where: Mapping[str, Sequence[str]], *, layout: str) -> Found:
    """Returns the rows that have one of the values in each of the columns, and says how many they are not.

    Raises:
        ManifestError: there is no such column, or no row is left.
    """
    unknown = [name for name in where if name not in found.rows[0]]
    if unknown:
        problem = f"--where names the column {unknown[0]!r}; there are {', '.join(found.rows[0])}"
        raise ManifestError(f"layout {layout}", [problem])
    rows = [row for row in found.rows if all(row[name] in values for name, values in where.items())]
    if not rows:
        raise ManifestError(f"layout {layout}", ["no image has the values that --where asks for"])
    return Found(rows, found.notes + counted(len(found.rows) - len(rows), "images are left out by --where"))


def without_leaks(found: Found) -> Found:
    """Returns rows in which no patient is in two splits.

    A published split may have a patient on both sides, where it was drawn by image or for two tables apart. The rows
    in the split that judges later stay (test before eval before train), so that what was published for it can still
    be compared; the patient's other rows are left out.
    """
    latest: dict[str, str] = {}
    for row in found.rows:
        patient, split = row.get("patient_id", ""), row.get("split", "")
        if patient and split:
            latest[patient] = max(latest.get(patient, split), split, key=SPLITS.index)
    rows = [row for row in found.rows if latest.get(row.get("patient_id", ""), "") in ("", row.get("split", ""))]
    lost = len(found.rows) - len(rows)
    note = (f"{lost} images are left out: the published split has their patients in a later split too",) if lost else ()
    return Found(rows, found.notes + note)


def counted(count: int, what: str) -> tuple[str, ...]:
    """Returns a note such as `3 files have no label and are left out`, or none where the count is 0."""
    return (f"{count} {what}",) if count else ()


def first_columns(rows: Iterable[Row], *names: str) -> Table:
    """Returns rows whose columns start with these, where they have them; the others follow in their order."""
    return [{name: row[name] for name in names if name in row} | row for row in rows]
