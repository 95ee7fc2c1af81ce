"""The network of a task: backbone, pooling and head, kept apart so that Grad-CAM can look between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras

from data_schemas.task import Task
from models.backbones import Backbone, backbone_row, load_builder
from models.fused_batch_norm import fuse_batch_norms
from models.input_layers import match_channels, scale
from models.weight_files import assign_weights, leaves


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
        layers = [layer for layer in leaves(self.features) if layer.weights]
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
        WeightsError: the file does not fit the backbone.
    """
    keras.utils.set_random_seed(task.training.seed)
    row = backbone_row(task.model, size=task.image.size)
    image = keras.Input((*task.image.size, task.channels), name="image")
    backbone = _build_backbone(row, task, channels=row.channels or task.channels)
    if weights is not None:
        published = weights.name == row.weights_url(task.model.alpha).rpartition("/")[2]
        assign_weights(backbone, weights, published=published)
    else:  # pretrained statistics stay as they are, and there is nothing to fuse
        backbone = fuse_batch_norms(backbone)
    scaled = scale(match_channels(image, row.channels), task.model.scaling or row.scaling)
    features = keras.Model(image, _cut(backbone, row.feature_map)(scaled), name="features")
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


def _cut(backbone: keras.Model, feature_map: str) -> keras.Model:
    """Returns a backbone up to the layer of its last feature map: VGG has a pooling behind it."""
    if feature_map not in {layer.name for layer in backbone.layers[:-1]}:
        return backbone
    return keras.Model(backbone.input, backbone.get_layer(feature_map).output, name=backbone.name)


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
