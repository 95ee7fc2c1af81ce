"""Carries the labels of a manifest over to the de-identified files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from data_schemas.errors import ManifestError
from data_schemas.features import SPLITS
from data_schemas.task import MANIFEST_COLUMNS
from imaging.ages import age_in_years
from imaging.defined_terms import MODALITIES, VIEW_POSITIONS
from imaging.deidentification.replacements import OLDEST_TOLD, Replacements
from imaging.manifest import FINDING_VALUES, SEXES
from imaging.patients import patient_key


@dataclass(frozen=True)
class OriginalManifest:
    """A manifest of the original files.

    Attributes:
        header: its columns.
        rows: by resolved file.
    """

    header: tuple[str, ...]
    rows: Mapping[Path, Mapping[str, str]]


def read_original(path: Path) -> OriginalManifest:
    """Returns a manifest of the original files, without looking at their labels: no task is known.

    Raises:
        ManifestError: it cannot be read, or has no rows, or no column `file`.
    """
    what = f"manifest {path.name}"
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(what, ["it cannot be read: save it as CSV UTF-8"]) from error
    records = [{name: (value or "").strip() for name, value in row.items() if name} for row in found]
    if not records or "file" not in records[0]:
        raise ManifestError(what, ["it has no rows, or no column `file`"])
    return OriginalManifest(
        tuple(records[0]), {(path.parent / record["file"]).resolve(): record for record in records if record["file"]}
    )


def carried_rows(
    manifest: OriginalManifest, targets: Mapping[Path, Path], replacements: Replacements
) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """Returns manifest rows of de-identified files, and the columns that are left out.

    Patient and study become keyed pseudonyms; of the other columns with a meaning, a cell stays where it says one of
    the words that the meaning has; labels stay, and columns that hold findings (1, 0, -1 or nothing) alone.

    Args:
        manifest: of the originals.
        targets: by resolved original, the de-identified file.
        replacements: the keyed values.
    """
    findings = [name for name in manifest.header if name not in MANIFEST_COLUMNS and _is_finding(manifest, name)]
    cells = {**_cells(replacements), **dict.fromkeys(findings, _as_it_is)}
    kept = [name for name in manifest.header if name in cells]
    rows = [
        {"file": str(targets[file]), **{name: cells[name](row, name) for name in kept}}
        for file, row in manifest.rows.items()
        if file in targets
    ]
    return rows, tuple(name for name in manifest.header if name not in ("file", *kept))


_Cell = Callable[[Mapping[str, str], str], str]


def _cells(replacements: Replacements) -> dict[str, _Cell]:
    """Returns what becomes of a cell, by the column's name."""
    return {
        "patient_id": lambda row, _: _patient(row, replacements),
        "study_id": lambda row, name: replacements.study(row[name]),
        "label": _as_it_is,
        "age": lambda row, name: _age(row[name]),
        "sex": _one_of(SEXES),
        "modality": _one_of(MODALITIES),
        "view": _one_of(VIEW_POSITIONS),
        "split": _one_of([split.upper() for split in SPLITS]),
        "consent": _one_of(("YES", "NO")),
    }


def _as_it_is(row: Mapping[str, str], name: str) -> str:
    return row[name]


def _one_of(words: Iterable[str]) -> _Cell:
    known = frozenset(words)
    return lambda row, name: row[name] if row[name].upper() in known else ""


def _patient(row: Mapping[str, str], replacements: Replacements) -> str:
    if not row["patient_id"]:
        return ""
    return replacements.patient(patient_key(patient_id=row["patient_id"], site=row.get("site", "")).key)


def _age(value: str) -> str:
    years = age_in_years(value)
    if years is None:
        return ""
    return "90" if years > OLDEST_TOLD else value


def _is_finding(manifest: OriginalManifest, name: str) -> bool:
    return all(row[name] in FINDING_VALUES for row in manifest.rows.values())
