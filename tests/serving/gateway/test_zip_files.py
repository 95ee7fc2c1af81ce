from __future__ import annotations

import contextlib
import io
import shutil
import subprocess
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_schemas.errors import Corrupt, ImageRejected, Unsupported
from serving.gateway.zip_files import expand

LIMITS = {"files": 10, "file_bytes": 10_000_000, "total_bytes": 50_000_000}


def archive(folder, entries, **options):
    """Writes a zip of names and bytes, deflated unless `options` say otherwise."""
    path = folder / "archive"
    with zipfile.ZipFile(path, "w", **{"compression": zipfile.ZIP_DEFLATED, **options}) as target:
        for name, data in entries:
            target.writestr(name, data)
    return path


def expanded(folder, path, **limits):
    out = folder / "out"
    out.mkdir(exist_ok=True)
    return expand(file=str(path), out=str(out), limits={**LIMITS, **limits})["files"]


def test_files_come_out_under_numbers_in_their_order(tmp_path):
    found = expanded(tmp_path, archive(tmp_path, [("b/NAME.dcm", b"one"), ("a.dcm", b"two")]))
    assert [(tmp_path / "out" / str(place)).read_bytes() for place in range(2)] == [b"one", b"two"]
    assert [one["file"] for one in found] == [str(tmp_path / "out" / "0"), str(tmp_path / "out" / "1")]


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a/../../escaped", "..\\escaped", "C:\\escaped"])
def test_names_lead_nowhere(tmp_path, name):
    expanded(tmp_path, archive(tmp_path, [(name, b"x")]))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["0", "archive", "out"]
    assert not (tmp_path.parent / "escaped").exists()


def test_a_link_is_a_file_of_a_few_bytes(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "archive", "w") as target:
        target.writestr(link, "/etc/passwd")
    expanded(tmp_path, tmp_path / "archive")
    assert not (tmp_path / "out" / "0").is_symlink()
    assert (tmp_path / "out" / "0").read_bytes() == b"/etc/passwd"


def test_folders_and_what_systems_put_beside_images_do_not_count(tmp_path):
    names = ["folder/", "__MACOSX/._a", "a/.DS_Store", "Thumbs.db", "DICOMDIR", "a/film"]
    assert len(expanded(tmp_path, archive(tmp_path, [(name, b"x") for name in names]), files=1)) == 1


def test_too_many_files_are_refused(tmp_path):
    path = archive(tmp_path, [(str(number), b"x") for number in range(11)])
    with pytest.raises(Unsupported, match="holds 11 files; at most 10"):
        expanded(tmp_path, path)


def test_a_bomb_is_refused_by_its_ratio(tmp_path):
    path = archive(tmp_path, [("bomb", bytes(9_000_000))])
    assert path.stat().st_size < 20_000
    with pytest.raises(Unsupported, match="inflates to more"):
        expanded(tmp_path, path)


def test_all_that_comes_out_is_counted_together(tmp_path):
    path = archive(tmp_path, [("a", b"x" * 600), ("b", b"y" * 600)], compression=zipfile.ZIP_STORED)
    with pytest.raises(Unsupported, match="inflates to more"):
        expanded(tmp_path, path, total_bytes=1000)


def test_a_file_that_is_too_large_is_refused_alone_whatever_the_directory_says(tmp_path):
    path = archive(tmp_path, [("large", b"x" * 3000), ("small", b"y")], compression=zipfile.ZIP_STORED)
    large, small = expanded(tmp_path, path, file_bytes=2000)
    assert (large["status"], large["reason"]) == ("unsupported", "larger than 2000 bytes")
    assert "file" in small
    assert not (tmp_path / "out" / "0").exists()


def test_an_archive_in_an_archive_is_refused_alone(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as target:
        target.writestr("a", b"x")
    nested, plain = expanded(tmp_path, archive(tmp_path, [("inner.zip", inner.getvalue()), ("a", b"x")]))
    assert "expand it first" in nested["reason"]
    assert "file" in plain


def test_overlapping_entries_do_not_multiply(tmp_path):
    """A directory that names one entry again and again (Fifield, WOOT 2019) inflates no further than is taken."""
    path = archive(tmp_path, [("a", bytes(400_000))])
    with zipfile.ZipFile(path, "a") as target:
        target.filelist += [target.filelist[0]] * 8
        target._didModify = True
    with pytest.raises(Unsupported, match="inflates to more"):
        expanded(tmp_path, path)


@pytest.mark.skipif(shutil.which("zip") is None, reason="the program zip, which encrypts, is absent")
def test_what_is_encrypted_is_refused_alone(tmp_path):
    (tmp_path / "film").write_bytes(b"secret")
    subprocess.run(["zip", "-q", "-P", "word", "encrypted.zip", "film"], cwd=tmp_path, check=True)
    (only,) = expanded(tmp_path, tmp_path / "encrypted.zip")
    assert "without a password" in only["reason"]


def test_another_method_than_deflate_is_refused_alone(tmp_path):
    (only,) = expanded(tmp_path, archive(tmp_path, [("a", b"x" * 100)], compression=zipfile.ZIP_LZMA))
    assert "another method" in only["reason"]


def test_what_is_no_archive_is_corrupt(tmp_path):
    (tmp_path / "archive").write_bytes(b"PK\x03\x04 and nothing of the kind")
    with pytest.raises(Corrupt):
        expanded(tmp_path, tmp_path / "archive")


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
def test_broken_archives_are_rejected_or_read_and_nothing_else(tmp_path, draw):
    data = bytearray(archive(tmp_path, [("a", b"x" * 200), ("b", b"y" * 50)]).read_bytes())
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    (tmp_path / "archive").write_bytes(bytes(data))
    with contextlib.suppress(ImageRejected):
        expanded(tmp_path, tmp_path / "archive")
