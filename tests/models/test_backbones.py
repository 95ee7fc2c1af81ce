"""Every row of the table: against Keras' own network and files, and from building to a served explanation."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import keras
import numpy as np
import pytest
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
import tf_keras
from tensorflow_transform.tf_metadata.dataset_metadata import DatasetMetadata

from data_schemas.description import Calibration, ModelDescription
from data_schemas.errors import ConfigurationError
from data_schemas.schema import build_schema
from data_schemas.task import Model, Task
from data_schemas.task_file import task_to_json
from imaging.canonical import encode_png
from imaging.example import serving_examples
from models.backbones import BACKBONES, backbone_row, load_builder
from models.export import export_model
from models.network import Network, build_network
from models.preprocessing import preprocessing_fn
from models.scope import fit_scope
from models.split_data import SplitData
from models.weight_files import leaves
from serving.server.servable import Servable
from tests.models.tasks import demo_task

ALWAYS = ("mobilenet",)
"""What `make test` serves: one that is traced quickly. `make test-backbones` serves all, each run of the pipeline
small_cnn."""
PUBLISHED = [name for name, row in BACKBONES.items() if row.weights_file]


def cases(names: Any, *, always: tuple[str, ...] = ALWAYS) -> list[Any]:
    return [pytest.param(name, marks=() if name in always else pytest.mark.backbones) for name in names]


def smallest_task(name: str) -> Task:
    """Returns a task with a backbone of its smallest width on images of its smallest side, 32 pixels at least."""
    row = BACKBONES[name]
    side = max(32, row.min_side)
    alpha = min((alpha for alpha, _ in row.alphas), default=None)
    model = {"backbone": name, "alpha": alpha, "weights": "none", "hidden": ()}
    return demo_task(image={"size": (side, side), "max_side": 96}, model=model)


def images(task: Task, count: int = 4) -> np.ndarray:
    return np.random.default_rng(1).random((count, *task.image.size, 1), np.float32)


def keras_function(name: str) -> str:
    """Returns the name of a row's function in keras.applications."""
    function = BACKBONES[name].build.partition(":")[2]
    return function.replace("build_b", "EfficientNetB")


def arguments(task: Task) -> dict[str, Any]:
    alpha = {} if task.model.alpha is None else {"alpha": task.model.alpha}
    return {"input_shape": (*task.image.size, 3), "include_top": False, **alpha}


def vary_weights(model: Any) -> None:
    """Gives every weight a value of its own, kernels as they are and the others near 1, so that signals survive."""
    generator = np.random.default_rng(2)
    model.set_weights(
        [
            value if value.ndim > 1 else (0.9 + 0.2 * generator.random(value.shape)).astype(value.dtype)
            for value in model.get_weights()
        ]
    )


def up_to(library: Any, model: Any, layer: str) -> Any:
    known = {one.name for one in model.layers}
    return library.Model(model.input, model.get_layer(layer).output) if layer in known else model


def preprocessed(library: Any, function: str, task: Task) -> np.ndarray:
    """Returns what keras.applications feeds its network: three equal channels of 0..255, preprocessed its way."""
    color = np.repeat(images(task), 3, axis=-1) * 255.0
    module = sys.modules[inspect.getmodule(inspect.unwrap(getattr(library.applications, function))).__name__]
    return module.preprocess_input(color)


def assert_features_equal(ours: Any, theirs: Any) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert np.abs(theirs).max() > 1e-6
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max())


@pytest.mark.filterwarnings("ignore:`input_shape` is undefined:UserWarning")  # of weights for 224 pixels, as ours
@pytest.mark.parametrize("name", cases(PUBLISHED, always=("mobilenet", "efficientnet_b0")))
def test_imagenet_weights_give_the_features_of_keras_own_network(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, task, function = BACKBONES[name], smallest_task(name), keras_function(name)
    wanted = []
    builder = getattr(keras.applications, function)
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda _, origin, **__: wanted.append(origin))
    with monkeypatch.context() as patch:
        patch.setattr("keras.Model.load_weights", lambda *_, **__: None)
        theirs = builder(weights="imagenet", **arguments(task))
    assert wanted == [row.weights_url(task.model.alpha)]
    vary_weights(theirs)
    theirs.save_weights(tmp_path / "own.weights.h5")
    network = build_network(task, weights=tmp_path / "own.weights.h5")
    expected = up_to(keras, theirs, row.feature_map)(preprocessed(keras, function, task), training=False)
    assert_features_equal(network.features(images(task), training=False), expected)


