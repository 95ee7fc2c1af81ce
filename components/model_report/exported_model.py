"""The signatures of an exported model that the report asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class ExportedModel:
    """A SavedModel, loaded once.

    Args:
        folder: of the SavedModel.
    """

    def __init__(self, folder: Path) -> None:
        # The signatures live only as long as the model that they belong to.
        self._model = tf.saved_model.load(str(folder))

    def score(self, records: Sequence[bytes]) -> Mapping[str, Any]:
        """Returns the outputs of `serving_default` for serialized examples."""
        return {name: value.numpy() for name, value in self._call("serving_default", inputs=list(records)).items()}

    def explain(self, records: Sequence[bytes], labels: Sequence[int]) -> NDArray[np.float32]:
        """Returns heatmaps float32 (records, rows, columns), 0..1, each for one label."""
        given = {"inputs": list(records), "label": tf.constant(list(labels), tf.int64)}
        return np.asarray(self._call("explain", **given)["heatmap"].numpy(), np.float32)

    def _call(self, signature: str, **inputs: Any) -> Mapping[str, Any]:
        tensors = {name: tf.constant(value) if name == "inputs" else value for name, value in inputs.items()}
        answer: Mapping[str, Any] = self._model.signatures[signature](**tensors)
        return answer
