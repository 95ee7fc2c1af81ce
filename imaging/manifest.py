"""Reads the manifest: one row an image, checked as a whole before any work starts."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from dataclasses import dataclass, field
from pathlib import Path

from data_schemas.errors import ManifestError
from data_schemas.features import SPLITS
from data_schemas.task import Task
from imaging.ages import age_in_years

SEXES = ("M", "F", "O")
"""Patient's Sex (0010,0040), PS3.3 C.7.1.1."""

FINDING_VALUES = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, "-1": -1, "-1.0": -1, "": -1}
"""A finding's cell: present, absent, or unknown; as a float where a spreadsheet wrote it."""

_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs"}
"""What spreadsheets part cells by where the comma is the decimal mark, or on copying."""

_SHOWN_ROWS = 20
"""Rows that a message lists for one kind of problem; the count tells the rest."""


@dataclass(frozen=True)
class ManifestRow:
    """One image of the manifest. Strings are empty and `age_years` None where the manifest says nothing.

    Attributes:
        row: the first data row is 1.
        file: absolute path of a DICOM, PNG, JPEG or NIfTI file.
        patient_id, study_id, site: identifiers, never written to an artifact as they are.
        label: one of the task's labels (multi-class), else empty.
        findings: 1 present, 0 absent, -1 unknown, in the task's order (multi-label), else empty.
        sex: M, F, O. age_years: years.
        modality, view, manufacturer: fill or override the header.
        split: one of `SPLITS`, or empty.
        extra: the columns that the task's slices name beyond the header's.
    """

    row: int
    file: Path
    patient_id: str = ""
    study_id: str = ""
    site: str = ""
    label: str = ""
    findings: tuple[int, ...] = ()
    sex: str = ""
    view: str = ""
    modality: str = ""
    manufacturer: str = ""
    age_years: float | None = None
    split: str = ""
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """A checked manifest.

    Attributes:
        path: the file.
        rows: in order, without those that consent leaves out.
        splits: that rows name (none, or every row has one).
        without_consent: rows that consent leaves out; nothing else of them was looked at.
    """

    path: Path
    rows: tuple[ManifestRow, ...]
    splits: tuple[str, ...]
    without_consent: int = 0

    def fingerprint(self) -> str:
        """Returns a SHA-256 that changes with the manifest's bytes and with any file's size or time."""
        digest = hashlib.sha256(self.path.read_bytes())
        for row in self.rows:
            status = row.file.stat()
            digest.update(f"\n{row.row} {status.st_size} {status.st_mtime_ns}".encode())
        return digest.hexdigest()


def read_manifest(path: Path, task: Task) -> Manifest:
    """Returns the rows of a manifest for a task.

    Args:
        path: a CSV file in UTF-8 with a header line; `file` is absolute or relative to the manifest's folder.
        task: its labels and slices say which columns there must be.

    Raises:
        ManifestError: lists every problem at once, by row. It quotes labels and splits, never who or which file.
    """
    path = Path(path).absolute()
    header, records = _read_table(path)
    problems = _Problems()
    _check_columns(header, task, problems)
    if problems:
        raise problems.error(path)
    consented = [(number, record) for number, record in enumerate(records, 1) if _consents(record, task)]
    rows = [_row(number, record, path=path, task=task, problems=problems) for number, record in consented]
    _check_rows(rows, problems)
    if not rows:
        problems.add("no row has consent, which the task asks for: `yes` in the column `consent`")
    if problems:
        raise problems.error(path)
    splits = tuple(name for name in SPLITS if any(row.split == name for row in rows))
    return Manifest(path, tuple(rows), splits, without_consent=len(records) - len(rows))


def _consents(record: dict[str, str], task: Task) -> bool:
    """Returns whether a row may be used. Where consent is waived, a plain `no` is heeded all the same."""
    answer = record.get("consent", "").lower()
    return answer == "yes" if task.consent == "required" else answer != "no"


def private_copy(manifest: Manifest, folder: Path) -> Path:
    """Returns a copy of a manifest whose files have absolute paths; its owner alone may read it.

    A copy that is there already stays, so that its time does not change.

    Args:
        manifest: the manifest.
        folder: made if absent, 0700. The copy's name follows from its content.
    """
    header, records = _read_table(manifest.path)
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(record | {"file": str(manifest.path.parent / record["file"])} for record in records)
    content = text.getvalue().encode("utf-8", "surrogateescape")
    copy = folder / f"manifest-{hashlib.sha256(content).hexdigest()[:16]}.csv"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not copy.exists():
        partial = folder / f".{copy.name}.partial"
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        partial.replace(copy)
    return copy


class _Problems:
    """Problems by kind, each with the rows that have it."""

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def add(self, problem: str, *rows: int) -> None:
        self._rows.setdefault(problem, []).extend(rows)

    def error(self, path: Path) -> ManifestError:
        return ManifestError(f"manifest {path.name}", [_sentence(kind, rows) for kind, rows in self._rows.items()])


def _sentence(problem: str, rows: list[int]) -> str:
    if not rows:
        return problem
    shown = ", ".join(str(row) for row in rows[:_SHOWN_ROWS])
    more = f" and {len(rows) - _SHOWN_ROWS} more" if len(rows) > _SHOWN_ROWS else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}: {problem}"


