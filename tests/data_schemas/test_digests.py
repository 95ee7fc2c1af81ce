"""Sums of a version: coreutils agrees with them, and every kind of change is found."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_schemas.digests import check_digests, content_digest, write_digests
from data_schemas.errors import ModelAltered

SUMS = "assets.extra/SHA256SUMS"
NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=40)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "chest" / "3"
    for name, content in {
        "saved_model.pb": "graph",
        "variables/variables.index": "i",
        "assets.extra/a.json": "{}",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    (folder / "assets").mkdir()
    write_digests(folder)
    return folder


def coreutils(version: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["sha256sum", "--strict", "-c", SUMS], cwd=version, capture_output=True, check=False)


def test_the_sums_are_those_of_the_files_sorted_by_path(version: Path) -> None:
    assert (version / SUMS).read_text() == "".join(
        f"{hashlib.sha256(content.encode()).hexdigest()}  {name}\n"
        for name, content in (
            ("assets.extra/a.json", "{}"),
            ("saved_model.pb", "graph"),
            ("variables/variables.index", "i"),
        )
    )


def test_an_untouched_version_passes_here_and_by_sha256sum(version: Path) -> None:
    assert check_digests(version)
    assert coreutils(version).returncode == 0


def test_a_version_without_sums_cannot_be_checked(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_text("graph")
    assert not check_digests(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda v: (v / "saved_model.pb").write_text("grapf"), "saved_model.pb was changed"),
        (lambda v: (v / "saved_model.pb").unlink(), "saved_model.pb is missing"),
        (lambda v: (v / "variables" / "more").write_text(""), "variables/more was added"),
        (lambda v: (v / ".hidden").write_text(""), ".hidden was added"),
        (lambda v: (v / "assets" / "link").symlink_to(v / "saved_model.pb"), "assets/link is a link"),
        (lambda v: (v / "folder").symlink_to("/"), "folder is a link"),
        (lambda v: os.mkfifo(v / "pipe"), "pipe is a link or no file"),
        (lambda v: (v / SUMS).write_text(""), "SHA256SUMS is not as it was written"),
        (lambda v: (v / SUMS).write_bytes(b"\xff\xfe"), "SHA256SUMS is not as it was written"),
        (lambda v: (v / SUMS).write_text("0" * 64 + "  ../../secret\n"), "../../secret is missing"),
    ],
)  # fmt: skip
def test_a_change_is_found_and_named(version: Path, change, said: str) -> None:
    change(version)
    with pytest.raises(ModelAltered, match="chest/3 was altered") as caught:
        check_digests(version)
    assert said in str(caught.value)


@pytest.mark.parametrize("left", ["evaluation.json", "tf_serving_warmup_requests"])
def test_sums_that_were_removed_from_a_pushed_version_are_missed(version: Path, left: str) -> None:
    (version / SUMS).unlink()
    (version / "assets.extra" / "description.json").write_text("")
    (version / "assets.extra" / left).write_text("")
    with pytest.raises(ModelAltered, match="SHA256SUMS was removed"):
        check_digests(version)


def test_warm_up_requests_of_another_exporter_need_no_sums(version: Path) -> None:
    (version / SUMS).unlink()
    (version / "assets.extra" / "tf_serving_warmup_requests").write_text("")
    assert not check_digests(version)


def test_the_message_names_five_files_and_counts_the_rest(version: Path) -> None:
    for number in range(7):
        (version / f"{number}").write_text("")
    with pytest.raises(ModelAltered, match=r"4 was added, and 2 more; serve another version"):
        check_digests(version)


def test_the_content_digest_is_the_digest_of_the_sums(version: Path) -> None:
    assert content_digest(version) == hashlib.sha256((version / SUMS).read_bytes()).hexdigest()
    (version / SUMS).unlink()
    assert content_digest(version) != "", "it does not need the sums"


@settings(deadline=None)  # it starts a process
@given(name=NAMES, content=st.binary(max_size=20))
def test_any_name_and_content_round_trips_and_sha256sum_reads_it(tmp_path_factory, name: str, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("version")
    if name in (".", "..", "-") or len(name.encode()) > 255 or name == "assets.extra":
        return
    (folder / name).write_bytes(content)
    write_digests(folder)
    assert check_digests(folder)
    assert coreutils(folder).returncode == 0


@given(junk=st.binary(max_size=200))
def test_random_sums_are_an_alteration_and_never_a_traceback(tmp_path_factory, junk: bytes) -> None:
    folder = tmp_path_factory.mktemp("version")
    (folder / "saved_model.pb").write_text("graph")
    (folder / "assets.extra").mkdir()
    (folder / SUMS).write_bytes(junk)
    with pytest.raises(ModelAltered):
        check_digests(folder)
