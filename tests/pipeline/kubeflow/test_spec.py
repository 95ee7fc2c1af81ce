"""What is compiled is what Kubeflow Pipelines 2 can run: by its own messages, and by what its open source lacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

import kubeflow_runner
from data_schemas.errors import ConfigurationError
from data_schemas.task_file import load_task
from pipeline.kubeflow.found import names_in
from pipeline.kubeflow.options import ClusterOptions, Resources
from tests.pipeline.kubeflow.conftest import OPTIONS
from tests.pipeline.kubeflow.emulator import Cluster

pytestmark = pytest.mark.pipeline
Documents = tuple[dict[str, Any], dict[str, Any]]

STEPS = {
    "Prepare", "DicomExampleGen", "StatisticsGen", "ImportSchemaGen", "ExampleValidator", "DataCheck", "Transform",
    "Tuner", "Trainer", "Champion", "Evaluator", "ServingCanary", "Pusher", "StressTest", "ModelReport", "Settle",
}  # fmt: skip


def test_it_is_a_specification_of_version_2_1_by_kubeflows_own_messages(documents: Documents) -> None:
    from kfp.pipeline_spec import pipeline_spec_pb2

    spec, platform = documents
    message = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    deployment = json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    assert message.schema_version == "2.1.0"
    assert message.default_pipeline_root == "gs://bucket/radflow"
    assert message.pipeline_info.name == "synthetic-chest"
    assert set(message.root.dag.tasks) == STEPS
    for name, task in message.root.dag.tasks.items():
        component = message.components[task.component_ref.name]
        assert set(task.inputs.parameters) == set(component.input_definitions.parameters), name
        assert set(task.inputs.artifacts) == set(component.input_definitions.artifacts), name
        assert deployment.executors[component.executor_label].WhichOneof("spec") == "container", name


def test_what_kubernetes_is_told_is_by_the_messages_of_kfp_kubernetes(documents: Documents) -> None:
    from kfp.kubernetes import kubernetes_executor_config_pb2

    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(documents[0]["deploymentSpec"]["executors"])
    for one in executors.values():
        config = json_format.ParseDict(one, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
        (secret,), (volume,) = config.secret_as_env, config.pvc_mount
        (pair,) = secret.key_to_env
        assert (secret.secret_name, pair.secret_key, pair.env_var) == (
            "object-store", "secretkey", "AWS_SECRET_ACCESS_KEY",
        )  # fmt: skip
        assert (volume.constant, volume.mount_path) == ("radflow-data", "/data")


def test_kubeflows_own_client_reads_the_file(compiled: Path) -> None:
    from kfp import components
    from kfp.client.client import _extract_pipeline_yaml

    read = _extract_pipeline_yaml(str(compiled))
    assert set(read.pipeline_spec.root.dag.tasks) == STEPS
    assert "kubernetes" in read.platform_spec.platforms
    assert components.load_component_from_file(str(compiled)).name == "synthetic-chest"


def test_every_step_waits_for_what_it_is_given(compiled: Path, documents: Documents, tmp_path: Path) -> None:
    order = Cluster(compiled, tmp_path).order()
    for name, task in documents[0]["root"]["dag"]["tasks"].items():
        inputs = task.get("inputs", {})
        outputs = [one["taskOutputArtifact"] for one in inputs.get("artifacts", {}).values()]
        outputs += [
            one["taskOutputParameter"] for one in inputs.get("parameters", {}).values() if "runtimeValue" not in one
        ]
        for output in outputs:
            assert output["producerTask"] in task["dependentTasks"]
            made = documents[0]["components"][output["producerTask"]]["outputDefinitions"]
            key = output.get("outputArtifactKey") or output["outputParameterKey"]
            assert key in {**made.get("artifacts", {}), **made.get("parameters", {})}, (name, key)
            assert order.index(output["producerTask"]) < order.index(name)
    assert order[0] == "Prepare" and order[-1] == "Settle"


def test_every_reference_is_an_input_of_its_step_and_of_no_other(documents: Documents) -> None:
    referring = 0
    for name, task in documents[0]["root"]["dag"]["tasks"].items():
        parameters = task.get("inputs", {}).get("parameters", {})
        found = {
            one["taskOutputParameter"]["outputParameterKey"]
            for one in parameters.values()
            if "taskOutputParameter" in one
        }
        texts = [str(one["runtimeValue"]["constant"]) for one in parameters.values() if "runtimeValue" in one]
        assert found == names_in("\n".join(texts)), name
        referring += bool(found)
    assert referring >= 9
    tasks = documents[0]["root"]["dag"]["tasks"]
    assert "found_fingerprint" in tasks["DicomExampleGen"]["inputs"]["parameters"]
    assert "found_served_state" in tasks["Champion"]["inputs"]["parameters"]
    assert "found_run_nonce" in tasks["Pusher"]["inputs"]["parameters"]


def test_only_what_looks_outside_the_pipeline_never_comes_from_the_cache(documents: Documents) -> None:
    tasks = documents[0]["root"]["dag"]["tasks"]
    assert {name for name, task in tasks.items() if not task["cachingOptions"].get("enableCache")} == {
        "Prepare",
        "Settle",
    }


def test_there_is_no_driver_and_no_resolver_which_open_source_kubeflow_does_not_run(documents: Documents) -> None:
    for label, executor in documents[0]["deploymentSpec"]["executors"].items():
        assert set(executor) == {"container"}, label
        assert "lifecycle" not in executor["container"], label
        assert executor["container"]["image"] == OPTIONS.image


def test_resources_are_those_of_the_step_or_of_all(documents: Documents) -> None:
    executors = documents[0]["deploymentSpec"]["executors"]
    trainer = executors["Trainer_executor"]["container"]["resources"]
    assert trainer["accelerator"] == {"type": "nvidia.com/gpu", "count": "1"}
    assert trainer["cpuLimit"] == trainer["cpuRequest"] == 4
    assert trainer["memoryLimit"] == pytest.approx(17.18, abs=0.01)  # 16 Gi are 17.18 G
    assert executors["Evaluator_executor"]["container"]["resources"] == {
        "cpuLimit": 0.5, "cpuRequest": 0.5, "memoryLimit": 2, "memoryRequest": 2,
    }  # fmt: skip


def test_beams_arguments_reach_every_step_that_runs_beam(documents: Documents) -> None:
    for name in ("DicomExampleGen", "StatisticsGen", "Transform", "Evaluator"):
        assert (
            "--direct_num_workers=2"
            in documents[0]["deploymentSpec"]["executors"][f"{name}_executor"]["container"]["args"]
        )


def test_resources_for_a_step_that_there_is_not_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    options = ClusterOptions(resources={"Training": Resources(cpu=1)})
    with pytest.raises(ConfigurationError, match=r"no such step; steps: all, .*Trainer"):
        kubeflow_runner.compile_pipeline(load_task("synthetic_chest"), options, tmp_path / "pipeline.yaml")
    assert not (tmp_path / "pipeline.yaml").exists()


def test_for_vertex_ai_a_job_is_written_with_its_root(tmp_path: Path) -> None:
    options = ClusterOptions(root="gs://bucket/radflow")
    kubeflow_runner.compile_pipeline(load_task("synthetic_chest"), options, tmp_path / "pipeline.json")
    job = json.loads((tmp_path / "pipeline.json").read_text())
    assert job["runtimeConfig"]["gcsOutputDirectory"] == "gs://bucket/radflow"
    assert "Tuner" not in job["pipelineSpec"]["root"]["dag"]["tasks"]
