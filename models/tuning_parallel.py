"""Trials in several processes at the same time, by KerasTuner's own protocol: one chief, and workers that ask it.

On one machine, the process that searches is the chief and starts the workers. On several, KerasTuner's environment
variables say who is who, and `python -m models.tuning_worker FOLDER` is a worker.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from data_schemas.errors import SearchFailed
from data_schemas.task import Task
from models.worker_job import Splits, write_job
from models.worker_process import start_worker, stop_workers

PROGRESS = logging.getLogger("radflow.progress")
_LOOPBACK = "127.0.0.1"
_POLL_S = 0.2


def run_workers(oracle: Any, handed: Path, task: Task, splits: Splits, weights: Mapping[str, str]) -> None:
    """Runs the trials of an oracle in worker processes, and returns when there are no more.

    Args:
        oracle: a `models.tuning_oracle.SearchOracle`.
        handed: a folder for what the workers are handed, removed when they have ended.
        task: the task; `tuning.parallel_trials` is the number of workers.
        splits: `train` and `eval`.
        weights: pretrained weights' files by backbone.

    Raises:
        SearchFailed: a worker ended before its time; the others are stopped.
    """
    count = min(task.tuning.parallel_trials, task.tuning.max_trials - len(oracle.end_order))
    if count < 1:
        return
    write_job(handed, task, splits, weights)
    try:
        with _chief(oracle) as port, _workers(handed, count=count, port=port) as workers:
            _wait(workers)
    finally:
        shutil.rmtree(handed)


def say_where_to_join(handed: Path, task: Task, splits: Splits, weights: Mapping[str, str]) -> None:
    """Writes what workers on other machines are handed, and says what to start there."""
    write_job(handed, task, splits, weights)
    PROGRESS.info(
        "waiting for workers at %s:%s; on each: python -m models.tuning_worker %s",
        os.environ["KERASTUNER_ORACLE_IP"], os.environ["KERASTUNER_ORACLE_PORT"], handed,
    )  # fmt: skip


@contextmanager
def _chief(oracle: Any) -> Iterator[int]:
    """Answers workers on a free port of the loopback, for as long as the block lasts; gives the port."""
    # One thread: KerasTuner's oracles are asked one question at a time.
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    protos.get_service_grpc().add_OracleServicer_to_server(OracleServicer(oracle), server)
    port = server.add_insecure_port(f"{_LOOPBACK}:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(grace=1).wait()


@contextmanager
def _workers(job: Path, *, count: int, port: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Starts workers, and stops those that still run when the block ends, however it ends."""
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(count):
            environment = os.environ | worker_environment(number, count=count, port=port)
            workers.append(start_worker("models.tuning_worker", str(job), environment=environment))
        yield workers
    finally:
        stop_workers(workers)


def worker_environment(
    number: int, *, count: int, port: int, given: Mapping[str, str] = os.environ, gpus: Sequence[str] | None = None
) -> dict[str, str]:
    """Returns the environment variables that make a process a worker, with its share of the machine.

    Args:
        number: which worker, from 0.
        count: how many there are.
        port: where the chief answers.
        given: the environment as it is; what the user set there stays.
        gpus: the machine's GPUs, as CUDA names them; None looks.
    """
    gpus = _gpus(given) if gpus is None else gpus
    share = {
        "TF_NUM_INTRAOP_THREADS": str(max(1, (os.cpu_count() or 1) // count)),
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    return {
        **{name: value for name, value in share.items() if name not in given},
        **({"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {}),
        "KERASTUNER_TUNER_ID": f"worker{number}",
        "KERASTUNER_ORACLE_IP": _LOOPBACK,
        "KERASTUNER_ORACLE_PORT": str(port),
        "no_grpc_proxy": _LOOPBACK,
    }


def _gpus(given: Mapping[str, str]) -> list[str]:
    import tensorflow as tf

    found = [str(number) for number in range(len(tf.config.list_physical_devices("GPU")))]
    return [name for name in given.get("CUDA_VISIBLE_DEVICES", "").split(",") if name] or found if found else []


def _wait(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """Waits for all workers to end.

    Raises:
        SearchFailed: one ended with an error.
    """
    while True:
        codes = [worker.poll() for worker in workers]
        failed = [code for code in codes if code]
        if failed:
            raise SearchFailed(
                f"a worker process of the search ended with status {failed[0]}; too little memory for "
                f"tuning.parallel_trials: {len(workers)} is a common cause, and the log may say more. Run again: what "
                "was completed is kept"
            )
        if all(code == 0 for code in codes):
            return
        time.sleep(_POLL_S)
