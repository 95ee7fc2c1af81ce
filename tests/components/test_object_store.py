"""Publishing on a mounted bucket: what is one, saved_model.pb last, and a kill that leaves no model."""

from __future__ import annotations

import shutil
from pathlib import Path
from unittest.mock import patch

import pytest

from components.pusher import object_store
from components.pusher.object_store import renames_folders
from components.pusher.publish import publish
from data_schemas.digests import check_digests
from data_schemas.models_config import write_models_config
from data_schemas.served_folder import newest_version

MOUNTS = r"""
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
40 22 0:50 / /buckets/a rw,nosuid shared:20 - fuse.gcsfuse bucket-a rw,user_id=0
41 22 0:51 / /buckets/with\040space rw shared:21 - fuse s3fs rw
42 40 254:2 / /buckets/a/disk rw shared:22 - xfs /dev/vdb rw
43 22 8:17 / /usb rw shared:23 - fuseblk /dev/sdb1 rw
"""


@pytest.mark.parametrize(
    ("path", "renames"),
    [
        ("/home/output/serving", True),
        ("/buckets/a/serving/chest", False),
        ("/buckets/a", False),
        ("/buckets/with space/serving", False),
        ("/buckets/ab", True),
        ("/buckets/a/disk/serving", True),
        ("/usb/serving", True),
    ],
)
def test_what_is_mounted_through_fuse_is_a_bucket(tmp_path: Path, path: str, renames: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert renames_folders(Path(path), mounts) is renames


def test_where_the_system_does_not_say_everything_renames(tmp_path: Path) -> None:
    assert renames_folders(tmp_path, tmp_path / "nothing") is True


def model(folder: Path, content: str) -> Path:
    (folder / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "zz_after.txt", "variables/variables.index"):
        (folder / name).write_text(content)
    return folder


def test_saved_model_pb_is_written_last_and_the_version_is_whole(tmp_path: Path) -> None:
    written = []

    def copyfile(source: Path, target: Path) -> None:
        assert not (tmp_path / "served" / "1" / "saved_model.pb").exists()
        written.append(target.name)
        shutil.copy(source, target)

    with patch.object(object_store, "copyfile", copyfile):
        version = publish(
            model(tmp_path / "model", "a"), tmp_path / "served", {"evaluation.json": b"{}"}, renames=False
        )
    assert written[-1] == "saved_model.pb" and len(written) == 5
    assert check_digests(version) is True
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["1"]


def test_a_kill_leaves_no_model_and_the_next_push_takes_its_number(tmp_path: Path) -> None:
    served = tmp_path / "serving" / "chest"
    publish(model(tmp_path / "first", "a"), served, {}, renames=False)
    second = model(tmp_path / "second", "b")

    def killed(source: Path, target: Path) -> None:
        if target.name == "saved_model.pb":
            raise KeyboardInterrupt
        shutil.copy(source, target)

    with patch.object(object_store, "copyfile", killed), pytest.raises(KeyboardInterrupt):
        publish(second, served, {}, renames=False)
    assert (served / "2" / "zz_after.txt").exists() and not (served / "2" / "saved_model.pb").exists()
    write_models_config(tmp_path / "serving")
    assert "versions: 2" not in (tmp_path / "serving" / "models.config").read_text()
    assert publish(second, served, {}, renames=False) == served / "2"
    assert (served / "2" / "saved_model.pb").read_text() == "b" and check_digests(served / "2") is True
    assert sorted(path.name for path in served.iterdir()) == ["1", "2"]


@pytest.mark.parametrize("renames", [True, False])
def test_a_half_written_version_that_stays_loses_its_number_alone(tmp_path: Path, renames: bool) -> None:
    served = tmp_path / "serving" / "chest"
    publish(model(tmp_path / "first", "a"), served, {}, renames=renames)
    (served / "2" / "variables").mkdir(parents=True)
    with patch.object(object_store, "rmtree", lambda *_, **__: None):
        version = publish(model(tmp_path / "second", "b"), served, {}, renames=renames)
    assert version == served / "3" and check_digests(version) is True
    assert publish(tmp_path / "second", served, {}, renames=renames) == version


def test_a_model_that_is_served_keeps_its_version_beside_a_half_written_one(tmp_path: Path) -> None:
    served = tmp_path / "serving" / "chest"
    publish(model(tmp_path / "first", "a"), served, {}, renames=False)
    (served / "2" / "variables").mkdir(parents=True)
    assert newest_version(served) == served / "1", "which Champion compares with"
    assert publish(tmp_path / "first", served, {}, renames=False) == served / "1"
    assert [path.name for path in served.iterdir()] == ["1"]
