"""Weights files of Keras 2 and 3, with and without more than the backbone: every layer gets its own, or none does."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tf_keras

from data_schemas.errors import WeightsError
from models.weight_files import assign_weights, read_layers


def backbone(library: Any) -> Any:
    """Returns a network of Keras (3) or tf_keras (2), named as each names the same, with weights that all differ."""
    slash = "/" if library is tf_keras else "_"
    image = library.Input((16, 16, 3))
    x = library.layers.Conv2D(4, 3, name=f"conv1{slash}conv", use_bias=False)(image)
    x = library.layers.BatchNormalization(name="Conv/BatchNorm" if library is tf_keras else "conv_bn")(x)
    x = library.layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = library.layers.SeparableConv2D(5, 3, name="separable")(x)
    x = library.layers.BatchNormalization(scale=False)(x)  # named by a counter
    model = library.Model(image, x)
    generator = np.random.default_rng(3)
    model.set_weights([generator.random(value.shape, np.float32) for value in model.get_weights()])
    return model


def with_top(library: Any, model: Any) -> Any:
    pooled = library.layers.GlobalAveragePooling2D()(model.output)
    return library.Model(model.input, library.layers.Dense(14, name="predictions")(pooled))


def inside(library: Any, model: Any) -> Any:
    return library.Sequential([model, library.layers.GlobalMaxPooling2D(), library.layers.Dense(3)])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files with the same weights in them, by what wrote them."""
    folder = tmp_path_factory.mktemp("weights")
    two, three = backbone(tf_keras), backbone(keras)
    written = {
        "weights of Keras 2": (two.save_weights, "two.h5"),
        "weights of Keras 2 with a top": (with_top(tf_keras, two).save_weights, "two_top.h5"),
        "model of Keras 2 with a top": (with_top(tf_keras, two).save, "two_model.h5"),
        "model of Keras 2 that holds it": (inside(tf_keras, two).save, "two_inside.h5"),
        "weights of Keras 3": (three.save_weights, "three.weights.h5"),
        "weights of Keras 3 with a top": (with_top(keras, three).save_weights, "three_top.weights.h5"),
        "model of Keras 3 with a top": (with_top(keras, three).save, "three_top.keras"),
        "model of Keras 3 that holds it": (inside(keras, three).save, "three_inside.keras"),
        "HDF5 model of Keras 3 that holds it": (inside(keras, three).save, "three_inside.h5"),
    }
    for save, name in written.values():
        save(str(folder / name))
    return {what: folder / name for what, (_, name) in written.items()}


