"""The SavedModel and its signatures: the contract between the pipeline, TensorFlow Serving and every client.

Every input and output has the batch as dimension 0, because TensorFlow Serving's batching splits along it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from data_schemas import features
from data_schemas.description import ModelDescription
from models.decision_graph import DecisionGraph
from models.explanations import integrated_gradients, layer_cam
from models.network import Network
from models.scope import ScopeModel, out_of_scope_score

_STRINGS = tf.TensorSpec([None], tf.string, name="inputs")
_LABEL = tf.TensorSpec([None], tf.int64, name="label")


def export_model(
    network: Network,
    transform: tft.TFTransformOutput,
    *,
    description: ModelDescription,
    scope: ScopeModel,
    folder: Path,
) -> None:
    """Writes the network, the Transform graph and the description as a SavedModel that TensorFlow Serving loads.

    Args:
        network: the fitted network.
        transform: the output of the Transform step; its graph becomes part of every signature that takes images.
        description: what `describe` answers, and what turns logits into decisions.
        scope: what usual images look like.
        folder: where the SavedModel goes.
    """
    module = _Served(network, transform, description, scope)
    labels = len(description.task.labels.names)
    logits = tf.TensorSpec([None, labels], tf.float32, name="raw_scores")
    request = tf.TensorSpec([None], tf.int32, name="request")
    signatures = {
        "serving_default": tf.function(module.score, input_signature=[_STRINGS]),
        "classify": tf.function(module.classify, input_signature=[_STRINGS]),
        "explain": tf.function(module.explain, input_signature=[_STRINGS, _LABEL]),
        "explain_integrated_gradients": tf.function(module.integrate, input_signature=[_STRINGS, _LABEL]),
        "calibrate": tf.function(module.calibrate, input_signature=[logits]),
        "describe": tf.function(module.describe, input_signature=[request]),
        "features": tf.function(module.pooled, input_signature=[_STRINGS]),
        "transform_features": tf.function(
            module.transform_features, input_signature=[tf.TensorSpec([None], tf.string, name="examples")]
        ),
    }
    concrete = {name: function.get_concrete_function() for name, function in signatures.items()}
    tf.saved_model.save(module, str(folder), signatures=concrete)


class _Served(tf.Module):
    """Holds what the signatures use.

    `variables_of_network` is what makes a Keras 3 model load in the session loader: its variables are no `tf.Variable`s
    that `tf.Module` would find by itself.
    """

    def __init__(
        self, network: Network, transform: tft.TFTransformOutput, description: ModelDescription, scope: ScopeModel
    ) -> None:
        super().__init__()
        self._network, self._scope = network, scope
        self._decisions = DecisionGraph(description)
        self._description = description.model_dump_json()
        self._raw_spec = transform.raw_feature_spec()
        self.transform_layer = transform.transform_features_layer()
        # Otherwise tf_keras saves too how the layer is called alone, which nobody does: to trace that takes seconds.
        self.transform_layer._must_restore_from_config = True  # noqa: SLF001  # its extension point for such layers
        self.variables_of_network = [variable.value for variable in network.model.weights]

    def score(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        images = self._images(inputs)
        unusual = out_of_scope_score(self._network, self._scope, images)
        return self._answer(images) | self._decisions.scope(unusual, _headers(inputs))

    def calibrate(self, raw_scores: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._decisions.answer(raw_scores)

    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = self._answer(self._images(inputs))
        return {"classes": outputs["classes"], "scores": outputs["scores"]}

    def explain(self, inputs: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        heatmap, logits = layer_cam(self._network, self._images(inputs), label)
        return {"heatmap": heatmap, "scores": self._decisions.answer(logits)["scores"]}

    def integrate(self, inputs: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
        heatmap, logits = integrated_gradients(self._network, self._images(inputs), label)
        return {"heatmap": heatmap, "scores": self._decisions.answer(logits)["scores"]}

    def describe(self, request: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"task": tf.fill(tf.shape(request), self._description)}

    def pooled(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        feature_map = self._network.features(self._images(inputs), training=False)
        return {"features": tf.cast(self._network.head.get_layer("pool")(feature_map), tf.float32)}

    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        # TFMA needs the label alone; carrying the images along would fill its memory.
        transformed = self._transformed(examples, self._raw_spec)
        return {features.TRANSFORMED_LABEL: transformed[features.TRANSFORMED_LABEL]}

    def _images(self, inputs: tf.Tensor) -> tf.Tensor:
        # Some layers fail on no image at all, each in its own words; a client is told in plain ones.
        with tf.control_dependencies([tf.debugging.assert_positive(tf.shape(inputs)[0], "Input is empty.")]):
            inputs = tf.identity(inputs)
        spec: dict[str, Any] = {features.IMAGE: self._raw_spec[features.IMAGE]}
        return self._transformed(inputs, spec)[features.TRANSFORMED_IMAGE]

    @tf.autograph.experimental.do_not_convert  # to convert the layer's own Python takes seconds and changes nothing
    def _transformed(self, serialized: tf.Tensor, spec: dict[str, Any]) -> dict[str, tf.Tensor]:
        transformed: dict[str, tf.Tensor] = self.transform_layer(tf.io.parse_example(serialized, spec))
        return transformed

    def _answer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._decisions.answer(self._network.model(images, training=False))


def _headers(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns modality, view and age of serialized examples, unknown where they have none."""
    text = tf.io.FixedLenFeature([], tf.string, default_value=features.UNKNOWN)
    spec = {features.MODALITY: text, features.VIEW: text, features.AGE_YEARS: tf.io.RaggedFeature(tf.float32)}
    parsed = tf.io.parse_example(inputs, spec)
    ages = parsed[features.AGE_YEARS].to_tensor(default_value=math.nan, shape=(None, 1))  # a row each, none or one
    return {**parsed, features.AGE_YEARS: ages[:, 0]}
