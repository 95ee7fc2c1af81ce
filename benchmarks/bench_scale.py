"""Scale: what an image costs in each step that reads or writes records, and whether that holds for more of them.

    python benchmarks/bench_scale.py [--images 1000 10000 50000] [--blocks 1] [--beam local-cluster:2]

Each block runs the executors of DicomExampleGen, StatisticsGen and Transform (the analysis of the records, not their
decoding) on one file and then on each number of files, which are links to a few hundred synthetic studies. The slope of
log(cost - cost of one file) on log(files) is 1 where every file costs the same. Target: the median slope of the ingest
within 0.95 to 1.05. Costs are CPU seconds of this process and its children, which other work on the machine hardly
changes; on a cluster, whose processes outlive a step, they are seconds. Memory is the resident set of this process over
what it held before the step, and of the largest process below it: a worker, or the cluster's runner.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from growth import peak_memory, slope
from ingest_run import ingest, quieten, write_manifest
from ratios import Ratio, load_average, print_result

from data_schemas.features import SPLITS
from data_schemas.schema import tabular_features, write_schema
from data_schemas.task import Task
from data_schemas.task_file import load_task, transform_json
from imaging.synthetic import write_sample
from pipeline.beam_options import HELP, parse_beam

_STUDIES = 300
_PACKAGES = ("apache-beam", "tfx", "tensorflow-data-validation", "tensorflow-transform", "numpy", "pydicom")
_STEPS = ("DicomExampleGen", "StatisticsGen", "Transform")

Costs = dict[str, dict[int, list[float]]]
"""By step and number of files, a number a block."""


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments, load = _parse(), load_average()
    quieten()
    task = load_task("synthetic_chest")
    costs: Costs = {step: {} for step in _STEPS}
    memory: dict[str, dict[int, list[tuple[int, int]]]] = {step: {} for step in _STEPS}
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch, _beam(arguments.beam) as beam:
        folder = Path(scratch)
        write_sample(folder / "sample", studies=_STUDIES)
        files = sorted((folder / "sample" / "dicom").glob("*.dcm"))
        manifests = {
            count: write_manifest(folder / f"{count}.csv", files, label=task.labels.names[0], images=count)
            for count in (1, *arguments.images)
        }
        clock = time.perf_counter if beam else _cpu_seconds
        for step in _steps(manifests[1], task=task, folder=folder / "warm-up", beam=beam).values():
            step()
        for _ in range(arguments.blocks):
            for count, manifest in manifests.items():
                steps = _steps(manifest, task=task, folder=folder / "run", beam=beam)
                for name, step in steps.items():
                    began, started = clock(), time.perf_counter()
                    with peak_memory(memory[name].setdefault(count, [])):
                        step()
                    costs[name].setdefault(count, []).append(clock() - began)
                    elapsed = time.perf_counter() - started
                    print(f"  {count} files, {name}: {costs[name][count][-1]:.1f} s in {elapsed:.1f} s", flush=True)
                _print_bytes(folder / "run", count)
                shutil.rmtree(folder / "run")
    print_result("scale", _slopes(costs), packages=_PACKAGES, details=_details(costs, memory), load=load)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, nargs="+", default=[1000, 10000, 50000], help="[%(default)s]")
    parser.add_argument("--blocks", type=int, default=1, help="repetitions, for the spread [%(default)s]")
    parser.add_argument("--beam", default="", help=HELP)
    parser.add_argument("--scratch", help="folder for files, about 60 KB an image [the system's]")
    return parser.parse_args()


@contextmanager
def _beam(text: str) -> Iterator[list[str]]:
    from pipeline.beam_cluster import local_cluster

    options = parse_beam(text)
    if not options.workers:
        yield list(options.arguments)
        return
    with local_cluster(options.workers) as arguments:
        yield [*arguments, *options.arguments]


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _steps(manifest: Path, *, task: Task, folder: Path, beam: Sequence[str]) -> dict[str, Callable[[], Any]]:
    """Returns what runs each step, in their order, in a folder."""
    return {
        "DicomExampleGen": lambda: ingest(manifest, task=task, folder=folder, beam=beam, keep=True),
        "StatisticsGen": lambda: _statistics(task, folder=folder, beam=beam),
        "Transform": lambda: _transform(task, folder=folder, beam=beam),
    }


def _statistics(task: Task, *, folder: Path, beam: Sequence[str]) -> None:
    from tfx.components.statistics_gen.executor import Executor
    from tfx.types import standard_artifacts

    from components.statistics_gen.component import statistics_gen

    examples, statistics = _examples(folder), standard_artifacts.ExampleStatistics()
    statistics.uri = str(folder / "statistics")
    component = statistics_gen(_channel(examples), features=tabular_features(task))
    _do(Executor, {"examples": [examples]}, {"statistics": [statistics]}, component, folder=folder, beam=beam)


def _transform(task: Task, *, folder: Path, beam: Sequence[str]) -> None:
    from tfx.components import Transform
    from tfx.components.transform.executor import Executor
    from tfx.types import standard_artifacts

    from pipeline.pipeline import PREPROCESSING

    examples, schema, graph = _examples(folder), standard_artifacts.Schema(), standard_artifacts.TransformGraph()
    schema.uri, graph.uri = str(write_schema(task, folder / "schema").parent), str(folder / "transform_graph")
    cache = standard_artifacts.TransformCache()
    cache.uri = str(folder / "cache")
    component = Transform(
        examples=_channel(examples),
        schema=_channel(schema),
        preprocessing_fn=PREPROCESSING,
        custom_config={"task": transform_json(task)},
        materialize=False,
        disable_statistics=True,
    )
    made = {"transform_graph": [graph], "updated_analyzer_cache": [cache]}
    _do(Executor, {"examples": [examples], "schema": [schema]}, made, component, folder=folder, beam=beam)


def _examples(folder: Path) -> Any:
    from tfx.types import standard_artifacts

    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(folder / "examples"), json.dumps(list(SPLITS))
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    return examples


def _channel(artifact: Any) -> Any:
    from tfx.types import channel_utils

    return channel_utils.as_channel([artifact])


def _do(
    executor: Any, inputs: dict[str, Any], outputs: dict[str, Any], component: Any, *, folder: Path, beam: Sequence[str]
) -> None:
    context = executor.Context(beam_pipeline_args=list(beam), tmp_dir=str(folder / "tmp"), unique_id="1")
    executor(context).Do(inputs, outputs, component.exec_properties)


def _print_bytes(folder: Path, count: int) -> None:
    """Prints how many bytes an image takes in the records and in the image index."""
    for name in ("examples", "report"):
        size = sum(path.stat().st_size for path in (folder / name).rglob("*") if path.is_file())
        print(f"  {count} files, {name}: {size / count:.0f} bytes a file", flush=True)


def _slopes(costs: Costs) -> list[Ratio]:
    ratios = []
    for step, of_step in costs.items():
        blocks = range(len(of_step[1]))
        slopes = [slope({count: costs_of[block] for count, costs_of in of_step.items()}) for block in blocks]
        target = {"target": 1.0, "tolerance": 0.05} if step == "DicomExampleGen" else {}
        ratios.append(Ratio(f"{step}: slope of log(cost - cost of one file) on log(files)", slopes, **target))
    return ratios


def _details(costs: Costs, memory: dict[str, dict[int, list[tuple[int, int]]]]) -> dict[str, Any]:
    return {
        "ms_a_file": {
            step: {
                count: round(1000 * (min(found) - min(of_step[1])) / count, 2)
                for count, found in of_step.items()
                if count > 1
            }
            for step, of_step in costs.items()
        },
        "fixed_s": {step: round(min(of_step[1]), 1) for step, of_step in costs.items()},
        "this_process_mib_over_its_start": {
            step: {count: max(own for own, _ in peaks) for count, peaks in of_step.items()}
            for step, of_step in memory.items()
        },
        "largest_process_below_mib": {
            step: {count: max(worker for _, worker in peaks) for count, peaks in of_step.items()}
            for step, of_step in memory.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