KINDS = (
    "weights of Keras 2",
    "weights of Keras 2 with a top",
    "model of Keras 2 with a top",
    "model of Keras 2 that holds it",
    "weights of Keras 3",
    "weights of Keras 3 with a top",
    "model of Keras 3 with a top",
    "model of Keras 3 that holds it",
    "HDF5 model of Keras 3 that holds it",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore::UserWarning")  # both Keras warn that HDF5 is their old format
def test_every_layer_gets_its_weights(kind: str, files: dict[str, Path]) -> None:
    model = backbone(keras)
    model.set_weights([value * 0 for value in model.get_weights()])
    assign_weights(model, files[kind])
    for ours, theirs in zip(model.get_weights(), backbone(keras).get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def small(*, names: tuple[str | None, ...] = ("first", "second"), size: int = 3) -> keras.Model:
    image = keras.Input((8, 8, 3))
    x = image
    for name in names:
        x = keras.layers.Conv2D(3, size, padding="same", name=name)(x)
    model = keras.Model(image, x)
    generator = np.random.default_rng(len(names) + size)
    model.set_weights([generator.random(value.shape, np.float32) for value in model.get_weights()])
    return model


def test_layers_without_a_name_are_matched_by_their_order(tmp_path: Path) -> None:
    theirs, ours = small(names=(None, None)), small(names=(None, None))
    ours.set_weights([value * 0 for value in ours.get_weights()])
    assert [layer.name for layer in theirs.layers[1:]] != [layer.name for layer in ours.layers[1:]]
    theirs.save_weights(tmp_path / "x.weights.h5")
    assign_weights(ours, tmp_path / "x.weights.h5")
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (("first", "third"), r"lacks 1 of the 2 layers with weights: second \(it has first, third"),
        (("third",), "lacks 2 of the 2 layers with weights: first, second"),
    ],
)
def test_a_missing_layer_is_named_and_nothing_is_loaded(stored: tuple[str, ...], said: str, tmp_path: Path) -> None:
    small(names=stored).save_weights(tmp_path / "x.weights.h5")
    ours = small()
    before = ours.get_weights()
    with pytest.raises(WeightsError, match=said):
        assign_weights(ours, tmp_path / "x.weights.h5")
    for one, other in zip(ours.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_shape_is_told_and_nothing_is_loaded(tmp_path: Path) -> None:
    small(size=5).save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(
        WeightsError, match=r"layer first has the shapes 5x5x3x3, 3 in x\.weights\.h5 and 3x3x3x3, 3 in"
    ):
        assign_weights(small(), tmp_path / "x.weights.h5")


def test_two_layers_of_one_name_are_refused(tmp_path: Path) -> None:
    image = keras.Input((8, 8, 3))
    keras.Model(image, [small()(image), small()(image)]).save_weights(tmp_path / "x.weights.h5")
    with pytest.raises(WeightsError, match="has 2 layers first: give a file with one backbone"):
        assign_weights(small(), tmp_path / "x.weights.h5")


def test_a_published_file_with_former_names_is_matched_by_order(tmp_path: Path) -> None:
    theirs, ours = backbone(tf_keras), backbone(keras)
    theirs.layers[1]._name = "block0_conv"
    theirs.save_weights(str(tmp_path / "x.h5"))
    with pytest.raises(WeightsError, match="lacks 1 of the 5 layers with weights: conv1_conv"):
        assign_weights(ours, tmp_path / "x.h5")
    ours.set_weights([value * 0 for value in ours.get_weights()])
    assign_weights(ours, tmp_path / "x.h5", published=True)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_published_file_of_another_network_is_refused(tmp_path: Path) -> None:
    with_top(tf_keras, backbone(tf_keras)).save_weights(str(tmp_path / "x.h5"))
    with pytest.raises(WeightsError, match="lacks 2 of the 2"):
        assign_weights(small(), tmp_path / "x.h5", published=True)


def test_names_of_more_than_64_kilobytes_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.attrs["layer_names0"], file.attrs["layer_names1"] = [b"first"], [b"second"]
        for name in ("first", "second"):
            file.create_group(name).attrs["weight_names"] = [f"{name}/kernel:0".encode()]
            file[name].create_dataset(f"{name}/kernel:0", data=np.ones((1, 2)))
    assert [(name, values[0].shape) for name, values in read_layers(tmp_path / "x.h5")] == [
        ("first", (1, 2)),
        ("second", (1, 2)),
    ]


def damaged(kind: str, folder: Path) -> Path:
    path = folder / "x.h5"
    if kind == "text":
        path.write_text("no weights")
    elif kind == "no layer":
        h5py.File(path, "w").close()
    elif kind == "another zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "no weights")
    elif kind == "no names":
        with h5py.File(path, "w") as file:
            file.create_group("layers/conv2d/vars").create_dataset("0", data=np.ones(3))
    else:
        small().save_weights(folder / "whole.weights.h5")
        path.write_bytes((folder / "whole.weights.h5").read_bytes()[:3000])
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("text", "cannot be read as weights"),
        ("no layer", "has no layer with weights"),
        ("another zip", "cannot be read as weights.*There is no item named"),
        ("no names", "save it again with Keras 3.9"),
        ("cut off", "cannot be read as weights"),
    ],
)
def test_a_file_that_is_none_says_so(kind: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=said):
        assign_weights(small(), damaged(kind, tmp_path))