@pytest.mark.parametrize("name", cases(PUBLISHED, always=("mobilenet",)))
def test_a_file_of_keras_2_gives_the_features_of_keras_2(name: str, tmp_path: Path) -> None:
    row, task, function = BACKBONES[name], smallest_task(name), keras_function(name)
    theirs = getattr(tf_keras.applications, function)(weights=None, **arguments(task))
    vary_weights(theirs)
    theirs.save_weights(str(tmp_path / "two.h5"))
    network = build_network(task, weights=tmp_path / "two.h5")
    if row.build.startswith("models.efficientnet"):  # Keras 2 leaves a scaling out, too, as long as weights=None
        return
    expected = up_to(tf_keras, theirs, row.feature_map)(preprocessed(tf_keras, function, task), training=False)
    assert_features_equal(network.features(images(task), training=False), expected)


@pytest.fixture(scope="module")
def transform_graph(tmp_path_factory: pytest.TempPathFactory) -> Callable[[tuple[int, int]], tft.TFTransformOutput]:
    """Gives what the Transform step would write for images of a size: without analyzers it needs no data."""

    @cache
    def written(size: tuple[int, int]) -> tft.TFTransformOutput:
        task, folder = demo_task(image={"size": size, "max_side": 96}), tmp_path_factory.mktemp("transform")
        function = partial(preprocessing_fn, custom_config={"task": task_to_json(task)})
        metadata = DatasetMetadata(build_schema(task))
        with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
            nothing = pipeline | beam.Create([])
            transform = (nothing, metadata) | tft_beam.AnalyzeDataset(function)
            transform | tft_beam.WriteTransformFn(str(folder))
            metadata | tft_beam.WriteMetadata(str(folder / "metadata"), pipeline)
        return tft.TFTransformOutput(str(folder))

    return written


@pytest.mark.parametrize("name", cases(BACKBONES))
def test_a_backbone_trains_is_served_and_explains(
    name: str, tmp_path: Path, transform_graph: Callable[[tuple[int, int]], tft.TFTransformOutput]
) -> None:
    task = smallest_task(name)
    network = build_network(task, weights=None)
    last = [layer.name for layer in leaves(network.features)][-1]
    assert last == BACKBONES[name].feature_map or not BACKBONES[name].feature_map
    example, seen = served_example(task)
    train_one_step(network, task, np.concatenate([seen, images(task, 3)]))
    export(network, task, transform=transform_graph(task.image.size), folder=tmp_path / "model")
    servable = Servable.load(tmp_path / "model")
    try:
        logits = np.asarray(network.model(seen, training=False))
        served = servable.run("serving_default", {"inputs": example})
        # Networks that have hardly been trained magnify what two graphs round differently.
        np.testing.assert_allclose(served["raw_scores"], logits, atol=1e-3 * np.abs(logits).max() + 1e-5)
        for signature in ("explain", "explain_integrated_gradients"):
            heatmap = servable.run(signature, {"inputs": example, "label": np.array([1], np.int64)})["heatmap"]
            assert heatmap.shape == (1, *task.image.size)
            assert np.isfinite(heatmap).all() and heatmap.min() >= 0 and heatmap.max() <= 1
    finally:
        servable.close()


