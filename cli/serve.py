"""`radflow serve`: serves a pushed model over gRPC, as TensorFlow Serving would."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from serving.server.config import ModelConfig

DEFAULT_NAME = "default"
"""The name that every model served here has besides its own; TensorFlow Serving's default as well."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = "Serve a pushed model over gRPC. A folder of versions is watched: a newer version takes over."
    parser.add_argument(
        "--model",
        type=Path,
        required=True,
        metavar="DIR",
        help="OUTPUT/serving/TASK (the newest version, now and later) or one version folder in it",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 is every one [%(default)s]")
    parser.add_argument("--port", type=int, default=8500, help="gRPC port, 0 for any free one [%(default)s]")


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM."""
    from serving.server.options import ServerOptions
    from serving.server.process import log_to_stderr, serve

    config = model_config(arguments.model)
    log_to_stderr()
    options = ServerOptions(
        models=(config,), aliases=((DEFAULT_NAME, config.name),), host=arguments.host, port=arguments.port
    )
    serve(options, ready=_announce)
    return 0


def model_config(folder: Path) -> ModelConfig:
    """Returns what to serve of a folder: the newest version of a model's folder, or the one version that it is.

    Raises:
        ConfigurationError: it is neither.
    """
    from data_schemas.served_folder import version_folders
    from serving.server.config import ModelConfig, VersionPolicy

    path = folder.resolve()
    if (path / "saved_model.pb").is_file():
        if path.name.isdecimal():
            return ModelConfig(path.parent.name, path.parent, VersionPolicy(specific=frozenset({int(path.name)})))
        raise ConfigurationError(f"--model {folder}: a version's folder is a whole number; rename it, e.g. to 1")
    if not path.is_dir() or not version_folders(path):
        raise ConfigurationError(
            f"--model {folder}: no version in it; give OUTPUT/serving/TASK of a run that pushed a model, or one version"
        )
    return ModelConfig(path.name, path)


def _announce(name: str, address: str) -> None:
    print(f"serving {name} on {address}")
    print(f"try: radflow predict --server {address} FILE...   (Ctrl-C stops the server)", flush=True)
