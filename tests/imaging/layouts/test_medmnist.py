from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from data_schemas.errors import ManifestError
from imaging.layouts.medmnist import medmnist
from imaging.layouts.table import read_layout
from imaging.layouts.write import write_manifest
from imaging.manifest import read_manifest

SPLITS = ("train", "val", "test")


def arrays(path, *, shape=(28, 28), labels=((0,), (1,)), compressed=True, dtype=np.uint8):
    """Writes a file as MedMNIST has it: six arrays, images that count up and labels of one or more columns."""
    count = len(labels)
    made = {}
    for number, split in enumerate(SPLITS):
        size = int(np.prod((count, *shape)))
        made[f"{split}_images"] = (np.arange(size) + number).astype(dtype).reshape((count, *shape))
        made[f"{split}_labels"] = np.array(labels, np.uint8)
    (np.savez_compressed if compressed else np.savez)(path, **made)
    return made


def test_images_are_written_as_png_and_read_on(tmp_path, chest_task):
    made = arrays(tmp_path / "pneumoniamnist.npz")
    found = read_layout("medmnist", tmp_path, {"write_images": tmp_path / "images"})
    write_manifest(found.rows, tmp_path / "manifest.csv")
    labels = chest_task.labels.model_copy(update={"names": ("normal", "pneumonia"), "no_finding": "normal"})
    rows = read_manifest(tmp_path / "manifest.csv", chest_task.model_copy(update={"labels": labels})).rows
    assert [row.label for row in rows] == ["normal", "pneumonia"] * 3
    for row, image in zip(rows, np.concatenate([made[f"{split}_images"] for split in SPLITS]), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(row.file)), image)


def test_each_image_is_a_study_of_its_own_and_that_is_said(tmp_path):
    arrays(tmp_path / "pneumoniamnist_224.npz")
    found = medmnist(tmp_path / "pneumoniamnist_224.npz", write_images=tmp_path / "images")
    assert len({row["study_id"] for row in found.rows}) == 6
    assert "patient_id" not in found.rows[0] and "split" not in found.rows[0]
    assert "no patient ids" in found.notes[0]


def test_the_published_split_calls_val_eval(tmp_path):
    arrays(tmp_path / "a.npz")
    rows = medmnist(tmp_path, write_images=tmp_path / "images", official_split=True).rows
    assert [row["split"] for row in rows] == ["train", "train", "eval", "eval", "test", "test"]
    assert [row["label"] for row in rows][:2] == ["0", "1"]  # a set that is not known


def test_colours_stay_in_their_order(tmp_path):
    made = arrays(tmp_path / "bloodmnist.npz", shape=(28, 28, 3), labels=((7,), (0,)), compressed=False)
    rows = medmnist(tmp_path, write_images=tmp_path / "images").rows
    assert [row["label"] for row in rows[:2]] == ["platelet", "basophil"]
    np.testing.assert_array_equal(np.asarray(Image.open(rows[0]["file"])), made["train_images"][0])


def test_several_findings_become_columns(tmp_path):
    labels = ((0,) * 14, (1,) + (0,) * 12 + (1,))
    arrays(tmp_path / "chestmnist.npz", labels=labels)
    rows = medmnist(tmp_path, write_images=tmp_path / "images").rows
    assert (rows[1]["atelectasis"], rows[1]["edema"], rows[1]["hernia"]) == ("1", "0", "1")
    assert "label" not in rows[1]


@pytest.mark.parametrize(
    ("shape", "dtype", "said"), [((28, 28, 28), np.uint8, "2x28x28x28 uint8"), ((8, 8), np.float32, "float32")]
)
def test_volumes_and_other_numbers_are_refused(tmp_path, shape, dtype, said):
    arrays(tmp_path / "organmnist3d.npz", shape=shape, dtype=dtype)
    with pytest.raises(ManifestError, match=said):
        medmnist(tmp_path, write_images=tmp_path / "images")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK")
    with pytest.raises(ManifestError, match="cannot be read as arrays"):
        medmnist(tmp_path, write_images=tmp_path / "images")
    np.savez(tmp_path / "a.npz", images=np.zeros(3))
    with pytest.raises(ManifestError, match="cannot be read as arrays"):
        medmnist(tmp_path, write_images=tmp_path / "images")
    (tmp_path / "b.npz").touch()
    with pytest.raises(ManifestError, match=r"looked for one \.npz file"):
        medmnist(tmp_path, write_images=tmp_path / "images")


def test_damaged_archives_are_refused(tmp_path):
    arrays(tmp_path / "a.npz")
    intact = (tmp_path / "a.npz").read_bytes()
    draw = random.Random(7)
    refused = 0
    for number in range(60):
        damaged = bytearray(intact)
        for _ in range(8):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        (tmp_path / "a.npz").write_bytes(damaged)
        try:
            medmnist(tmp_path, write_images=tmp_path / f"images_{number}")
        except ManifestError:
            refused += 1
    assert refused > 30


def test_a_folder_that_has_files_is_not_written_into(tmp_path):
    arrays(tmp_path / "a.npz")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "mine.png").touch()
    with pytest.raises(ManifestError, match="not empty"):
        medmnist(tmp_path, write_images=tmp_path / "images")
