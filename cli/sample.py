"""`radflow sample`: synthetic studies as real DICOM files, to try everything on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

_TASK = "synthetic_chest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Write chest-like synthetic studies as real DICOM files, with a manifest for the task synthetic_chest and a "
        "table of where each lesion is. The same seed writes the same bytes. Nobody in them exists."
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="receives manifest.csv, lesions.csv and dicom/")
    parser.add_argument("--studies", type=int, default=800, metavar="N", help="how many studies [%(default)s]")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="what everything is drawn from [%(default)s]")


def run(arguments: argparse.Namespace) -> int:
    """Writes the sample, and says what was written and what to run next.

    Raises:
        ConfigurationError: a number is out of range, or the folder has a manifest or cannot be written.
    """
    from imaging.synthetic import LABELS, write_sample

    manifest = write_sample(
        arguments.folder,
        studies=arguments.studies,
        seed=arguments.seed,
        progress=_show if sys.stderr.isatty() else None,
    )
    rows = manifest.read_text(encoding="utf-8").splitlines()[1:]
    labels = ", ".join(f"{sum(row.split(',')[1] == label for row in rows)} {label}" for label in LABELS)
    print(f"{arguments.folder}: {len(rows)} synthetic DICOM files ({labels}), manifest.csv, lesions.csv")
    print(f"Next: radflow run --task {_TASK} --manifest {manifest} --output radflow-output")
    return 0


def _show(done: int, studies: int) -> None:
    end = "\n" if done == studies else ""
    print(f"\r\x1b[K{done} of {studies} studies", end=end, file=sys.stderr, flush=True)
