"""`radflow manifest`: writes the manifest of a folder or file that has a known layout."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from data_schemas.errors import ConfigurationError

_OPTIONS = ("official_split", "uncertain", "unmentioned", "readers", "patient", "column", "images", "suffix", "labels")
"""Options that belong to single layouts."""

_EXAMPLES = {"--column": "--column patient_id=PatientId", "--where": "--where view=AP,PA"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("source", nargs="?", type=Path, metavar="SOURCE", help="the folder or file to read")
    parser.add_argument("--layout", metavar="NAME", help="how it is laid out; --layouts lists the names")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="the manifest to write (CSV)")
    parser.add_argument("--layouts", action="store_true", help="list the layouts and end")
    parser.add_argument("--about", metavar="NAME", help="say what a layout reads and writes, its licence and its trap")
    parser.add_argument("--allow-missing", action="store_true", help="leave out images that are named and not there")
    parser.add_argument(
        "--where", action="append", metavar="COLUMN=VALUE,...", help="keep only images with one of the values"
    )
    _add_layout_options(parser.add_argument_group("options of single layouts (see --about)"))


def _add_layout_options(group: argparse._ArgumentGroup) -> None:  # argparse has no public name for it
    group.add_argument(
        "--official-split", action="store_true", help="keep the published split; else the task draws one"
    )
    group.add_argument("--uncertain", choices=["unknown", "present", "absent"], help="what -1 counts as (chexpert)")
    group.add_argument("--unmentioned", choices=["unknown", "absent"], help="what an empty cell counts as (chexpert)")
    group.add_argument("--readers", choices=["majority", "any", "agreed"], help="how readers are joined (vindr-cxr)")
    group.add_argument("--patient", metavar="REGEX", help="the patient in a file's name (folder-per-class)")
    group.add_argument("--column", action="append", metavar="NAME=THEIRS", help="their column for one of ours (csv)")
    group.add_argument("--images", type=Path, metavar="FOLDER", help="where the table's paths start (csv)")
    group.add_argument("--suffix", metavar=".EXT", help="what to add to the table's paths (csv)")
    group.add_argument("--labels", type=Path, metavar="TABLE", help="labels by UID or patient (dicomdir)")
    group.add_argument("--write-images", type=Path, metavar="FOLDER", help="where to write images (medmnist)")


def run(arguments: argparse.Namespace) -> int:
    """Writes the manifest and says what is in it; or lists the layouts, or describes one.

    Raises:
        ConfigurationError: an argument is missing or wrong, or the output is there already; it may be the very table
            that is read.
        ManifestError: the source does not have the layout, or the manifest cannot be written.
    """
    if arguments.layouts:
        return _list()
    if arguments.about:
        return _describe(_known(arguments.about))
    if not (arguments.source and arguments.layout and arguments.output):
        raise ConfigurationError("it needs --layout NAME SOURCE -o FILE, or --layouts, or --about NAME")
    return _write(_known(arguments.layout), arguments)


def _known(name: str) -> str:
    from imaging.layouts.table import LAYOUTS

    if name not in LAYOUTS:
        raise ConfigurationError(f"there is no layout {name!r}; there are {', '.join(LAYOUTS)}")
    return name


def _list() -> int:
    from imaging.layouts.table import LAYOUTS, summary_of

    width = max(map(len, LAYOUTS))
    print("\n".join(f"{name:{width}}  {summary_of(name)}" for name in LAYOUTS))
    return 0


def _describe(name: str) -> int:
    from imaging.layouts.table import about, options_of

    options = ", ".join(f"--{option.replace('_', '-')}" for option in options_of(name)) or "none of its own"
    print(f"{about(name)}\n\nOptions: {options}.")
    return 0


def _write(layout: str, arguments: argparse.Namespace) -> int:
    from imaging.layouts.table import read_layout
    from imaging.layouts.write import write_manifest

    if arguments.output.exists():
        raise ConfigurationError(f"-o {arguments.output} is there already: name a new file, or remove this one")
    found = read_layout(
        layout,
        arguments.source,
        _options(layout, arguments),
        allow_missing=arguments.allow_missing,
        where={name: values.split(",") for name, values in _pairs("--where", arguments.where or []).items()},
    )
    write_manifest(found.rows, arguments.output)
    for note in found.notes:
        print(f"note: {note}")
    patients = len({row["patient_id"] for row in found.rows if row.get("patient_id")})
    print(f"{arguments.output}: {len(found.rows)} images, {patients} patients, columns {', '.join(found.rows[0])}")
    return 0


def _options(layout: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns the options that were given, and where images go if the layout writes some."""
    from imaging.layouts.table import options_of

    given = {name: value for name in _OPTIONS if (value := getattr(arguments, name))}
    if "column" in given:
        given["column"] = _pairs("--column", given["column"])
    if arguments.write_images or "write_images" in options_of(layout):
        beside = arguments.output.with_name(f"{arguments.output.stem}_images")
        given["write_images"] = arguments.write_images or beside
    return given


def _pairs(option: str, words: list[str]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    if not all(name and value for name, _, value in pairs):
        raise ConfigurationError(f"{option} wants a column, `=` and what it is, for example {_EXAMPLES[option]}")
    return {name: value for name, _, value in pairs}
