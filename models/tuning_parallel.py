"""Trials in several processes at the same time, by KerasTuner's own protocol: one chief, and workers that ask it.

On one machine, the process that searches is the chief and starts the workers. On several, KerasTuner's environment
variables say who is who, and `python -m models.tuning_worker FOLDER` is a worker.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from keras_tuner.src import protos
from keras_tuner.src.distribute.oracle_chief import OracleServicer

from data_schemas.errors import SearchFailed
from data_schemas.task import Task
from data_schemas.task_file import task_from_json, task_to_json
from models.split_data import SplitData

PROGRESS = logging.getLogger("radflow.progress")
Splits = tuple[SplitData, SplitData]
_LOOPBACK = "127.0.0.1"
_POLL_S = 0.2
_STOP_TIMEOUT_S = 10.0


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


def write_job(folder: Path, task: Task, splits: Splits, weights: Mapping[str, str]) -> None:
    """Writes what a worker needs; the images as files that workers map into memory, and so share."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, split in enumerate(splits):
        np.save(folder / f"images_{number}.npy", split.images)
        np.save(folder / f"labels_{number}.npy", split.labels)
    named = [{"example_ids": split.example_ids, "patients": split.patients} for split in splits]
    job = {"task": task_to_json(task), "weights": dict(weights), "splits": named}
    (folder / "job.json").write_text(json.dumps(job))


def read_job(folder: Path) -> tuple[Task, Splits, dict[str, str]]:
    """Returns task, splits and weights that `write_job` wrote."""
    job = json.loads((folder / "job.json").read_text())
    train, held_out = (
        SplitData(
            np.load(folder / f"images_{number}.npy", mmap_mode="r"),
            np.load(folder / f"labels_{number}.npy"),
            tuple(named["example_ids"]),
            tuple(named["patients"]),
        )
        for number, named in enumerate(job["splits"])
    )
    return task_from_json(job["task"]), (train, held_out), job["weights"]


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
    # Of an open standard input, a worker sees the end when this process is killed.
    command = [sys.executable, "-m", "models.tuning_worker", "--with-parent", str(job)]
    try:
        for number in range(count):
            environment = os.environ | worker_environment(number, count=count, port=port)
            workers.append(subprocess.Popen(command, stdin=subprocess.PIPE, env=environment))
        yield workers
    finally:
        _stop(workers)


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


def _stop(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        if worker.stdin:
            worker.stdin.close()
