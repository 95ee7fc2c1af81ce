"""The file of `--model_config_file`: TensorFlow Serving's ModelServerConfig in protobuf text format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from data_schemas.errors import ConfigurationError
from serving.server.config import ModelConfig, VersionPolicy


def read_model_config_file(path: Path) -> tuple[ModelConfig, ...]:
    """Returns the models that a `ModelServerConfig` in protobuf text format lists.

    Raises:
        ConfigurationError: the file cannot be read, is not such a message, or asks for what this server does not do.
    """
    message = model_server_config_pb2.ModelServerConfig()
    try:
        text_format.Parse(path.read_text(encoding="utf-8"), message)
    except OSError as error:
        raise ConfigurationError(
            f"--model_config_file {path}: {error.strerror}; give a file that can be read"
        ) from error
    except text_format.ParseError as error:
        raise ConfigurationError(
            f"--model_config_file {path}: {error}; it must be a ModelServerConfig as text"
        ) from error
    configs = tuple(_model_config(config) for config in message.model_config_list.config)
    names = [config.name for config in configs]
    if not names or len(set(names)) < len(names):
        raise ConfigurationError(f"--model_config_file {path}: list at least one model, and each name once")
    return configs


def _model_config(message: Any) -> ModelConfig:
    if not message.name or not message.base_path:
        raise ConfigurationError("--model_config_file: every model needs a `name` and a `base_path`")
    if message.version_labels:
        raise ConfigurationError(
            f"--model_config_file: model {message.name}: `version_labels` are not supported here; "
            "remove them, or use TensorFlow Serving"
        )
    return ModelConfig(message.name, Path(message.base_path), _policy(message.model_version_policy))


def _policy(message: Any) -> VersionPolicy:
    choice = message.WhichOneof("policy_choice")
    if choice == "all":
        return VersionPolicy(every=True)
    if choice == "specific":
        if not message.specific.versions:
            raise ConfigurationError("--model_config_file: `specific` needs at least one of `versions`")
        return VersionPolicy(specific=frozenset(message.specific.versions))
    return VersionPolicy(latest=max(1, message.latest.num_versions))
