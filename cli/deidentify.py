"""`radflow deidentify`: writes copies of DICOM images that do not say whose they are."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from imaging.deidentification.files import Outcome
    from imaging.deidentification.labels import OriginalManifest
    from imaging.deidentification.profile import Profile
    from imaging.pseudonyms import Pseudonyms

_LOG_FILE = "deidentification.json"
_FEW_FILES = 50
"""Fewer are done here: processes take a second to start."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    from imaging.deidentification.profile import OPTIONS, PROFILES

    parser.description = (
        "Write copies of DICOM images that do not say whose they are, by the Basic Profile of DICOM PS3.15 Annex E "
        "and its options. What is no image, or may show who it is of, is listed and not copied."
    )
    parser.add_argument("source", type=Path, metavar="IN", help="a file, or a folder to walk")
    parser.add_argument(
        "target", type=Path, metavar="OUT", help="the folder that receives the copies; nothing is replaced"
    )
    parser.add_argument(
        "--profile", choices=sorted(PROFILES), default="radflow",
        help="basic; radflow adds patient characteristics (ages above 89 capped) and modified dates [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--option", action="append", choices=OPTIONS, default=[], help="an option more; may be repeated"
    )
    parser.add_argument(
        "--key-file", type=Path, required=True, metavar="FILE",
        help="the secret key, made on first use: the same key gives the same pseudonyms, UIDs and dates",
    )  # fmt: skip
    parser.add_argument(
        "--manifest", type=Path, metavar="CSV",
        help="a manifest of IN: its labels are carried over to OUT/manifest.csv, without columns that name anybody",
    )  # fmt: skip
    parser.add_argument("--mapping", type=Path, metavar="CSV", help="write which file became which; keep it private")


def run(arguments: argparse.Namespace) -> int:
    """De-identifies, and says what was left out.

    Returns:
        0, or 1 where no image was written.

    Raises:
        ConfigurationError: the input is not there, the outputs are, or the key cannot be used.
    """
    from imaging.deidentification.labels import read_original
    from imaging.deidentification.profile import profile
    from imaging.image_file import files_below
    from imaging.pseudonyms import Pseudonyms

    _check_paths(arguments)
    manifest = read_original(arguments.manifest) if arguments.manifest else None
    chosen = profile(arguments.profile, arguments.option)
    secret = Pseudonyms.load_or_create(arguments.key_file)
    own = {path.resolve() for path in (arguments.manifest, arguments.key_file) if path}
    sources = [file for file in files_below(arguments.source) if file.resolve() not in own]
    if manifest and not any(file.resolve() in manifest.rows for file in sources):
        raise ConfigurationError(f"--manifest {arguments.manifest} names none of the files in {arguments.source}")
    _make(arguments.target)
    actions: Counter[tuple[str, str]] = Counter()
    written, left_out = [], 0
    for done, outcome in enumerate(_outcomes(sources, arguments.target, chosen, secret), 1):
        actions += outcome.log
        if outcome.target is None:
            left_out += 1
            print(f"left out: {outcome.source}: {outcome.reason}", file=sys.stderr)
        else:
            written.append(outcome)
        _say(done, len(sources))
    if written:
        _write_log(arguments.target / _LOG_FILE, chosen, actions, files=len(written), left_out=left_out)
    if arguments.mapping:
        _write_mapping(arguments.mapping, written)
    if manifest and written:
        _carry_labels(manifest, arguments.target, written, secret)
    print(f"{len(written)} images written to {arguments.target}, {left_out} files left out")
    print(f"by {', '.join(meaning for _, meaning in chosen.codes)} (DICOM PS3.15)")
    return 0 if written else 1


def _check_paths(arguments: argparse.Namespace) -> None:
    """Raises for everything that would lose or give away something, before any work."""
    source, target, key, mapping = arguments.source, arguments.target, arguments.key_file, arguments.mapping
    if not source.exists():
        raise ConfigurationError(f"no such file or folder: {source}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigurationError(f"{target} is there and not an empty folder: name a new one, or remove it")
    if source.is_dir() and target.resolve().is_relative_to(source.resolve()):
        raise ConfigurationError("OUT lies within IN: name a folder beside it")
    if arguments.manifest and not arguments.manifest.is_file():
        raise ConfigurationError(f"--manifest {arguments.manifest}: no such file")
    for option, path in (("--key-file", key), ("--mapping", mapping)):
        if path and path.resolve().is_relative_to(target.resolve()):
            raise ConfigurationError(f"{option} lies within OUT, which is to be given away: keep it elsewhere")
    if mapping and (mapping.exists() or mapping.resolve() == key.resolve()):
        raise ConfigurationError(f"--mapping {mapping} is there already: name a new file")
    if mapping and not mapping.resolve().parent.is_dir():
        raise ConfigurationError(f"--mapping {mapping}: its folder does not exist")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"OUT {folder} cannot be made: {error.strerror}") from error


def _outcomes(sources: list[Path], target: Path, profile: Profile, secret: Pseudonyms) -> Iterator[Outcome]:
    from imaging.deidentification.files import deidentify_file
    from imaging.worker_processes import end_with_parent

    work = partial(deidentify_file, folder=target, profile=profile, secret=secret)
    if len(sources) < _FEW_FILES:
        yield from map(work, sources)
        return
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), initializer=end_with_parent) as pool:
        yield from pool.map(work, sources, chunksize=8)


def _say(done: int, total: int) -> None:
    if sys.stderr.isatty() and (done % 10 == 0 or done == total):
        print(f"\r{done} of {total} files", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _write_log(path: Path, profile: Profile, actions: Counter[tuple[str, str]], *, files: int, left_out: int) -> None:
    """Writes what was done to which attribute, how often; no value and no file name."""
    done = [{"attribute": name, "action": action, "count": count} for (name, action), count in sorted(actions.items())]
    codes = [{"code": code, "meaning": meaning} for code, meaning in profile.codes]
    path.write_text(json.dumps({"method": codes, "images": files, "left_out": left_out, "actions": done}, indent=1))


def _carry_labels(manifest: OriginalManifest, target: Path, written: list[Outcome], secret: Pseudonyms) -> None:
    from imaging.deidentification.labels import carried_rows
    from imaging.deidentification.replacements import Replacements
    from imaging.layouts.write import write_manifest

    targets = {outcome.source.resolve(): outcome.target.resolve() for outcome in written if outcome.target}
    rows, dropped = carried_rows(manifest, targets, Replacements(secret))
    if rows:
        write_manifest(rows, target / "manifest.csv")
    without = f", without the columns {', '.join(dropped)}" if dropped else ""
    print(f"{target / 'manifest.csv'}: {len(rows)} of the manifest's {len(manifest.rows)} rows{without}")
    if len(rows) < len(written):
        print(f"{len(written) - len(rows)} of the images have no row in the manifest")


def _write_mapping(path: Path, written: list[Outcome]) -> None:
    """Writes source and target of every file, for its owner alone: it undoes the de-identification."""
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline=""
    ) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("source", "file"))
        writer.writerows((outcome.source, outcome.target) for outcome in written)
