"""DataCheck on real CT slices, of which it is known what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.data_check.checks import check_images
from components.data_check.image_table import ImageTable
from components.dicom_example_gen.shard import Shard, ShardJob, write_shard
from components.image_index import read_index
from data_schemas.features import SPLITS
from data_schemas.task_file import load_task
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest
from imaging.pseudonyms import Pseudonyms
from reports.data_check import Check, CheckTable

SLICES = Path(__file__).parents[2] / ".." / "shared" / "data" / "ct-contrast-dicom"
pytestmark = pytest.mark.skipif(not SLICES.is_dir(), reason="needs ../shared/data, the public test data")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Check], dict[str, CheckTable]]:
    """Returns the files by manifest row, the checks and the tables."""
    folder, task = tmp_path_factory.mktemp("ct"), load_task("ct_contrast")
    write_manifest(read_layout("labels-csv", SLICES).rows, folder / "manifest.csv")
    manifest = read_manifest(folder / "manifest.csv", task)
    folders = {split: str(folder / split) for split in SPLITS}
    for path in folders.values():
        Path(path).mkdir()
    job = ShardJob(task, manifest.splits, Pseudonyms(bytes(32)), folders, str(folder))
    result = write_shard(Shard(0, 1, manifest.rows), job, lambda: None)
    assert result.rejects == []
    checks, tables = check_images(ImageTable(read_index(folder), task))
    names = [row.file.name[:7] for row in manifest.rows]
    return names, {check.name: check for check in checks}, {table.heading: table for table in tables}


def test_three_pairs_are_identical_and_a_fourth_is_in_its_pixels_alone(
    found: tuple[list[str], dict[str, Check], dict[str, CheckTable]],
) -> None:
    names, _, tables = found
    pairs = {
        (row[0], *(names[int(number) - 1] for number in str(row[1]).replace("-", ", ").split(", ")))
        for row in tables["Images that stand more than once"].rows
    }
    assert pairs == {
        ("identical files", "ID_0003", "ID_0006"),
        ("identical files", "ID_0065", "ID_0066"),
        ("identical files", "ID_0084", "ID_0085"),
        ("identical pixels", "ID_0098", "ID_0099"),
    }


def test_six_patients_have_both_labels(found: tuple[list[str], dict[str, Check], dict[str, CheckTable]]) -> None:
    check = found[1]["labels of a patient"]
    assert check.summary.startswith("6 patients have images with different labels") and not check.blocking


def test_the_scanner_probe_is_inconclusive_with_its_interval(
    found: tuple[list[str], dict[str, Check], dict[str, CheckTable]],
) -> None:
    check = found[1]["shortcut: scanner"]
    assert (
        check.passed
        and check.summary.endswith("inconclusive")
        and "AUROC 0." in check.summary
        and "[0." in check.summary
    )
