"""The file of `--model_config_file`: TensorFlow Serving's ModelServerConfig in protobuf text format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorflow_serving.config import model_server_config_pb2

from data_schemas.errors import ConfigurationError
from serving.server.config import ModelConfig, VersionPolicy
from serving.server.text_files import parse_text

_FLAG = "--model_config_file"
_PLATFORM = "tensorflow"


def read_model_config_file(path: Path) -> tuple[ModelConfig, ...]:
    """Returns the models that a `ModelServerConfig` in protobuf text format lists.

    Raises:
        ConfigurationError: the file cannot be read, is not such a message, lists no model, or contradicts itself.
    """
    message = parse_text(path, model_server_config_pb2.ModelServerConfig(), flag=_FLAG)
    try:
        configs = model_configs(message.model_config_list)
    except ValueError as error:
        raise ConfigurationError(f"{_FLAG} {path}: {error}") from error
    if not configs:
        raise ConfigurationError(f"{_FLAG} {path}: list at least one model in a `model_config_list`")
    return configs


def model_configs(message: Any) -> tuple[ModelConfig, ...]:
    """Returns the models of a ModelConfigList message.

    Raises:
        ValueError: an entry is incomplete or not for this server, or a name stands twice; the text says which.
    """
    configs = tuple(_model_config(config) for config in message.config)
    _check_names([config.name for config in configs])
    return configs


def _check_names(names: Sequence[str]) -> None:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValueError(f"Illegal to list model {name} multiple times in config list")


def _model_config(message: Any) -> ModelConfig:
    if not message.name or not message.base_path:
        raise ValueError("every model needs a `name` and a `base_path`")
    path = Path(message.base_path)
    if not path.is_absolute():
        raise ValueError(
            f"Expected model {message.name} to have an absolute path or URI; got base_path()={message.base_path}"
        )
    if message.model_platform not in {"", _PLATFORM}:
        raise ValueError(
            f"Model {message.name} requests unsupported platform {message.model_platform}; give `{_PLATFORM}`"
        )
    labels = tuple(sorted(message.version_labels.items()))
    return ModelConfig(message.name, path, _policy(message.model_version_policy), labels)


def _policy(message: Any) -> VersionPolicy:
    choice = message.WhichOneof("policy_choice")
    if choice == "all":
        return VersionPolicy(every=True)
    if choice == "specific":
        if not message.specific.versions:
            raise ValueError("`specific` needs at least one of `versions`")
        return VersionPolicy(specific=frozenset(message.specific.versions))
    return VersionPolicy(latest=max(1, message.latest.num_versions))
