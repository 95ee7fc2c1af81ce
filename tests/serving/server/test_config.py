from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_schemas.served_folder import version_folders
from serving.server.config import VersionPolicy

FOLDERS = {version: Path(str(version)) for version in (1, 3, 10)}


def test_folders_are_numbered_as_int64_and_all_else_is_ignored(tmp_path):
    for name in ("001", "2", "17", "9223372036854775807", "9223372036854775808", ".3", "4.tmp", "v5", "-6", "٧", "1e3"):
        (tmp_path / name).mkdir()
    (tmp_path / "8").write_text("a file")
    assert {number: path.name for number, path in version_folders(tmp_path).items()} == {
        1: "001",
        2: "2",
        17: "17",
        2**63 - 1: "9223372036854775807",
    }


def test_of_two_folders_of_one_number_the_shorter_name_counts(tmp_path):
    for name in ("01", "1", "001"):
        (tmp_path / name).mkdir()
    assert version_folders(tmp_path)[1].name == "1"


def test_a_missing_base_path_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        version_folders(tmp_path / "missing")


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (VersionPolicy(), [10]),
        (VersionPolicy(latest=2), [10, 3]),
        (VersionPolicy(every=True), [10, 3, 1]),
        (VersionPolicy(specific=frozenset({1, 4})), [1]),
    ],
    ids=["latest", "two latest", "all", "specific"],
)
def test_a_policy_chooses_newest_first(policy, chosen):
    assert list(policy.choose(FOLDERS)) == chosen


@given(st.sets(st.integers(0, 2**63 - 1), min_size=1, max_size=6))
def test_the_latest_is_the_highest_number_not_the_last_name(versions):
    assert list(VersionPolicy().choose({version: Path(str(version)) for version in versions})) == [max(versions)]
