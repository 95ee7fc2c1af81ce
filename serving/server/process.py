"""The server as a process: start quietly, serve until SIGTERM or SIGINT, stop without cutting a request off.

TensorFlow is imported by `serve`, not with this module, so that `--help` and wrong flags answer at once.
"""

from __future__ import annotations

import dataclasses
import gc
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from data_schemas.errors import ConfigurationError, ModelServerError
from serving.child_server import WITH_PARENT_VARIABLE
from serving.ports import address
from serving.server.config import ModelConfig
from serving.server.options import ServerOptions, SessionOptions
from serving.server.sockets import check_free

if TYPE_CHECKING:
    from serving.server.batching import BatchScheduler
    from serving.server.metrics import Metrics
    from serving.server.models import Models

log = logging.getLogger("serving.server")

_GRACE_S = 10.0
"""How long requests may go on after the signal to stop."""
_START_POLL_S = 0.2
_OPERATIONS_AT_ONCE = 2 * (os.cpu_count() or 1)
"""Unless a flag says otherwise. TensorFlow takes as many as there are cores; of several requests at once some wait for
a part of their operation then, and leave a core idle. A request alone is no slower (benchmarks/bench_serving.py)."""
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(options: ServerOptions, *, ready: Callable[[str, str], None]) -> None:
    """Serves until the process is told to stop; call it on the main thread.

    Like TensorFlow Serving it listens only once every model has a version; an empty folder is waited for.

    Args:
        options: what to serve, and where.
        ready: called once with the names of the models, comma-separated, and the address `HOST:PORT` of gRPC.

    Raises:
        ConfigurationError: a port is taken, or a configuration file is wrong.
        ModelServerError: a model cannot be loaded, and no further attempt is due.
    """
    stop = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    if os.environ.pop(WITH_PARENT_VARIABLE, ""):
        threading.Thread(target=_stop_with_parent, args=(stop,), daemon=True).start()
    check_free(options)
    quieten_tensorflow()
    options, configs = _read_files(options)
    with _scheduler(options) as (scheduler, metrics), _open(options, configs, scheduler, metrics) as models:
        gc.freeze()  # what TensorFlow's import left stays: looking through it takes a tenth of a second a time
        if _wait_for_models(models, stop):
            with _listening(models, metrics, options, configs) as where:
                ready(",".join(models.names), where)
                stop.wait()


def _stop_with_parent(stop: threading.Event) -> None:
    # Not `sys.stdin.read`, whose lock this thread would hold when the interpreter shuts down.
    while os.read(sys.stdin.fileno(), 1):
        pass
    log.info("what started this server has ended")
    stop.set()


def quieten_tensorflow() -> None:
    """Keeps TensorFlow's start-up lines off the terminal; to be called before TensorFlow is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def log_to_stderr() -> None:
    """Sends the server's own log, one line for every load and unload, to stderr."""
    logger = logging.getLogger("serving.server")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _read_files(options: ServerOptions) -> tuple[ServerOptions, tuple[ModelConfig, ...]]:
    """Returns the options with what the monitoring file says, and the models, of the options or their file."""
    from serving.server.config_file import read_model_config_file
    from serving.server.monitoring import read_metrics_path

    configs = read_model_config_file(options.config_file) if options.config_file else options.models
    if options.monitoring_config_file is not None:
        path = read_metrics_path(options.monitoring_config_file)
        options = dataclasses.replace(options, rest=dataclasses.replace(options.rest, metrics_path=path))
    return options, configs


@contextmanager
def _scheduler(options: ServerOptions) -> Iterator[tuple[BatchScheduler | None, Metrics]]:
    """Gives what runs batches, or None, and what the server counts in."""
    from serving.server.batching import BatchScheduler
    from serving.server.batching_parameters import BatchingParameters, read_batching_parameters
    from serving.server.metrics import Metrics

    metrics = Metrics()
    if not options.batching:
        yield None, metrics
        return
    file = options.batching_file
    parameters = read_batching_parameters(file) if file else BatchingParameters()
    scheduler = BatchScheduler(
        parameters, waited=lambda seconds: metrics.queueing_latency.observe(seconds * 1e6, "batch")
    )
    try:
        yield scheduler, metrics
    finally:
        scheduler.close()


