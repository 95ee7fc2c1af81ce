"""The network of a task: backbone, pooling and head, kept apart so that Grad-CAM can look between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import keras

from data_schemas.errors import WeightsError
from data_schemas.task import Task
from models.backbones import Backbone, backbone_row, load_builder

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STANDARD_DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Network:
    """One network in three views that share their weights.

    Attributes:
        model: image float32 (n, rows, columns, channels), 0..1, to logits float32 (n, labels).
        features: the same image to the last feature map (n, rows', columns', filters).
        head: the last feature map to the logits.
        pretrained: the backbone started from pretrained weights.
        jit_compile: XLA helps this backbone on a CPU.
    """

    model: keras.Model
    features: keras.Model
    head: keras.Model
    pretrained: bool
    jit_compile: bool

    def set_backbone_trainable(self, trainable: bool, *, share: float = 1.0) -> None:
        """Freezes or frees the backbone; a pretrained one keeps its BatchNorm statistics either way.

        Small batches of one hospital's images would spoil statistics learnt from a million photographs.

        Args:
            trainable: whether it is fitted.
            share: share of its layers with weights, counted from the top, that are.
        """
        self.features.trainable = trainable
        layers = [layer for layer in _leaves(self.features) if layer.weights]
        frozen = round((1.0 - share) * len(layers))
        for place, layer in enumerate(layers):
            settled = self.pretrained and isinstance(layer, keras.layers.BatchNormalization)
            # A model passes the flag on to the layers in it, but not to those in a model in it.
            layer.trainable = trainable and place >= frozen and not settled


def build_network(task: Task, *, weights: Path | None) -> Network:
    """Returns the network that a task describes.

    Args:
        task: the task; its `image`, `intensity`, `labels` and `model` sections matter here.
        weights: the pretrained weights' file, or None for random ones.

    Raises:
        ConfigurationError: the model section cannot be built.
    """
    keras.utils.set_random_seed(task.training.seed)
    row = backbone_row(task.model, channels=task.channels)
    image = keras.Input((*task.image.size, task.channels), name="image")
    backbone = _build_backbone(row, task, channels=row.channels or task.channels)
    if weights is not None:
        _load_weights(backbone, weights, name=task.model.backbone)
    features = keras.Model(image, backbone(_scale(_match_channels(image, row.channels), row.scaling)), name="features")
    head = _build_head(features.output.shape[1:], task)
    model = keras.Model(image, head(features(image)), name=task.name)
    return Network(
        model=model, features=features, head=head, pretrained=weights is not None, jit_compile=row.jit_compile
    )


def _build_backbone(row: Backbone, task: Task, *, channels: int) -> keras.Model:
    arguments: dict[str, object] = {"input_shape": (*task.image.size, channels)}
    if row.build.startswith("keras.applications:"):
        arguments |= {"include_top": False, "weights": None}
    if task.model.alpha is not None:
        arguments["alpha"] = task.model.alpha
    backbone: keras.Model = load_builder(row)(**arguments)
    return backbone


def _load_weights(backbone: keras.Model, weights: Path, *, name: str) -> None:
    try:
        backbone.load_weights(str(weights))
    except (ValueError, OSError) as error:
        raise WeightsError(
            f"the weights {weights.name} do not fit the backbone {name}: name the file made for it (without top, of "
            "the same alpha), or write `imagenet` or `none`"
        ) from error


def _build_head(shape: tuple[int, ...], task: Task) -> keras.Model:
    feature_map = keras.Input(shape, name="feature_map")
    pool = keras.layers.GlobalAveragePooling2D if task.model.pooling == "avg" else keras.layers.GlobalMaxPooling2D
    x = pool(name="pool")(feature_map)
    for index, width in enumerate(task.model.hidden):
        x = keras.layers.Dropout(task.model.dropout, name=f"dropout_{index}")(x)
        x = keras.layers.Dense(width, activation="relu", name=f"hidden_{index}")(x)
    x = keras.layers.Dropout(task.model.dropout, name="dropout")(x)
    logits = keras.layers.Dense(len(task.labels.names), dtype="float32", name="logits")(x)
    return keras.Model(feature_map, logits, name="head")


def _match_channels(image: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    if channels and image.shape[-1] == 1 and channels > 1:
        return keras.layers.Concatenate(name="gray_to_color")([image] * channels)
    return image


def _scale(image: keras.KerasTensor, scaling: str) -> keras.KerasTensor:
    """Scales an image in 0..1 as keras.applications' `preprocess_input` of the same mode would."""
    if scaling == "unit":
        return image
    if scaling == "tf":
        return keras.layers.Rescaling(2.0, offset=-1.0, name="scale_tf")(image)
    if scaling == "torch":
        mean, deviation = _IMAGENET_MEAN, _IMAGENET_STANDARD_DEVIATION
        return keras.layers.Normalization(
            axis=-1, mean=list(mean), variance=[value**2 for value in deviation], name="scale_torch"
        )(image)
    bgr_mean = [103.939, 116.779, 123.68]
    return keras.layers.Normalization(axis=-1, mean=bgr_mean, variance=[1.0] * 3, name="scale_caffe")(
        keras.layers.Rescaling(255.0, name="to_255")(image[..., ::-1])
    )


def _leaves(layer: keras.Layer) -> Iterator[keras.Layer]:
    """Yields the layers that contain no others, from the image to the features."""
    children = getattr(layer, "layers", None)
    if children is None:
        yield layer
    for child in children or ():
        yield from _leaves(child)
