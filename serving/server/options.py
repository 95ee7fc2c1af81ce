"""The flags of `python -m serving.server`: tensorflow_model_server's, and what the server makes of them."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data_schemas.errors import ConfigurationError
from serving.server.config import ModelConfig

log = logging.getLogger("serving.server")

_THREADS = 4 * (os.cpu_count() or 1)
_IGNORED = (
    "enable_per_model_batching_parameters",
    "enable_profiler",
    "flush_filesystem_caches",
    "mixed_precision",
    "num_tflite_interpreters_per_pool",
    "num_tflite_pools",
    "num_unload_threads",
    "platform_config_file",
    "prefer_tflite_model",
    "remove_unused_fields_from_bundle_metagraph",
    "skip_initialize_tpu",
    "thread_pool_factory_config_file",
    "xla_cpu_compilation_enabled",
    "xla_gpu_compilation_enabled",
)
"""Flags of tensorflow_model_server that ask for nothing that is here: accepted, and said to be so."""


@dataclass(frozen=True)
class RestOptions:
    """How the REST interface behaves.

    Attributes:
        timeout_s: how long a call may take.
        max_body_bytes: the longest body of a request.
        metrics_path: where Prometheus' page is, or None for none.
        cors: any web page may ask.
    """

    timeout_s: float = 30.0
    max_body_bytes: int = 1 << 28
    metrics_path: str | None = None
    cors: bool = False


@dataclass(frozen=True)
class SessionOptions:
    """How TensorFlow runs a model.

    Attributes:
        config_file: a ConfigProto in protobuf text format, or None.
        intra_op_threads: threads of one operation; 0 is TensorFlow's choice.
        inter_op_threads: operations at once; 0 is twice as many as there are cores.
        gpu_memory_fraction: the share of a GPU's memory that is taken at once; 0 takes it as needed.
        tags: of the meta graph in a SavedModel.
        method_name_check: Classify and Regress take signatures of their own method_name only.
    """

    config_file: Path | None = None
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    gpu_memory_fraction: float = 0.0
    tags: tuple[str, ...] = ("serve",)
    method_name_check: bool = False


@dataclass(frozen=True)
class ServerOptions:
    """What a server serves, and where.

    Attributes:
        models: the models; empty when `config_file` lists them.
        config_file: a ModelServerConfig in protobuf text format, or None.
        config_poll_interval_s: how often that file is read again; 0 is never.
        aliases: further names, each for the name of a model.
        allow_unused_labels: a label not in use may name a version that is not loaded yet.
        host, port: where it listens; port 0 is any free one.
        socket_path: a UNIX socket to listen on as well, or None.
        ssl_config_file: an SSLConfig in protobuf text format, for gRPC with TLS, or None.
        channel_arguments: further settings of gRPC.
        threads: how many requests are answered at once.
        health: gRPC's health service answers as well.
        rest_port: the HTTP port, 0 for none.
        rest_threads: how many REST calls are answered at once.
        rest: how the REST interface behaves.
        monitoring_config_file: a MonitoringConfig in protobuf text format, or None.
        poll_interval_s: how often the folders are looked at; 0 is once.
        load_threads: how many models load at once; 0 is one after the other.
        load_retries, retry_interval_s: what happens after a load that failed.
        warm_up_iterations: how often each warm-up request is run; 0 is no warm-up.
        batching: requests are run in batches.
        batching_file: BatchingParameters in protobuf text format, or None for TensorFlow Serving's defaults.
        as_content: numbers of an answer are packed in `tensor_content`.
        session: how TensorFlow runs a model.
    """

    models: tuple[ModelConfig, ...] = ()
    config_file: Path | None = None
    config_poll_interval_s: float = 0.0
    aliases: tuple[tuple[str, str], ...] = ()
    allow_unused_labels: bool = False
    host: str = "127.0.0.1"
    port: int = 8500
    socket_path: str | None = None
    ssl_config_file: Path | None = None
    channel_arguments: tuple[tuple[str, int | str], ...] = ()
    threads: int = _THREADS
    health: bool = True
    rest_port: int = 0
    rest_threads: int = _THREADS
    rest: RestOptions = RestOptions()
    monitoring_config_file: Path | None = None
    poll_interval_s: float = 1.0
    load_threads: int = 0
    load_retries: int = 5
    retry_interval_s: float = 60.0
    warm_up_iterations: int = 1
    batching: bool = False
    batching_file: Path | None = None
    as_content: bool = False
    session: SessionOptions = SessionOptions()


def parse_options(arguments: Sequence[str]) -> ServerOptions:
    """Returns what the flags say.

    Raises:
        ConfigurationError: flags contradict each other, lack a model, or ask for what this server does not do.
        SystemExit: argparse's own, for `--help`, `--version` and for flags that it does not know.
    """
    given = _parser().parse_args(_without_negations(arguments))
    _check(given)
    for name in _IGNORED:
        if getattr(given, name) is not None:
            log.warning("--%s asks for nothing that this server has: ignored", name)
    single = ModelConfig(given.model_name, given.model_base_path) if given.model_base_path else None
    return ServerOptions(
        models=() if given.model_config_file or single is None else (single,),
        config_file=given.model_config_file,
        config_poll_interval_s=given.model_config_file_poll_wait_seconds,
        allow_unused_labels=given.allow_version_labels_for_unavailable_models,
        host=given.host,
        port=given.port,
        socket_path=given.grpc_socket_path or None,
        ssl_config_file=given.ssl_config_file,
        channel_arguments=given.grpc_channel_arguments,
        threads=given.grpc_max_threads,
        health=given.enable_grpc_healthcheck_service,
        rest_port=given.rest_api_port,
        rest_threads=given.rest_api_num_threads,
        rest=RestOptions(
            timeout_s=given.rest_api_timeout_in_ms / 1e3,
            max_body_bytes=given.rest_api_max_body_bytes,
            cors=given.rest_api_enable_cors_support,
        ),
        monitoring_config_file=given.monitoring_config_file,
        poll_interval_s=given.file_system_poll_wait_seconds,
        load_threads=given.num_load_threads,
        load_retries=given.max_num_load_retries,
        retry_interval_s=max(0.0, given.load_retry_interval_micros / 1e6),
        warm_up_iterations=max(1, given.num_request_iterations_for_warmup) if given.enable_model_warmup else 0,
        batching=given.enable_batching,
        batching_file=given.batching_parameters_file,
        as_content=given.enable_serialization_as_tensor_content,
        session=_session(given),
    )


def _session(given: argparse.Namespace) -> SessionOptions:
    both = given.tensorflow_session_parallelism
    return SessionOptions(
        config_file=given.tensorflow_session_config_file,
        intra_op_threads=given.tensorflow_intra_op_parallelism or both,
        inter_op_threads=given.tensorflow_inter_op_parallelism or both,
        gpu_memory_fraction=given.per_process_gpu_memory_fraction,
        tags=tuple(given.saved_model_tags.split(",")),
        method_name_check=given.enable_signature_method_name_check,
    )


def _check(given: argparse.Namespace) -> None:
    if not given.model_base_path and not given.model_config_file:
        raise ConfigurationError(
            "give either --model_base_path DIR (with --model_name NAME) or --model_config_file FILE"
        )
    if given.batching_parameters_file and not given.enable_batching:
        raise ConfigurationError(
            "--batching_parameters_file is set without --enable_batching: set both, or leave the file out"
        )
    if given.use_alts_credentials:
        raise ConfigurationError("--use_alts_credentials: there is no ALTS here; use TLS with --ssl_config_file")
    if given.monitoring_config_file and not given.rest_api_port:
        raise ConfigurationError("--monitoring_config_file: metrics are served over HTTP; give --rest_api_port as well")
    parallelism = (
        given.tensorflow_session_parallelism,
        given.tensorflow_intra_op_parallelism,
        given.tensorflow_inter_op_parallelism,
    )
    if all(parallelism):
        raise ConfigurationError(
            "give --tensorflow_session_parallelism, or --tensorflow_intra_op_parallelism and "
            "--tensorflow_inter_op_parallelism, not all three"
        )


def _without_negations(arguments: Sequence[str]) -> list[str]:
    """Returns the flags with `--noNAME`, as gflags spells a boolean that is off, as `--NAME=false`."""
    booleans = {f"--no{name}": f"--{name}=false" for name in _BOOLEANS}
    return [booleans.get(argument, argument) for argument in arguments]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serving.server",
        description="Serves SavedModels over gRPC and REST with the flags and behaviour of tensorflow_model_server.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=_version())
    _add_models(parser.add_argument_group("models"))
    _add_addresses(parser.add_argument_group("addresses"))
    _add_rest(parser.add_argument_group("REST and monitoring"))
    _add_loading(parser.add_argument_group("loading"))
    _add_running(parser.add_argument_group("running"))
    _add_booleans(parser)
    for name in _IGNORED:
        parser.add_argument(f"--{name}", nargs="?", const="true", help=argparse.SUPPRESS)
    return parser


def _version() -> str:
    from importlib import metadata

    return f"Radflow model server: {metadata.version('radflow')}\nTensorFlow Library: {metadata.version('tensorflow')}"


def _add_models(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--model_name", default="default", metavar="NAME", help="name of the model [%(default)s]")
    group.add_argument(
        "--model_base_path", type=Path, metavar="DIR", help="folder with one numbered folder per version"
    )
    group.add_argument(
        "--model_config_file",
        type=Path,
        metavar="FILE",
        help="ModelServerConfig that lists the models; --model_name and --model_base_path are ignored then",
    )
    group.add_argument(
        "--model_config_file_poll_wait_seconds",
        type=_not_negative,
        default=0,
        metavar="N",
        help="seconds between two looks at that file, 0 for none after the first [%(default)s]",
    )


def _add_addresses(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 is every one [%(default)s]")
    group.add_argument("--port", type=int, default=8500, help="gRPC port, 0 for any free one [%(default)s]")
    group.add_argument("--grpc_socket_path", default="", metavar="PATH", help="UNIX socket to listen on as well")
    group.add_argument("--ssl_config_file", type=Path, metavar="FILE", help="SSLConfig, for gRPC with TLS")
    group.add_argument(
        "--grpc_channel_arguments",
        type=_channel_arguments,
        default=(),
        metavar="K=V,...",
        help="further settings of gRPC, e.g. grpc.max_connection_age_ms=2000",
    )
    group.add_argument(
        "--grpc_max_threads", type=_positive, default=_THREADS, help="requests at once [4 x cores: %(default)s]"
    )


def _add_rest(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--rest_api_port", type=int, default=0, help="HTTP port of the REST interface, 0 for none [0]")
    group.add_argument(
        "--rest_api_num_threads", type=_positive, default=_THREADS, help="REST calls at once [4 x cores: %(default)s]"
    )
    group.add_argument(
        "--rest_api_timeout_in_ms", type=_positive, default=30000, help="how long a REST call may take [%(default)s]"
    )
    group.add_argument(
        "--rest_api_max_body_bytes",
        type=_positive,
        default=RestOptions().max_body_bytes,
        help="longest body of a REST call; not one of tensorflow_model_server's [%(default)s]",
    )
    group.add_argument("--monitoring_config_file", type=Path, metavar="FILE", help="MonitoringConfig, for Prometheus")


def _add_loading(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--file_system_poll_wait_seconds",
        type=_not_negative,
        default=1,
        help="seconds between two looks at the folders, 0 for none after the first [%(default)s]",
    )
    group.add_argument("--max_num_load_retries", type=int, default=5, help="after a failed load [%(default)s]")
    group.add_argument(
        "--load_retry_interval_micros",
        type=int,
        default=60_000_000,
        help="microseconds between two attempts to load [%(default)s]",
    )
    group.add_argument(
        "--num_load_threads",
        type=_not_negative,
        default=0,
        help="models that load at once, 0 for one after the other [%(default)s]",
    )
    group.add_argument(
        "--num_request_iterations_for_warmup", type=int, default=0, help="how often a warm-up request is run [1]"
    )
    group.add_argument("--saved_model_tags", default="serve", help="tags of the graph to load [%(default)s]")


def _add_running(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--batching_parameters_file", type=Path, metavar="FILE", help="BatchingParameters")
    group.add_argument("--tensorflow_session_config_file", type=Path, metavar="FILE", help="TensorFlow's ConfigProto")
    for name, what in (
        ("tensorflow_session_parallelism", "threads of an operation, and operations at once, 0 for the defaults"),
        ("tensorflow_intra_op_parallelism", "threads of one operation, 0 for TensorFlow's choice"),
        ("tensorflow_inter_op_parallelism", "operations at once, 0 for 2 x cores"),
    ):
        group.add_argument(f"--{name}", type=_not_negative, default=0, help=f"{what} [0]")
    group.add_argument(
        "--per_process_gpu_memory_fraction",
        type=float,
        default=0.0,
        help="share of a GPU's memory that is taken at once, 0 takes it as needed [%(default)s]",
    )


_BOOLEANS = {
    "allow_version_labels_for_unavailable_models": (False, "a label not in use may name a version not loaded yet"),
    "enable_batching": (False, "run requests in batches"),
    "enable_grpc_healthcheck_service": (True, "gRPC's health service"),
    "enable_model_warmup": (True, "run a version's warm-up requests when it loads"),
    "enable_serialization_as_tensor_content": (False, "pack the numbers of answers in tensor_content"),
    "enable_signature_method_name_check": (False, "Classify and Regress check the signature's method_name"),
    "rest_api_enable_cors_support": (False, "let any web page call the REST interface"),
    "use_alts_credentials": (False, "not supported: refused"),
}


def _add_booleans(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("switches, each also as --NAME=false or --noNAME")
    for name, (default, help_text) in _BOOLEANS.items():
        group.add_argument(
            f"--{name}",
            nargs="?",
            const=True,
            type=_boolean,
            default=default,
            metavar="true|false",
            help=f"{help_text} [{str(default).lower()}]",
        )


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in known:
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return known[text.lower()]


def _positive(text: str) -> int:
    return _at_least(text, 1)


def _not_negative(text: str) -> int:
    return _at_least(text, 0)


def _at_least(text: str, least: int) -> int:
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"{number} is too small: give {least} or more")
    return number


def _channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    """Returns gRPC's settings of `key=value,key=value`; values that are whole numbers are given as such."""
    pairs: list[tuple[str, int | str]] = []
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{part!r} is not key=value")
        pairs.append((key, int(value) if value.lstrip("-").isdecimal() else value))
    return tuple(pairs)