@contextmanager
def _open(
    options: ServerOptions, configs: tuple[ModelConfig, ...], scheduler: BatchScheduler | None, metrics: Metrics
) -> Iterator[Models]:
    """Gives the models; nothing is loaded yet. They are unloaded at the end."""
    from serving.server.errors import RequestError
    from serving.server.loading import Loader
    from serving.server.models import Models
    from serving.server.served_model import Retries

    loader = Loader(
        config=_session_config(options.session),
        tags=options.session.tags,
        scheduler=scheduler,
        warm_up_iterations=options.warm_up_iterations,
        metrics=metrics,
    )
    try:
        models = Models(
            configs,
            loader,
            aliases=dict(options.aliases),
            retries=Retries(options.load_retries, options.retry_interval_s),
            allow_unused_labels=options.allow_unused_labels,
            load_threads=options.load_threads,
        )
    except RequestError as error:
        raise ConfigurationError(
            f"{error}; labels of versions that are still to be loaded need "
            "--allow_version_labels_for_unavailable_models=true"
        ) from error
    try:
        yield models
    finally:
        models.close()


def _session_config(options: SessionOptions) -> Any:
    """Returns the ConfigProto that sessions are made with."""
    import tensorflow as tf

    from serving.server.text_files import parse_text

    config = tf.compat.v1.ConfigProto()
    if options.config_file is not None:
        parse_text(options.config_file, config, flag="--tensorflow_session_config_file")
    if options.intra_op_threads:
        config.intra_op_parallelism_threads = options.intra_op_threads
    chosen = options.inter_op_threads or config.inter_op_parallelism_threads
    config.inter_op_parallelism_threads = chosen or _OPERATIONS_AT_ONCE
    if options.gpu_memory_fraction:
        config.gpu_options.per_process_gpu_memory_fraction = options.gpu_memory_fraction
    else:
        config.gpu_options.allow_growth = True
    return config


def _wait_for_models(models: Models, stop: threading.Event) -> bool:
    """Polls until every model has a version; returns False when the process was told to stop first."""
    models.poll()
    while models.pending() and not stop.is_set():
        for name, message in models.failed().items():
            raise ModelServerError(f"model {name} cannot be loaded: {message}")
        stop.wait(_START_POLL_S)
        models.poll()
    return not stop.is_set()


@contextmanager
def _listening(
    models: Models, metrics: Metrics, options: ServerOptions, configs: tuple[ModelConfig, ...]
) -> Iterator[str]:
    """Answers requests and follows changes on disk while the block runs; gives the address of gRPC."""
    from serving.server.answering import Answers
    from serving.server.config_polling import ConfigPolling
    from serving.server.listening import Health, start_grpc, start_http

    answers = Answers(
        models, metrics, as_content=options.as_content, method_name_check=options.session.method_name_check
    )
    health = Health(models)
    server, port = start_grpc(answers, health, options)
    http, polling = None, None
    try:
        http = start_http(answers, options) if options.rest_port else None
        models.after_poll = health.update
        if options.poll_interval_s:
            models.start(poll_interval_s=options.poll_interval_s)
        if options.config_file is not None and options.config_poll_interval_s:
            polling = ConfigPolling(models, options.config_file, configs)
            polling.start(interval_s=options.config_poll_interval_s)
        if http is not None:
            log.info("REST on http://%s", address(options.host, http.port))
        yield address(options.host, port)
    finally:
        health.stop()
        if polling is not None:
            polling.close()
        stopped = server.stop(_GRACE_S)
        if http is not None:
            http.stop()
        stopped.wait()
