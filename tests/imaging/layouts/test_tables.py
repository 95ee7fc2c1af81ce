from __future__ import annotations

import pytest

from data_schemas.errors import ManifestError
from imaging.layouts.tables import delimiter_of, finding, read_table, sex


def test_spaces_nameless_columns_and_short_lines_do_no_harm(tree):
    folder = tree(files={"t.csv": "\ufeffa, b,\n1, 2,\n\n3\n"})
    assert read_table(folder / "t.csv", "a", "b", layout="any") == [{"a": "1", "b": "2"}, {"a": "3", "b": ""}]


def test_a_cell_may_have_a_line_break(tree):
    folder = tree(files={"t.csv": 'a,b\n"x/000000.dcm\n",2\n'})
    assert read_table(folder / "t.csv", layout="any") == [{"a": "x/000000.dcm", "b": "2"}]


@pytest.mark.parametrize(("header", "mark"), [("a;b", ";"), ("a\tb;c\td", "\t"), ("a,b;c;d", ","), ("a", ",")])
def test_the_first_line_tells_what_parts_the_cells(header, mark):
    assert delimiter_of(f"{header}\n1,5;2;3;4\n") == mark


@pytest.mark.parametrize(("text", "said"), [("a\n1\n", "has no column b"), ("a,b\n", "has no rows"), ("", "no column")])
def test_what_a_table_lacks_is_said(tree, text, said):
    with pytest.raises(ManifestError, match=said):
        read_table(tree(files={"t.csv": text}) / "t.csv", "a", "b", layout="any")


def test_a_table_that_is_not_text_is_refused(tree):
    folder = tree("t.csv")
    (folder / "t.csv").write_bytes(b"a,\xff\n")
    with pytest.raises(ManifestError, match="UnicodeDecodeError"):
        read_table(folder / "t.csv", layout="any")


def test_sexes_and_findings_are_the_manifests():
    assert [sex(text) for text in ("Male", "F", "Unknown", "")] == ["M", "F", "", ""]
    assert [finding(text) for text in ("1.0", "0.0", "-1.0", "", "1")] == ["1", "0", "-1", "", "1"]
