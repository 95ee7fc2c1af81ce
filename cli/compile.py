"""`radflow compile`: the pipeline as a file that Kubeflow Pipelines runs, and, if asked, a run of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from data_schemas.errors import ConfigurationError
from pipeline.beam_options import parse_remote_beam
from pipeline.kubeflow.options import (
    IMAGE,
    OUTPUT,
    ROOT,
    ClusterOptions,
    read_resources,
    read_root,
    read_secret,
    read_volume,
)

_FILE = Path("pipeline.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Write the pipeline as a file that Kubeflow Pipelines 2 runs. Paths are those that the cluster's steps see: "
        "data and weights are looked at there, by the first step. Without options, it is the demo's."
    )
    parser.add_argument("--engine", choices=["kubeflow"], default="kubeflow", help="what runs the file [%(default)s]")
    parser.add_argument("-o", "--file", type=Path, default=_FILE, metavar="FILE", help="what is written [%(default)s]")
    _add_places(parser)
    _add_cluster(parser)
    submit = parser.add_argument_group("starting a run")
    submit.add_argument("--submit", action="store_true", help="start a run of the file")
    submit.add_argument("--endpoint", metavar="URL", help="the API of Kubeflow Pipelines, for --submit")
    submit.add_argument("--namespace", metavar="NAME", help="where the run goes, on a Kubeflow with several users")
    submit.add_argument("--service-account", metavar="NAME", help="whom the run's pods act for")
    submit.add_argument("--experiment", metavar="NAME", help="what the run is listed under")


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", help="a shipped task (`radflow tasks`) or a YAML file on this machine [the demo's]")
    parser.add_argument(
        "--hyperparameters",
        type=Path,
        metavar="FILE",
        help="JSON, or a former run's output, on this machine, whose hyperparameters become the task's own",
    )
    places = parser.add_argument_group("places, as the cluster's steps see them")
    places.add_argument("--manifest", type=Path, metavar="FILE", help="CSV with one row an image [a sample is made]")
    places.add_argument("--weights", type=Path, metavar="DIR", help="folder of pretrained weights")
    places.add_argument(
        "--output",
        type=Path,
        default=OUTPUT,
        metavar="DIR",
        help="receives models, reports and keys; on a volume [%(default)s]",
    )
    places.add_argument(
        "--root",
        default=ROOT,
        metavar="URI",
        help="receives artifacts: gs://, s3:// or minio:// [%(default)s]",
    )


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    cluster = parser.add_argument_group("the cluster")
    cluster.add_argument("--image", default=IMAGE, metavar="NAME", help="the image of every step [%(default)s]")
    cluster.add_argument(
        "--resources",
        action="append",
        default=[],
        metavar="STEP=cpu:N,memory:N,gpu:N",
        help="what a step, or `all`, asks for: Trainer=cpu:4,memory:16G,gpu:1; may be given again",
    )
    cluster.add_argument(
        "--volume",
        action="append",
        default=[],
        metavar="CLAIM:/PATH",
        help="a PersistentVolumeClaim that every step has; may be given again",
    )
    cluster.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="VARIABLE=SECRET/KEY",
        help="a Kubernetes secret's key that every step has in its environment; may be given again",
    )
    cluster.add_argument(
        "--training-job",
        action="store_true",
        help="the Trainer hands the training to the workers of a TFJob that you start (deploy/kubeflow/training)",
    )
    cluster.add_argument(
        "--beam", default="", metavar="ARGUMENTS", help="arguments of Beam's runner, quoted: '--runner=FlinkRunner ...'"
    )


def run(arguments: argparse.Namespace) -> int:
    """Compiles, and submits if asked.

    Raises:
        ConfigurationError: an option, the task, or what is needed to submit is wrong; nothing is written then.
    """
    if arguments.submit != bool(arguments.endpoint):
        raise ConfigurationError("--submit and --endpoint URL belong together: one starts a run, the other says where")
    if arguments.file.suffix not in (".yaml", ".yml"):
        raise ConfigurationError(f"-o {arguments.file}: Kubeflow Pipelines reads a file whose name ends in .yaml")
    options = _options(arguments)
    import kubeflow_runner
    import local_runner
    from data_schemas.task_file import load_task
    from models.hyperparameters import read_hyperparameters, with_hyperparameters

    task = load_task(arguments.task or local_runner.DEMO_TASK)
    if arguments.hyperparameters:
        task = with_hyperparameters(task, read_hyperparameters(arguments.hyperparameters, task))
    kubeflow_runner.compile_pipeline(task, options, arguments.file, beam_args=parse_remote_beam(arguments.beam))
    print(f"{arguments.file}: {task.title}, for Kubeflow Pipelines; artifacts go to {options.root}")
    if not arguments.submit:
        print("Next: upload it in Kubeflow's page, or compile again with --submit --endpoint URL")
        return 0
    from pipeline.kubeflow.submit import submit

    address = submit(
        arguments.file,
        endpoint=arguments.endpoint,
        namespace=arguments.namespace,
        service_account=arguments.service_account,
        experiment=arguments.experiment,
    )
    print(f"Run started: {address}")
    return 0


def _options(arguments: argparse.Namespace) -> ClusterOptions:
    for name in ("output", "manifest", "weights"):
        path = getattr(arguments, name)
        if path is not None and not path.is_absolute():
            raise ConfigurationError(f"--{name} {path}: give the absolute path that the cluster's steps see")
    return ClusterOptions(
        image=arguments.image,
        root=read_root(arguments.root),
        output=arguments.output,
        manifest=arguments.manifest,
        weights=arguments.weights,
        resources=dict(map(read_resources, arguments.resources)),
        secrets=tuple(map(read_secret, arguments.secret)),
        volumes=tuple(map(read_volume, arguments.volume)),
        training_job=arguments.training_job,
    )