def _read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    what = f"manifest {path.name}"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError(what, [f"it is not UTF-8 (byte {error.start}): save it as CSV UTF-8"]) from error
    except OSError as error:
        raise ManifestError(what, [f"it cannot be read: {error.strerror}"]) from error
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise ManifestError(what, [f"it is not CSV: {error}"]) from error
    if len(lines) < 2:
        raise ManifestError(what, ["it has no rows: it needs a header line and one line an image"])
    header = [name.strip() for name in lines[0]]
    other = next((name for mark, name in _OTHER_DELIMITERS.items() if len(header) == 1 and mark in header[0]), None)
    if other:
        raise ManifestError(what, [f"its cells are parted by {other}: save it with commas, as `CSV UTF-8`"])
    ragged = [number for number, line in enumerate(lines[1:], 1) if len(line) != len(header)]
    if ragged:
        kind = f"another number of cells than the header line, which has {len(header)}"
        raise ManifestError(what, [_sentence(kind, ragged)])
    records = [dict(zip(header, (cell.strip() for cell in line), strict=True)) for line in lines[1:]]
    return header, records


def _check_columns(header: list[str], task: Task, problems: _Problems) -> None:
    for name in sorted({name for name in header if name and header.count(name) > 1}):
        problems.add(f"column {name!r} stands more than once; keep one")
    needed = {"file": "the path of each image"}
    if task.labels.type == "multi_class":
        needed[task.labels.column] = f"one of the labels {', '.join(task.labels.names)}"
    else:
        needed |= dict.fromkeys(task.labels.names, "1, 0, or empty or -1 for unknown")
    if task.consent == "required":
        needed["consent"] = "the task asks for consent: `yes` in every row that may be used"
    needed |= dict.fromkeys(task.extra_columns, "the task's `slices` name it")
    for name, why in needed.items():
        if name not in header:
            problems.add(f"column {name!r} is missing ({why})")


def _row(number: int, record: dict[str, str], *, path: Path, task: Task, problems: _Problems) -> ManifestRow:
    """Returns one row; what is wrong with it goes to `problems`."""
    age = record.get("age", "")
    age_years = age_in_years(age) if age else None
    if age and age_years is None:
        problems.add("`age` is neither years (0 to 130) nor a DICOM age such as 045Y", number)
    return ManifestRow(
        row=number,
        file=_file(number, record["file"], path, problems),
        label=_label(number, record, task, problems),
        findings=_findings(number, record, task, problems),
        sex=_sex(number, record.get("sex", ""), problems),
        age_years=age_years,
        split=_split(number, record.get("split", ""), problems),
        extra={name: record[name] for name in task.extra_columns},
        **{
            name: record.get(name, "")
            for name in ("patient_id", "study_id", "site", "view", "modality", "manufacturer")
        },
    )


def _file(number: int, text: str, path: Path, problems: _Problems) -> Path:
    file = path.parent / text
    if not text:
        problems.add("`file` is empty", number)
    elif "\0" in text or not file.is_file():
        problems.add("`file` does not exist (a relative path starts at the manifest's folder)", number)
    return file


def _label(number: int, record: dict[str, str], task: Task, problems: _Problems) -> str:
    if task.labels.type == "multi_label":
        return ""
    label = record[task.labels.column]
    if label not in task.labels.names:
        known = ", ".join(task.labels.names)
        problems.add(f"`{task.labels.column}` is {label[:40]!r}, which is not one of the labels {known}", number)
    return label


def _findings(number: int, record: dict[str, str], task: Task, problems: _Problems) -> tuple[int, ...]:
    if task.labels.type == "multi_class":
        return ()
    for name in task.labels.names:
        if record[name] not in FINDING_VALUES:
            problems.add(f"`{name}` is {record[name][:40]!r}; it must be 1, 0, or empty or -1 for unknown", number)
    return tuple(FINDING_VALUES.get(record[name], -1) for name in task.labels.names)


def _sex(number: int, text: str, problems: _Problems) -> str:
    if text and text.upper() not in SEXES:
        problems.add("`sex` must be M, F, O or empty", number)
    return text.upper()


def _split(number: int, text: str, problems: _Problems) -> str:
    if text and text not in SPLITS:
        problems.add(f"`split` is {text[:40]!r}; it must be one of {', '.join(SPLITS)}", number)
    return text


def _check_rows(rows: list[ManifestRow], problems: _Problems) -> None:
    """Checks what only shows between rows: an image twice, splits on some rows, a patient in two splits."""
    first_row: dict[str, int] = {}
    patient_splits: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        name = os.path.normpath(row.file)
        if first_row.setdefault(name, row.row) != row.row:
            problems.add("the same `file` stands in an earlier row; keep one", row.row)
        if row.patient_id and row.split:
            patient_splits.setdefault((row.site, row.patient_id), {}).setdefault(row.split, row.row)
    without = [row.row for row in rows if not row.split]
    if 0 < len(without) < len(rows):
        problems.add("`split` is empty while other rows have one; give all rows a split, or none", *without)
    for splits in patient_splits.values():
        if len(splits) > 1:
            problems.add(
                f"one patient is in the splits {' and '.join(sorted(splits))}; a patient has one split",
                *splits.values(),
            )
