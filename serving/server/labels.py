"""Version labels: names that a configuration gives to versions, as TensorFlow Serving checks them.

They are checked when a configuration is (re)loaded, before anything is loaded from it, against the versions that are
available then (ServerCore::UpdateModelVersionLabelMap), so that moving a label fails no request that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import grpc

from serving.server.config import ModelConfig
from serving.server.errors import RequestError, invalid_argument

Labels = Mapping[str, Mapping[str, int]]
"""By model name, the version that each of its labels stands for."""


def checked_labels(
    configs: Iterable[ModelConfig], *, current: Labels, available: Callable[[str, int], bool], allow_unused: bool
) -> dict[str, dict[str, int]]:
    """Returns the labels of a new configuration.

    Args:
        configs: the configuration.
        current: the labels so far.
        available: says whether a version of a model is loaded.
        allow_unused: a label that is not in use for another version may name one that is not loaded
            (`--allow_version_labels_for_unavailable_models`).

    Raises:
        RequestError: FAILED_PRECONDITION, a label names a version that is not available.
    """
    labels: dict[str, dict[str, int]] = {}
    for config in configs:
        for label, version in config.labels:
            unused = current.get(config.name, {}).get(label, version) == version
            if not available(config.name, version) and not (allow_unused and unused):
                raise RequestError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model {config.name}, "
                    "which is not currently available for inference",
                )
            labels.setdefault(config.name, {})[label] = version
    return labels


def labelled_version(labels: Labels, model: str, label: str) -> int:
    """Returns the version that a label stands for.

    Raises:
        RequestError: INVALID_ARGUMENT, the model has no such label.
    """
    version = labels.get(model, {}).get(label)
    if version is None:
        raise invalid_argument(f"Unrecognized servable version label: {label}")
    return version
