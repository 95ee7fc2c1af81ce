"""The demo's own images to show: synthetic studies of patients to whom nothing of the model was fitted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import local_runner
from data_schemas.task_file import load_task

CASES = 6
"""How many sample cases the reading page has to give: two of each label."""
_FOLDER = "to_read"


def images_of_test_patients(manifest: Path) -> Iterator[tuple[Path, str]]:
    """Yields file and label of the sample's images whose patients are in the test split, in the manifest's order."""
    from imaging.manifest import read_manifest
    from imaging.patients import assign_split, patient_key
    from imaging.source import read_source

    task = load_task(local_runner.DEMO_TASK)
    for row in read_manifest(manifest, task).rows:
        header = read_source(row.file.read_bytes()).header
        key = patient_key(
            patient_id=header.patient_id, issuer=header.issuer, site=row.site,
            study_instance_uid=header.study_instance_uid,
        )  # fmt: skip
        if assign_split(key.key, task=task) == "test":
            yield row.file, str(row.label)


def sample_folder(output: Path, names: Sequence[str]) -> Path | None:
    """Returns the folder of sample cases of a demo's output, made at the first call; None where there is no demo.

    Args:
        output: `OUTPUT` of the demo.
        names: the models that are served.
    """
    manifest = output / "sample" / "manifest.csv"
    if local_runner.DEMO_TASK not in names or not manifest.is_file():
        return None
    folder = output / "sample" / _FOLDER
    if not folder.is_dir():
        making = folder.with_name(f".{_FOLDER}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        for number, file in enumerate(_mixed(manifest), start=1):
            shutil.copyfile(file, making / f"{number:02}{file.suffix}")
        making.rename(folder)
    return folder


def _mixed(manifest: Path) -> list[Path]:
    """Returns the first test images of each label, in turn, so that the first ones are not all of one kind."""
    labels = load_task(local_runner.DEMO_TASK).labels.names
    found: dict[str, list[Path]] = {label: [] for label in labels}
    wanted = CASES // len(labels)
    for file, label in images_of_test_patients(manifest):
        found[label].append(file)
        if all(len(files) >= wanted for files in found.values()):
            break
    turns = zip_longest(*(files[:wanted] for files in found.values()))
    return [file for turn in turns for file in turn if file is not None]
