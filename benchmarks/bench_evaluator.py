"""The Evaluator against the bare predictions of the same model on the same records.

    python benchmarks/bench_evaluator.py [--images 600] [--blocks 3]

The bare side reads the TFRecords and calls `serving_default` in batches of 32. The other is the Evaluator's executor:
TFMA, Beam, slices, intervals, gates, and the files it leaves; what the statistics alone take is told apart. With a
champion, here the same model, both score every record. Target: at most twice the bare predictions plus the statistics,
with a champion at most three times. The model is MobileNet of width 0.25 at 224 x 224; TFMA's own start weighs less
with more images.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ratios import Ratio, load_average, print_result
from untrained_model import make_untrained_model

from data_schemas.description import ModelDescription
from data_schemas.model_files import ASSETS, DESCRIPTION_FILE
from data_schemas.task import Task
from data_schemas.task_file import task_to_json
from data_schemas.wire import example_pb2
from imaging.example import serving_examples

_BATCH = 32
_PACKAGES = ("tensorflow", "tensorflow-model-analysis", "apache-beam", "numpy")


def main() -> int:
    """Measures and prints; returns 0, whether the targets are met or not."""
    arguments, load = _parse(), load_average()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model, examples = _prepare(folder, arguments.images)
        blocks = [_block(folder / str(number), model, examples) for number in range(arguments.blocks)]
    bare, statistics, alone, compared = (list(column) for column in zip(*blocks, strict=True))
    ratios = [
        Ratio(
            f"the Evaluator {said}, less statistics, over bare predictions",
            _ratios(times, statistics, bare),
            target,
        )
        for said, times, target in (("alone", alone, 2.0), ("with a champion", compared, 3.0))
    ]
    names = ("bare_seconds", "statistics_seconds", "evaluator_seconds", "with_champion_seconds")
    rounded = [[round(one, 1) for one in times] for times in (bare, statistics, alone, compared)]
    details = {"images": arguments.images, **dict(zip(names, rounded, strict=True))}
    print_result("evaluator", ratios, packages=_PACKAGES, details=details, load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=600, help="records that are judged [%(default)s]")
    parser.add_argument("--blocks", type=int, default=3, help="repetitions, for the spread [%(default)s]")
    return parser.parse_args()


def _ratios(times: list[float], statistics: list[float], bare: list[float]) -> list[float]:
    return [(time_ - own) / one for time_, own, one in zip(times, statistics, bare, strict=True)]


def _prepare(folder: Path, images: int) -> tuple[Path, Path]:
    """Returns the model's artifact and the examples' artifact."""
    version = make_untrained_model(folder / "made")
    shutil.copytree(version, folder / "model" / "Format-Serving")
    _write_records(folder / "examples" / "Split-test", folder / "model" / "Format-Serving", images)
    return folder / "model", folder / "examples"


def _description(serving: Path) -> ModelDescription:
    return ModelDescription.model_validate_json((serving / ASSETS / DESCRIPTION_FILE).read_text())


def _write_records(folder: Path, serving: Path, images: int) -> None:
    """Writes noise of 512 x 512, 16 bits, two images a patient, with random labels."""
    import tensorflow as tf

    folder.mkdir(parents=True)
    task, generator = _description(serving).task, np.random.default_rng(0)
    with tf.io.TFRecordWriter(str(folder / "data.gz"), options="GZIP") as writer:
        for number in range(images):
            noise = generator.integers(0, 2**16, (512, 512), np.uint16)
            (example,) = serving_examples(cv2.imencode(".png", noise)[1].tobytes(), task=task)
            record = example_pb2.Example.FromString(example.serialized)
            values = {"patient": f"p{number // 2}", "study": f"s{number}", "example_id": f"e{number}"}
            values |= {"label": task.labels.names[generator.integers(2)], "sex": "FM"[number // 2 % 2]}
            for name, value in values.items():
                del record.features.feature[name].bytes_list.value[:]
                record.features.feature[name].bytes_list.value.append(value.encode())
            writer.write(record.SerializeToString())


def _block(folder: Path, model: Path, examples: Path) -> tuple[float, float, float, float]:
    task = _description(model / "Format-Serving").task
    bare = _seconds(lambda: _predict(model / "Format-Serving", examples))
    alone = _seconds(lambda: _evaluate(folder / "alone", model, examples, task))
    compared = _seconds(lambda: _evaluate(folder / "compared", model, examples, task, champion=model))
    return bare, _seconds(lambda: _statistics(folder / "alone" / "evaluation", model)), alone, compared


def _predict(serving: Path, examples: Path) -> None:
    import tensorflow as tf

    from serving.server.servable import Servable
    from serving.tensors import string_array

    servable = Servable.load(serving)
    files = tf.io.gfile.glob(f"{examples}/Split-test/*")
    batch: list[bytes] = []
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        batch.append(record)
        if len(batch) == _BATCH:
            servable.run("serving_default", {"inputs": string_array(batch)})
            batch = []
    if batch:
        servable.run("serving_default", {"inputs": string_array(batch)})
    servable.close()


def _evaluate(folder: Path, model: Path, examples: Path, task: Task, *, champion: Path | None = None) -> None:
    from tfx.types import standard_artifacts, standard_component_specs
    from tfx.utils import json_utils

    from components.evaluator.executor import Executor

    def artifact(kind: Any, uri: Path) -> Any:
        uri.mkdir(parents=True, exist_ok=True)
        made = kind()
        made.uri = str(uri)
        return made

    records = artifact(standard_artifacts.Examples, examples)
    records.split_names = '["test"]'
    records.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    inputs = {"examples": [records], "model": [artifact(standard_artifacts.Model, model)]}
    if champion is not None:
        served = artifact(standard_artifacts.Model, champion)
        served.set_int_custom_property("usable", 1)
        inputs["baseline_model"] = [served]
    outputs = {
        "evaluation": [artifact(standard_artifacts.ModelEvaluation, folder / "evaluation")],
        "blessing": [artifact(standard_artifacts.ModelBlessing, folder / "blessing")],
    }
    splits = json_utils.dumps(["test"])
    properties = {"task": task_to_json(task), "looks_ledger": str(folder / "looks.jsonl")}
    Executor().Do(inputs, outputs, properties | {standard_component_specs.EXAMPLE_SPLITS_KEY: splits})


def _statistics(evaluation: Path, model: Path) -> None:
    from components.evaluator.results import read_cases
    from evaluation.differences import Judged
    from evaluation.evaluation import evaluate
    from evaluation.judged import judged_cases

    description = _description(model / "Format-Serving")
    judged = Judged(judged_cases(read_cases(evaluation), description), description.operating_points)
    evaluate(judged, description.task.labels, slices=description.task.slices)


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
