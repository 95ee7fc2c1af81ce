"""`radflow manifest`: writes the manifest of a folder that has a known layout."""

from __future__ import annotations

import argparse
from pathlib import Path

from data_schemas.errors import ConfigurationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder to read")
    parser.add_argument(
        "--layout", required=True, choices=["labels-csv"], help="labels-csv: labels.csv beside images/ or dicom/"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the manifest to write (CSV)")


def run(arguments: argparse.Namespace) -> int:
    """Writes the manifest and says what is in it.

    Raises:
        ConfigurationError: the output is there already; it may be the very table that is read.
        ManifestError: the folder does not have the layout, or the manifest cannot be written.
    """
    from imaging.layouts import LAYOUTS, write_manifest

    if arguments.output.exists():
        raise ConfigurationError(f"-o {arguments.output} is there already: name a new file, or remove this one")
    rows = LAYOUTS[arguments.layout](arguments.folder)
    write_manifest(rows, arguments.output)
    patients = len({row["patient_id"] for row in rows if row.get("patient_id")})
    print(f"{arguments.output}: {len(rows)} images, {patients} patients, columns {', '.join(rows[0])}")
    return 0
