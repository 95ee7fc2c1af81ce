from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.write import write_manifest


def test_paths_below_the_manifest_are_relative_and_others_absolute(tmp_path):
    rows = [{"file": str(tmp_path / "in" / "images" / "a.png")}, {"file": str(tmp_path / "b.png")}]
    (tmp_path / "in").mkdir()
    write_manifest(rows, tmp_path / "in" / "manifest.csv")
    assert (tmp_path / "in" / "manifest.csv").read_text() == f"file\nimages/a.png\n{tmp_path / 'b.png'}\n"


def test_a_manifest_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(ManifestError, match="cannot be written"):
        write_manifest([{"file": "a"}], tmp_path / "missing" / "manifest.csv")
