from __future__ import annotations

import time

import pytest

from data_schemas.errors import ManifestError
from data_schemas.task import MANIFEST_COLUMNS
from imaging.layouts.chest_xray14 import FINDINGS
from imaging.layouts.table import LAYOUTS, about, options_of, read_layout, summary_of


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_manual_says_source_licence_citation_and_trap(layout):
    text = about(layout)
    assert [word for word in ("Source:", "Licence:", "Cite:", "Trap:") if word not in text] == []
    assert "Raises:" not in text
    assert summary_of(layout).endswith(".") and len(summary_of(layout)) < 110


def test_options_are_the_keywords_of_the_function():
    assert options_of("chexpert") == ("official_split", "uncertain", "unmentioned")
    assert options_of("labels-csv") == ()


def test_an_option_of_another_layout_is_refused(tmp_path):
    with pytest.raises(ManifestError, match="does not know --readers; it knows --official-split"):
        read_layout("kermany", tmp_path, {"readers": "any"})


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"medmnist"}))
def test_an_empty_folder_and_one_that_is_not_there_are_of_no_layout(layout, tmp_path):
    with pytest.raises(ManifestError, match="found an empty folder"):
        read_layout(layout, tmp_path)
    with pytest.raises(ManifestError, match="does not exist"):
        read_layout(layout, tmp_path / "missing")


def test_findings_of_chestxray14_may_be_columns():
    assert not set(FINDINGS) & set(MANIFEST_COLUMNS)


def test_time_grows_with_the_images_and_not_with_their_square(tmp_path):
    """4 times the rows take at most 10 times as long: 16 would be each row looking through all files."""
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"

    def seconds(count):
        folder = tmp_path / str(count)
        (folder / "images").mkdir(parents=True)
        names = [f"{number:08d}_000.png" for number in range(count)]
        for name in names:
            (folder / "images" / name).touch()
        lines = [f"{name},No Finding,0,{number},50,F,PA" for number, name in enumerate(names)]
        (folder / "Data_Entry_2017.csv").write_text("\n".join([header, *lines]) + "\n")
        start = time.perf_counter()
        assert len(read_layout("nih-chestxray14", folder).rows) == count
        return time.perf_counter() - start

    seconds(100)
    assert seconds(2400) < 10 * seconds(600)
