"""What a former run's data were like: the statistics of accepted data, kept outside the artifacts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.data_check.drift_checks import Statistics
from components.data_check.image_table import ImageTable
from data_schemas import features, image_index

_KEPT = 2
"""This run's and the one before: a run that is repeated is compared with the same one again."""


def data_id(table: ImageTable) -> str:
    """Returns 16 hexadecimal digits that change with any image, label or split of a run's data."""
    columns = (features.EXAMPLE_ID, features.FRAME, image_index.SPLIT, features.LABEL, features.FINDINGS)
    digest = hashlib.sha256(repr(table.index.select(columns).to_pydict()).encode())
    return digest.hexdigest()[:16]


def former_statistics(folder: Path, current: str) -> Statistics | None:
    """Returns the statistics of the last accepted data that are not the current ones, or None.

    Args:
        folder: of `keep_statistics`.
        current: `data_id` of this run's data.
    """
    others = [file for file in _files(folder) if not file.stem.endswith(current)]
    return Statistics.FromString(others[-1].read_bytes()) if others else None


def keep_statistics(statistics: Statistics, folder: Path, current: str) -> None:
    """Keeps the statistics of data that were accepted, and forgets all but the last two.

    Args:
        statistics: of the train split.
        folder: made if absent.
        current: `data_id` of the data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = _files(folder)
    number = int(files[-1].stem.partition("-")[0]) + 1 if files else 1
    for file in files:
        if file.stem.endswith(current):
            file.unlink()
    partial = folder / ".partial"
    partial.write_bytes(statistics.SerializeToString())
    partial.replace(folder / f"{number:06d}-{current}.pb")
    for file in _files(folder)[:-_KEPT]:
        file.unlink()


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-*.pb"))