def train_one_step(network: Network, task: Task, batch: np.ndarray) -> None:
    """Fits to four images. One of them is served later: batch statistics of so few fit no other image."""
    first = next(layer for layer in leaves(network.features) if layer.trainable_variables)
    for layer in leaves(network.features):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0  # statistics of this batch: those of no image let a deep network's values overflow
    before = first.get_weights()[0]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.model.compile(keras.optimizers.SGD(1e-3, global_clipnorm=1.0), loss=loss, run_eagerly=True)
    assert np.isfinite(network.model.train_on_batch(batch, np.array([0, 1, 2, 0])))
    assert all(np.isfinite(weight).all() for weight in network.model.get_weights())
    assert (first.get_weights()[0] != before).any()
    for layer in leaves(network.features):
        if isinstance(layer, keras.layers.BatchNormalization):
            # Four images hardly differ where maps are small; divided by so little, every rounding would be magnified.
            layer.moving_variance.assign(np.maximum(layer.moving_variance.numpy(), 1.0))


def export(network: Network, task: Task, *, transform: tft.TFTransformOutput, folder: Path) -> None:
    labels = task.labels.names
    description = ModelDescription(
        task=task,
        operating_points=dict.fromkeys(labels, 0.5),
        prevalence=dict.fromkeys(labels, 1 / len(labels)),
        calibration=Calibration.identity(len(labels)),
        radflow_version="0",
    )
    names = tuple(map(str, range(16)))
    scope = fit_scope(network, SplitData(images(task, 16), np.zeros(16, np.int64), names, names), seed=1)
    export_model(network, transform, description=description, scope=scope, folder=folder)


def served_example(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Returns a request of one image of the task's size, which is not resized, and what the network sees of it."""
    pixels = np.random.default_rng(4).integers(0, 65536, task.image.size).astype(np.uint16)
    pixels.flat[:2] = 0, 65535
    (example,) = serving_examples(encode_png(pixels), task=task)
    return np.array([example.serialized], object), (pixels / 65535).astype(np.float32)[None, ..., None]


@pytest.mark.parametrize("name", [name for name, row in BACKBONES.items() if row.channels])
def test_the_smallest_side_is_keras_own(name: str) -> None:
    row = BACKBONES[name]
    given = {"include_top": False, "weights": None} if row.build.startswith("keras") else {}
    with pytest.raises(ValueError, match="at least"):
        load_builder(row)(input_shape=(row.min_side - 1, 200, 3), **given)
    model = Model(backbone=name, weights="none")
    with pytest.raises(ConfigurationError, match=f"too small for {name}.*at least {row.min_side} rows"):
        backbone_row(model, size=(200, row.min_side - 1))
    assert backbone_row(model, size=(row.min_side, row.min_side)) is row


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Model(backbone="alexnet"), "unknown; choose one of"),
        (Model(backbone="mobilenet", alpha=0.3), "allowed: 0.25, 0.5, 0.75, 1"),
        (Model(backbone="resnet50", alpha=0.5), "none: leave the line out"),
        (Model(backbone="small_cnn", weights="imagenet"), "no ImageNet weights"),
        (Model(backbone="efficientnet_b0", scaling="tf"), "scales its input by itself"),
    ],
)
def test_a_model_that_cannot_be_built_says_why(model: Model, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        backbone_row(model, size=(224, 224))


def test_weights_trained_on_another_scale_are_given_it() -> None:
    task = demo_task(image={"size": (32, 32)}, model={"backbone": "mobilenet", "alpha": 0.25, "weights": "none"})
    caffe = task.model_copy(update={"model": task.model.model_copy(update={"scaling": "caffe"})})
    names = [{layer.name for layer in build_network(one, weights=None).features.layers} for one in (task, caffe)]
    assert "scale_tf" in names[0] and "scale_caffe" in names[1]


def test_the_document_shows_the_table() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if line.startswith("| ") and line.split()[1] in BACKBONES and line.count("|") == 8]
    assert shown == [documented(name) for name in BACKBONES]


def documented(name: str) -> str:
    """Returns a row as docs/backbones.md shows it."""
    row = BACKBONES[name]
    widths = ", ".join(f"{alpha:g}" for alpha, _ in row.alphas)
    precision = row.cpu_precision if row.cpu_precision != "float32" else ""
    on_a_cpu = ", ".join(filter(None, ("XLA" if row.jit_compile else "", precision)))
    cells = (name, row.scaling, row.feature_map, str(row.min_side), widths, on_a_cpu, row.licence)
    return "| " + " | ".join(cells) + " |"
