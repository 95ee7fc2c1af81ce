"""Starts the embedded model server on the exported model and asks it, over gRPC, what the Trainer has answered."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from data_schemas.errors import RadflowError
from data_schemas.features import EXAMPLE_ID
from data_schemas.model_files import EVAL_SCORES_FILE
from data_schemas.wire import example_pb2
from imaging.warm_up import warm_up_example
from serving.child_server import child_server
from serving.client import ModelClient

TOLERANCE = 1e-5
"""Largest difference of a score: float32 sums in another order, and no more."""
_BATCH = 16
_NAME = "candidate"


@dataclass(frozen=True)
class Verdict:
    """What the canary found; `reason` is empty when the model is blessed."""

    reason: str
    largest_difference: float
    latency_p50_ms: float


class Executor(base_executor.BaseExecutor):
    """Executor of ServingCanary."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the InfraBlessing."""
        model = artifact_utils.get_single_instance(input_dict["model"])
        run = artifact_utils.get_single_instance(input_dict["model_run"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        folder = artifact_utils.get_split_uri(input_dict["examples"], "eval")
        rows = read_rows(folder, exec_properties["rows"])
        verdict = judge(Path(path_utils.serving_model_dir(model.uri)), rows, Path(run.uri) / EVAL_SCORES_FILE)
        blessing.set_int_custom_property("blessed", int(not verdict.reason))
        blessing.set_string_custom_property("reason", verdict.reason)
        blessing.set_string_custom_property("largest_difference", f"{verdict.largest_difference:.3g}")
        blessing.set_string_custom_property("latency_p50_ms", f"{verdict.latency_p50_ms:.2f}")
        Path(blessing.uri).mkdir(parents=True, exist_ok=True)
        marker = "INFRA_NOT_BLESSED" if verdict.reason else "INFRA_BLESSED"
        (Path(blessing.uri) / marker).write_text(verdict.reason)


def read_rows(folder: str, count: int) -> dict[str, bytes]:
    """Returns the first serialized examples of a split, by example id."""
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    rows: dict[str, bytes] = {}
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").take(count).as_numpy_iterator():
        example = example_pb2.Example.FromString(record)
        rows[example.features.feature[EXAMPLE_ID].bytes_list.value[0].decode()] = record
    return rows


def judge(model: Path, rows: dict[str, bytes], expected_file: Path) -> Verdict:
    """Returns whether a model, served, gives the scores that the Trainer wrote.

    Args:
        model: the SavedModel.
        rows: serialized examples by id.
        expected_file: the Trainer's `eval_scores.json`.
    """
    recorded = json.loads(expected_file.read_text())
    expected = dict(zip(recorded["example_ids"], recorded["scores"], strict=True))
    try:
        with _served(model) as client:
            scores, latencies = _ask(client, rows)
            _warm_up(client)
    except (RadflowError, KeyError, ValueError, subprocess.TimeoutExpired) as error:
        return Verdict(f"the model does not serve: {error}", float("nan"), float("nan"))
    wanted = np.asarray([expected[key] for key in rows], np.float32)
    if scores.shape != wanted.shape:
        reason = f"the served scores have the shape {scores.shape}, the Trainer's {wanted.shape}"
        return Verdict(reason, float("nan"), float("nan"))
    difference = float(np.max(np.abs(scores - wanted)))
    agrees = difference <= TOLERANCE
    reason = "" if agrees else f"served scores differ from the Trainer's by {difference:.2g} (allowed {TOLERANCE:g})"
    return Verdict(reason, difference, statistics.median(latencies) * 1000)


def _ask(client: ModelClient, rows: dict[str, bytes]) -> tuple[np.ndarray, list[float]]:
    """Returns the scores of all rows, asked in batches, and the seconds that single rows took."""
    records = list(rows.values())
    batches = [records[start : start + _BATCH] for start in range(0, len(records), _BATCH)]
    scores = np.concatenate([client.predict(batch).outputs["scores"] for batch in batches])
    latencies = []
    for record in records[:_BATCH]:
        start = time.perf_counter()
        client.predict([record])
        latencies.append(time.perf_counter() - start)
    return scores, latencies


def _warm_up(client: ModelClient) -> None:
    """Asks what the warm-up records will ask, of the same image: a server does not serve a version that refuses them.

    Raises:
        ModelServerError: the model refuses it.
    """
    example = warm_up_example(client.describe().task)
    client.predict([example])
    client.predict([example], signature="explain", label=np.array([0], np.int64))


@contextmanager
def _served(model: Path) -> Iterator[ModelClient]:
    """Serves a model as version 1 of a folder of its own, for as long as the block lasts."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "1").symlink_to(model.absolute(), target_is_directory=True)
        # No second attempt: a model that does not load is refused, not waited for.
        with (
            child_server(Path(folder), name=_NAME, options=["--max_num_load_retries=0"], stderr=None) as address,
            ModelClient(address, _NAME) as client,
        ):
            yield client
