"""The flags of `python -m serving.server`: tensorflow_model_server's, as far as this server has what they ask for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_schemas.errors import ConfigurationError
from serving.server.config import ModelConfig


@dataclass(frozen=True)
class ServerOptions:
    """What a server serves, and where.

    Attributes:
        models: the models; empty when `config_file` lists them.
        config_file: a ModelServerConfig in protobuf text format, or None.
        aliases: further names, each for the name of a model.
        host, port: where it listens; port 0 is any free one.
        threads: how many requests are answered at once.
        poll_interval_s: how often the folders are looked at.
        load_retries, retry_interval_s: what happens after a load that failed.
    """

    models: tuple[ModelConfig, ...] = ()
    config_file: Path | None = None
    aliases: tuple[tuple[str, str], ...] = ()
    host: str = "127.0.0.1"
    port: int = 8500
    threads: int = 4 * (os.cpu_count() or 1)
    poll_interval_s: float = 1.0
    load_retries: int = 5
    retry_interval_s: float = 60.0


def parse_options(arguments: Sequence[str]) -> ServerOptions:
    """Returns what the flags say.

    Raises:
        ConfigurationError: flags contradict each other, lack a model, or ask for what this server does not do.
        SystemExit: argparse's own, for `--help` and for flags that it does not know.
    """
    given = _parser().parse_args(arguments)
    if given.rest_api_port:
        raise ConfigurationError(
            "--rest_api_port: this server answers gRPC only; leave it out, or use TensorFlow Serving for REST"
        )
    if bool(given.model_base_path) == bool(given.model_config_file):
        raise ConfigurationError(
            "give either --model_base_path DIR (with --model_name NAME) or --model_config_file FILE"
        )
    models = (ModelConfig(given.model_name, given.model_base_path),) if given.model_base_path else ()
    return ServerOptions(
        models=models,
        config_file=given.model_config_file,
        host=given.host,
        port=given.port,
        threads=given.grpc_max_threads,
        poll_interval_s=given.file_system_poll_wait_seconds,
        load_retries=given.max_num_load_retries,
        retry_interval_s=given.load_retry_interval_micros / 1e6,
    )


def _parser() -> argparse.ArgumentParser:
    defaults = ServerOptions()
    parser = argparse.ArgumentParser(
        prog="python -m serving.server",
        description="Serves SavedModels over gRPC with the flags and behaviour of tensorflow_model_server.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--host", default=defaults.host, help="address to listen on; 0.0.0.0 is every one [%(default)s]"
    )
    parser.add_argument("--port", type=int, default=defaults.port, help="gRPC port, 0 for any free one [%(default)s]")
    parser.add_argument("--rest_api_port", type=int, default=0, help="must stay 0: there is no REST here")
    parser.add_argument("--model_name", default="default", metavar="NAME", help="name of the model [%(default)s]")
    parser.add_argument(
        "--model_base_path", type=Path, metavar="DIR", help="folder with one numbered folder per version"
    )
    parser.add_argument(
        "--model_config_file", type=Path, metavar="FILE", help="ModelServerConfig that lists the models"
    )
    _add_tuning(parser, defaults)
    return parser


def _add_tuning(parser: argparse.ArgumentParser, defaults: ServerOptions) -> None:
    parser.add_argument(
        "--grpc_max_threads", type=_positive, default=defaults.threads, help="requests at once [4 x cores: %(default)s]"
    )
    parser.add_argument(
        "--file_system_poll_wait_seconds",
        type=_positive,
        default=int(defaults.poll_interval_s),
        help="seconds between two looks at the folders [%(default)s]",
    )
    parser.add_argument(
        "--max_num_load_retries", type=int, default=defaults.load_retries, help="after a failed load [%(default)s]"
    )
    parser.add_argument(
        "--load_retry_interval_micros",
        type=int,
        default=int(defaults.retry_interval_s * 1e6),
        help="microseconds between two attempts to load [%(default)s]",
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too small: give 1 or more")
    return number
