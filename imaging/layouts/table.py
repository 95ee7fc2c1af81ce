"""The layouts that there are, in one table, and how one of them is read."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_schemas.errors import ManifestError
from imaging.layouts.any_csv import any_csv
from imaging.layouts.cbis_ddsm import cbis_ddsm
from imaging.layouts.chest_xray14 import nih_chestxray14
from imaging.layouts.chexpert import chexpert
from imaging.layouts.dicomdir import dicomdir
from imaging.layouts.folder_per_class import folder_per_class
from imaging.layouts.found import Found, matching, present, without_leaks
from imaging.layouts.kermany import kermany
from imaging.layouts.labels_csv import labels_csv
from imaging.layouts.medmnist import medmnist
from imaging.layouts.rsna_pneumonia import rsna_pneumonia
from imaging.layouts.siim_pneumothorax import siim_pneumothorax
from imaging.layouts.vindr_cxr import vindr_cxr

LAYOUTS: dict[str, Callable[..., Found]] = {
    "kermany": kermany,
    "nih-chestxray14": nih_chestxray14,
    "chexpert": chexpert,
    "rsna-pneumonia": rsna_pneumonia,
    "vindr-cxr": vindr_cxr,
    "siim-pneumothorax": siim_pneumothorax,
    "cbis-ddsm": cbis_ddsm,
    "medmnist": medmnist,
    "folder-per-class": folder_per_class,
    "csv": any_csv,
    "dicomdir": dicomdir,
    "labels-csv": labels_csv,
}
"""Name on the command line -> function from a source, and options by keyword, to rows. Its docstring is its manual."""


def options_of(layout: str) -> tuple[str, ...]:
    """Returns the options that a layout knows, by the names of its function's keywords."""
    return tuple(inspect.signature(LAYOUTS[layout]).parameters)[1:]


def summary_of(layout: str) -> str:
    """Returns the first line of a layout's manual."""
    return about(layout).split("\n", 1)[0]


def about(layout: str) -> str:
    """Returns a layout's manual: what it reads and writes, source, licence, citation and trap."""
    return (inspect.getdoc(LAYOUTS[layout]) or "").split("\nRaises:")[0].rstrip()


def read_layout(
    layout: str,
    source: Path,
    options: Mapping[str, Any] | None = None,
    *,
    allow_missing: bool = False,
    where: Mapping[str, Sequence[str]] | None = None,
) -> Found:
    """Returns the manifest rows of a source that has a known layout.

    Args:
        layout: a name of `LAYOUTS`.
        source: the folder or file.
        options: of `options_of(layout)`.
        allow_missing: leave out images that the set names and that are not there, instead of refusing.
        where: keep the rows that have one of these values in each of these columns.

    Raises:
        ManifestError: the layout does not know an option, or the source has another layout or lacks files.
    """
    unknown = [name for name in options or {} if name not in options_of(layout)]
    if unknown:
        known = ", ".join(f"--{name.replace('_', '-')}" for name in options_of(layout)) or "no options"
        problem = f"it does not know --{unknown[0].replace('_', '-')}; it knows {known}"
        raise ManifestError(f"layout {layout}", [problem])
    if not source.exists():
        raise ManifestError(f"layout {layout}", ["the source does not exist"])
    found = LAYOUTS[layout](source.resolve(), **(options or {}))
    found = matching(present(found, allow_missing=allow_missing, layout=layout), where or {}, layout=layout)
    return without_leaks(found)
