"""Compiles the pipeline for Kubeflow Pipelines, and is the first and the last step of what it compiled.

`radflow compile` calls it, and `tfx pipeline create --engine vertex --pipeline-path` is pointed at it. That command
hides its arguments from this file, so it then reads RADFLOW_TASK, RADFLOW_MANIFEST, RADFLOW_OUTPUT and RADFLOW_WEIGHTS,
as `local_runner.py` does, and RADFLOW_IMAGE and RADFLOW_ROOT. The paths are those that the cluster's steps see.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import local_runner
from data_schemas.errors import CanaryRefused, GateRefused, RadflowError
from data_schemas.models_config import settle_models_config
from data_schemas.task import Task
from data_schemas.task_file import load_task, task_from_json, task_to_json
from models.weights import WEIGHTS_VARIABLE
from pipeline.beam_options import IN_PROCESS
from pipeline.kubeflow.found import found_names, found_values, referring_settings
from pipeline.kubeflow.options import IMAGE, OUTPUT, ROOT, ClusterOptions, read_root

_COMMAND = ("python", "-m", "kubeflow_runner")


def compile_pipeline(
    task: Task, options: ClusterOptions, file: Path, *, beam_args: tuple[str, ...] = IN_PROCESS
) -> None:
    """Writes what Kubeflow Pipelines runs: YAML, or for Vertex AI, where the file's name ends so, JSON.

    Neither data nor weights are looked at: the first step does that, in the cluster.

    Args:
        task: the task.
        options: what the cluster is told.
        file: what is written.
        beam_args: arguments for every Beam step; unless given, it processes its data in its own pod.

    Raises:
        ConfigurationError: the task has a network that cannot be built, or resources are for a step that there is not.
    """
    models = local_runner.buildable_models(task)
    from pipeline.kubeflow.spec import ClusterRunner, cluster_pipeline  # loads TFX

    settings = referring_settings(
        task,
        options.output,
        backbones=[model.backbone for model in models],
        steps=local_runner.CODE,
        beam_args=beam_args,
    )
    runner = ClusterRunner(
        options,
        file,
        found=found_names(settings),
        prepare=_prepare_command(task, options),
        settle=[*_COMMAND, "settle", "--output", str(options.output)],
    )
    runner.run(cluster_pipeline(settings, options))


def _prepare_command(task: Task, options: ClusterOptions) -> list[str]:
    command = [*_COMMAND, "prepare", "--task", task_to_json(task), "--output", str(options.output)]
    for name, path in (("--manifest", options.manifest), ("--weights", options.weights)):
        command += [name, str(path)] if path else []
    return command


def options_from_environment(environment: Mapping[str, str] = os.environ) -> ClusterOptions:
    """Returns what a cluster is told when only the environment can say it."""
    manifest, weights = environment.get("RADFLOW_MANIFEST"), environment.get(WEIGHTS_VARIABLE)
    return ClusterOptions(
        image=environment.get("RADFLOW_IMAGE", IMAGE),
        root=read_root(environment.get("RADFLOW_ROOT", ROOT)),
        output=Path(environment.get("RADFLOW_OUTPUT", OUTPUT)),
        manifest=Path(manifest) if manifest else None,
        weights=Path(weights) if weights else None,
    )


def prepare_step(arguments: argparse.Namespace) -> None:
    """Checks all that can be checked before any work, and gives the other steps what they cannot know.

    Raises:
        ConfigurationError: as `local_runner.prepare`.
    """
    from pipeline.kubeflow.outputs import write_parameters

    manifest = arguments.manifest or local_runner.sample(arguments.output / "sample")
    settings = local_runner.prepare_task(
        task_from_json(arguments.task), manifest, output=arguments.output, weights=arguments.weights
    )
    write_parameters(arguments.executor_input, found_values(settings))


def settle_step(arguments: argparse.Namespace) -> None:
    """Waits until model servers had time to load what was pushed, and moves the labels that wait for it.

    Raises:
        GateRefused: nothing was pushed, for the model missed a gate: the run shall not look like one that pushed.
        CanaryRefused: nothing was pushed, for the served model answers otherwise than the trained one.
    """
    from pipeline.kubeflow.outputs import input_number

    settle_models_config(arguments.output / "serving")
    if input_number(arguments.executor_input, "pushed_model", "pushed"):
        return
    blessed = bool(input_number(arguments.executor_input, "blessing", "blessed"))
    who, refusal = ("the canary", CanaryRefused) if blessed else ("a gate", GateRefused)
    raise refusal(
        f"{who} refused the model: nothing was pushed, and what was served before stays; the run's report in "
        f"{arguments.output / 'reports'} says why"
    )


def main(argv: Sequence[str]) -> int:
    """Runs a step, where a cluster calls this file; compiles, where the `tfx` command does, without arguments."""
    if not argv:
        task = load_task(os.environ.get("RADFLOW_TASK", local_runner.DEMO_TASK))
        compile_pipeline(task, options_from_environment(), Path("pipeline.json"))
        return 0
    try:
        arguments = _parser().parse_args(argv)
        arguments.step(arguments)
    except RadflowError as error:
        sys.stderr.write(f"{argv[0]}: {error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubeflow_runner")
    steps = parser.add_subparsers(required=True)
    for name, step in (("prepare", prepare_step), ("settle", settle_step)):
        one = steps.add_parser(name)
        one.set_defaults(step=step)
        one.add_argument("--output", type=Path, required=True)
        one.add_argument("--executor_input", required=True)
        if name == "prepare":
            one.add_argument("--task", required=True)
            one.add_argument("--manifest", type=Path)
            one.add_argument("--weights", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
