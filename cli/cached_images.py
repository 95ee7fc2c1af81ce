"""What an output holds of patients' images, and its removal: records, image indexes, pages that show images.

The keyed hashes of images that were ingested stay, without a thumbnail, a label or a patient: it can still be told
whether a model was made from an image.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import RadflowError
from pipeline.artifact_root import ArtifactRoot, artifact_root

if TYPE_CHECKING:
    from data_schemas.ingest_report import IngestReport

HASHES_FILE = "image_hashes.json"
"""Beside the ingest report, in place of an image index that was removed."""


def ingests(output: Path) -> Sequence[tuple[Path, IngestReport]]:
    """Returns the folder, fetched, and the report of every ingest of an output, oldest first.

    Raises:
        RadflowError: the object store that has them cannot be read.
    """
    from data_schemas.ingest_report import FILE_NAME, IngestReport

    root = artifact_root(output)
    files = [
        root.fetched(file.parent) / FILE_NAME for file in root.glob(f"DicomExampleGen/ingest_report/*/{FILE_NAME}")
    ]
    return [(file.parent, IngestReport.model_validate_json(file.read_text(encoding="utf-8"))) for file in files]


def held_of(patients: frozenset[str], output: Path) -> list[Path]:
    """Returns the folders and files of former ingests that hold images of patients, or describe them.

    Args:
        patients: pseudonyms.
        output: the output folder.
    """
    root = artifact_root(output)
    return [
        path
        for folder, report in ingests(output)
        if any(patients & set(split) for split in report.patients.values())
        for path in _image_holders(folder, root)
    ]


def pictures(output: Path) -> list[Path]:
    """Returns pages and contact sheets, of all runs: they show images, and do not say whose.

    The numbers beside a page stay; `radflow report` makes it anew.
    """
    from data_schemas.model_files import CONTACT_SHEET_FILE
    from reports.model_report import HTML_FILE

    root = artifact_root(output)
    return [
        *root.glob(f"ModelReport/report/*/{HTML_FILE}"),
        *output.glob(f"reports/*/{HTML_FILE}"),
        *root.glob(f"Trainer/model_run/*/{CONTACT_SHEET_FILE}"),
    ]


def cut_off(output: Path) -> list[Path]:
    """Returns what steps and fetches that were cut off have left: whose images are in it is recorded nowhere.

    Args:
        output: the output folder; no run is at work in it.
    """
    root = artifact_root(output)
    reported = {folder.name for folder, _ in ingests(output)}  # outputs of one execution have one number
    ingested = [path for path in root.folders() if path.parts[-3] == "DicomExampleGen" and path.name not in reported]
    return [*ingested, *root.folder.glob("Trainer/model_run/*/tmp*"), *root.cut_off_fetches()]


def remove_held(held: Sequence[Path], output: Path) -> int:
    """Removes all pictures and what was stopped, and then what `held_of` found; hashes of the images stay.

    What is found by its record goes last: whatever stops the removal, the next one finds it again.

    Args:
        held: folders and files.
        output: the output folder.

    Returns:
        how many pictures and leftovers were removed.

    Raises:
        RadflowError: the object store that has them cannot be written, or a file here cannot be removed.
    """
    root, unfinished = artifact_root(output), output / "unfinished"
    others = [*pictures(output), *cut_off(output)]
    try:
        for path in others:
            root.remove(path)
        if unfinished.exists():
            shutil.rmtree(unfinished)  # what was stopped may have learnt from the patient
        for report in sorted({path.parent for path in held if path.is_file()}):
            _keep_hashes(report, root)
        for path in held:
            root.remove(path)
    except OSError as error:
        raise RadflowError(
            f"{error.filename} cannot be removed ({error.strerror}): mend that, then give the command again"
        ) from error
    return len(others)


def _image_holders(report: Path, root: ArtifactRoot) -> Iterator[Path]:
    """Yields what one ingest wrote that holds images or describes them: its records, and its image index."""
    from data_schemas.image_index import FILE_PATTERN

    examples = report.parents[1] / "examples" / report.name
    yield from [path for path in (examples, *sorted(report.glob(FILE_PATTERN))) if root.exists(path)]


def _keep_hashes(report: Path, root: ArtifactRoot) -> None:
    """Writes the keyed hashes of an ingest's images beside its report, with the digest over all of its data.

    They are written once: later, a part of the index may be gone.
    """
    if root.exists(report / HASHES_FILE):
        return
    from components.image_index import read_index
    from components.model_report.provenance import data_digest
    from data_schemas import features, image_index

    index = read_index(report)
    columns = (
        features.MANIFEST_ROW, features.FRAME, image_index.SPLIT, image_index.FILE_HASH, image_index.PIXEL_HASH
    )  # fmt: skip
    rows = index.select([name for name in columns if name in index.column_names]).to_pylist()
    kept = {"data_digest": data_digest(index), "images": rows}
    (report / HASHES_FILE).write_text(json.dumps(kept), encoding="utf-8")
    root.keep(report / HASHES_FILE)
