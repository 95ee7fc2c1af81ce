"""Makes the specification that Kubeflow Pipelines v2 runs of the pipeline that also runs on one machine.

TFX translates the steps. What open-source Kubeflow lacks is added here: a first step that looks at data and code, from
which the others get what TFX's drivers would have found; a last one; and steps that run `pipeline.kubeflow.step`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as tfx_runner
from tfx.orchestration.pipeline import Pipeline

from data_schemas.errors import ConfigurationError
from data_schemas.training_cluster import ELSEWHERE, WORKERS_VARIABLE
from pipeline.kubeflow.found import FOUND_PREFIX, names_in
from pipeline.kubeflow.options import ALL_STEPS, ClusterOptions, Resources
from pipeline.pipeline import create_pipeline
from pipeline.settings import PipelineSettings

PREPARE, SETTLE = "Prepare", "Settle"
"""The steps that only a cluster has."""

_TRAINER, _REPORT = "Trainer", "ModelReport"
_VERDICTS = {"blessing": ("Evaluator", "blessing"), "pushed_model": ("Pusher", "pushed_model")}
"""What the last step is given, by the step that made it: whether the model passed, and whether it was pushed."""
_STEP = ("python", "-m", "pipeline.kubeflow.step")
_GPU = "nvidia.com/gpu"
_TEXT = {"parameterType": "STRING"}
_ENVIRONMENT = [{"name": "_KFP_RUNTIME", "value": "true"}]
"""As Kubeflow's own steps have it: importing kfp's messages does not load its client then, 5 s of CPU."""
Message = dict[str, Any]


def cluster_pipeline(settings: PipelineSettings, options: ClusterOptions) -> Pipeline:
    """Returns the pipeline as a cluster calls it: Kubeflow allows no underscore in a name."""
    return create_pipeline(settings, name=settings.task.name.replace("_", "-"), root=options.root)


class ClusterRunner(tfx_runner.KubeflowV2DagRunner):
    """TFX's runner, which only writes a file, with what open-source Kubeflow lacks.

    Args:
        options: what the cluster is told.
        file: what is written: YAML for Kubeflow, or JSON for Vertex AI.
        found: what the first step finds, by name.
        prepare: the first step's command.
        settle: the last step's command.
    """

    def __init__(
        self,
        options: ClusterOptions,
        file: Path,
        *,
        found: Sequence[str],
        prepare: Sequence[str],
        settle: Sequence[str],
    ) -> None:
        config = tfx_runner.KubeflowV2DagRunnerConfig(
            default_image=options.image, default_commands=list(_STEP), use_pipeline_spec_2_1=True
        )
        super().__init__(config, output_dir=str(file.parent), output_filename=file.name)
        self._options, self._found, self._prepare, self._settle = options, tuple(found), prepare, settle

    def run(
        self, pipeline: Pipeline, parameter_values: dict[str, Any] | None = None, write_out: bool | None = True
    ) -> Message:
        """Returns the job, and writes it where the constructor (or the `tfx` command) said.

        Args:
            pipeline: of settings that refer to what is found.
            parameter_values: TFX's.
            write_out: whether a file is written.

        Raises:
            ConfigurationError: resources are asked for a step that there is not.
        """
        job: Message = super().run(pipeline, parameter_values, write_out=False)
        spec = job["pipelineSpec"]
        self._complete(spec)
        if write_out:
            file = Path(self._output_dir) / self._output_filename
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(_text(file, job, _platform(spec, self._options)), encoding="utf-8")
        return job

    def _complete(self, spec: Message) -> None:
        for node in spec["root"]["dag"]["tasks"]:
            _complete_step(spec, node, self._found)
        _add_step(spec, PREPARE, self._prepare, image=self._options.image, outputs=self._found)
        # A run fails at its last step or not at all: what fails before keeps Kubeflow from beginning the rest.
        _add_step(spec, SETTLE, self._settle, image=self._options.image, after=(_REPORT,), inputs=_VERDICTS)
        _set_resources(spec, self._options.resources)
        if self._options.training_job:
            _container(spec, _TRAINER)["env"] += [{"name": WORKERS_VARIABLE, "value": ELSEWHERE}]
        spec["defaultPipelineRoot"] = self._options.root


def _complete_step(spec: Message, node: str, known: Sequence[str]) -> None:
    """Makes references inputs of a step, and its container one that Kubeflow's launcher can run."""
    task, component = spec["root"]["dag"]["tasks"][node], spec["components"][node]
    parameters = task.get("inputs", {}).get("parameters", {})
    constants = [one["runtimeValue"]["constant"] for one in parameters.values()]
    for name in sorted(names_in("\n".join(one for one in constants if isinstance(one, str))) & set(known)):
        output = {"producerTask": PREPARE, "outputParameterKey": name}
        parameters[f"{FOUND_PREFIX}{name}"] = {"taskOutputParameter": output}
        component["inputDefinitions"]["parameters"][f"{FOUND_PREFIX}{name}"] = dict(_TEXT)
    task["dependentTasks"] = sorted({*task.get("dependentTasks", ()), PREPARE})
    container = _container(spec, node)
    container["args"] = ["--node", node, *container["args"]]
    container["env"] = list(_ENVIRONMENT)
    # TFX's driver, of which only Vertex AI takes notice, would look for input by a path that is not known yet.
    container.pop("lifecycle", None)


def _add_step(
    spec: Message,
    node: str,
    command: Sequence[str],
    *,
    image: str,
    after: Sequence[str] = (),
    inputs: Mapping[str, tuple[str, str]] = MappingProxyType({}),
    outputs: Sequence[str] = (),
) -> None:
    """Adds a step of our own. It never comes from the cache: it looks at what is outside the pipeline.

    Args:
        spec: gets the step.
        node: its name.
        command: what its container runs.
        image: of the container.
        after: steps that it waits for, beside those that make its inputs.
        inputs: artifacts by name, as step and output.
        outputs: names of its output parameters.
    """
    label = f"{node}_executor"
    component: Message = {"executorLabel": label}
    if inputs:
        made = {name: spec["components"][step]["outputDefinitions"] for name, (step, _) in inputs.items()}
        types = {name: made[name]["artifacts"][output]["artifactType"] for name, (_, output) in inputs.items()}
        component["inputDefinitions"] = {"artifacts": {name: {"artifactType": one} for name, one in types.items()}}
    if outputs:
        component["outputDefinitions"] = {"parameters": {name: dict(_TEXT) for name in outputs}}
    spec["components"][node] = component
    container = {"image": image, "command": list(command), "args": ["--executor_input", "{{$}}"]}
    spec["deploymentSpec"]["executors"][label] = {"container": container | {"env": list(_ENVIRONMENT)}}
    task: Message = {"taskInfo": {"name": node}, "componentRef": {"name": node}, "cachingOptions": {}}
    if inputs:
        sources = {
            name: {"taskOutputArtifact": {"producerTask": step, "outputArtifactKey": output}}
            for name, (step, output) in inputs.items()
        }
        task["inputs"] = {"artifacts": sources}
    if after or inputs:
        task["dependentTasks"] = sorted({*after, *(step for step, _ in inputs.values())})
    spec["root"]["dag"]["tasks"][node] = task


def _set_resources(spec: Message, resources: Mapping[str, Resources]) -> None:
    nodes = list(spec["root"]["dag"]["tasks"])
    unknown = sorted(set(resources) - {ALL_STEPS, *nodes})
    if unknown:
        raise ConfigurationError(
            f"--resources {unknown[0]}=...: there is no such step; steps: {', '.join([ALL_STEPS, *nodes])}"
        )
    for node in nodes:
        wanted = resources.get(node, resources.get(ALL_STEPS, Resources()))
        message: Message = {}
        if wanted.cpu:
            message |= {"cpuRequest": wanted.cpu, "cpuLimit": wanted.cpu}
        if wanted.memory:
            message |= {"memoryRequest": wanted.memory, "memoryLimit": wanted.memory}
        if wanted.gpu:
            message |= {"accelerator": {"type": _GPU, "count": str(wanted.gpu)}}
        if message:
            _container(spec, node)["resources"] = message


def _container(spec: Message, node: str) -> Message:
    container: Message = spec["deploymentSpec"]["executors"][spec["components"][node]["executorLabel"]]["container"]
    return container


def _platform(spec: Message, options: ClusterOptions) -> Message:
    """Returns what only Kubernetes knows of (kfp-kubernetes' messages): secrets and volumes of every step."""
    step: Message = {}
    if options.secrets:
        step["secretAsEnv"] = [
            {"secretName": one.secret, "keyToEnv": [{"secretKey": one.key, "envVar": one.variable}]}
            for one in options.secrets
        ]
    if options.volumes:
        step["pvcMount"] = [{"constant": one.claim, "mountPath": one.path} for one in options.volumes]
    executors = dict.fromkeys(sorted(spec["deploymentSpec"]["executors"]), step) if step else {}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}} if executors else {}


def _text(file: Path, job: Message, platform: Message) -> str:
    """Returns the file's text: for Vertex AI a job, for Kubeflow the specification and what Kubernetes is told."""
    if file.suffix == ".json":
        return json.dumps(job, indent=1, sort_keys=True)
    documents = [job["pipelineSpec"], *([platform] if platform else [])]
    text: str = yaml.dump_all(json.loads(json.dumps(documents)), sort_keys=True)
    return text
