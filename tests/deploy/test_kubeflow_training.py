"""The TFJob: what the operator takes, a pod that Kubernetes takes, and workers that find the run, and each other."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import kubernetes_validate
import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from data_schemas.training_cluster import training_cluster
from models.training_worker import main
from tests.deploy.manifests import DEPLOY, documents

FOLDER = DEPLOY / "kubeflow" / "training"
(JOB,) = documents(FOLDER / "tfjob.yaml")
(POLICY,) = documents(FOLDER / "network-policy.yaml")
(WORKERS,) = JOB["spec"]["tfReplicaSpecs"].values()
(CONTAINER,) = WORKERS["template"]["spec"]["containers"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class RunPolicy(_Strict):
    clean_pod_policy: Literal["All", "Running", "None"]
    ttl_seconds_after_finished: int


class Replicas(_Strict):
    replicas: Annotated[int, Field(ge=2)]
    restart_policy: Literal["Always", "OnFailure", "Never", "ExitCode"]
    template: dict[str, Any]


class JobSpec(_Strict):
    run_policy: RunPolicy
    tf_replica_specs: dict[Literal["Chief", "Worker"], Replicas]


class TfJob(_Strict):
    """The part of the operator's own schema (`manifests/base/crds/kubeflow.org_tfjobs.yaml`) that ours uses."""

    api_version: Literal["kubeflow.org/v1"]
    kind: Literal["TFJob"]
    metadata: dict[Literal["name"], str]
    spec: JobSpec


def operators_tf_configs() -> list[str]:
    """Returns what the operator sets in each pod: hosts are `JOB-worker-N.NAMESPACE.svc`, ports the container's."""
    namespace = documents(FOLDER / "kustomization.yaml")[0]["namespace"]
    (port,) = [one["containerPort"] for one in CONTAINER["ports"] if one["name"] == "tfjob-port"]
    count = WORKERS["replicas"]
    hosts = [f"{JOB['metadata']['name']}-worker-{number}.{namespace}.svc:{port}" for number in range(count)]
    return [
        json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": number}, "environment": "cloud"})
        for number in range(count)
    ]


def test_it_is_a_job_by_the_operators_schema() -> None:
    TfJob.model_validate(JOB)
    assert CONTAINER["name"] == "tensorflow"


@pytest.mark.parametrize("version", ["1.28", "1.34"])
def test_kubernetes_takes_its_pods_and_the_policy(version: str) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "worker"}, "spec": WORKERS["template"]["spec"]}
    kubernetes_validate.validate(pod, version, strict=True)
    kubernetes_validate.validate(POLICY, version, strict=True)


def test_the_kustomization_has_every_file_of_its_folder() -> None:
    listed = set(documents(FOLDER / "kustomization.yaml")[0]["resources"])
    assert listed | {"kustomization.yaml"} == {path.name for path in FOLDER.iterdir()}


def test_the_operators_tf_config_makes_the_pods_one_cluster() -> None:
    clusters = [training_cluster({"TF_CONFIG": text}) for text in operators_tf_configs()]
    assert [one.index for one in clusters if one] == [0, 1]
    assert {one.addresses for one in clusters if one} == {
        ("radflow-training-worker-0.kubeflow.svc:2222", "radflow-training-worker-1.kubeflow.svc:2222")
    }


def test_its_command_is_that_of_a_worker_of_the_demos_run_on_the_claim_of_the_pipeline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert CONTAINER["command"] == ["python", "-m", main.__module__]
    (mount,) = [one for one in CONTAINER["volumeMounts"] if one["name"] == "output"]
    (volume,) = [one for one in WORKERS["template"]["spec"]["volumes"] if one["name"] == "output"]
    assert CONTAINER["args"] == [f"{mount['mountPath']}/unfinished/synthetic_chest/training"]
    claims = [one["metadata"]["name"] for one in documents(DEPLOY / "kubeflow" / "base" / "storage.yaml")]
    assert volume["persistentVolumeClaim"]["claimName"] in claims
    monkeypatch.setenv("TF_CONFIG", operators_tf_configs()[1])
    assert main([*CONTAINER["args"], "--wait-minutes", "0"]) == 1  # its arguments are understood: it has waited
    assert "no training was handed out in /radflow-output/unfinished/synthetic_chest" in capsys.readouterr().err


def test_workers_reach_each_other_and_nobody_else_reaches_them() -> None:
    own = {"podSelector": {"matchLabels": {"training.kubeflow.org/job-name": JOB["metadata"]["name"]}}}
    assert POLICY["spec"]["podSelector"] == own["podSelector"]
    (inward,) = POLICY["spec"]["ingress"]
    assert inward == {"from": [own], "ports": [{"port": CONTAINER["ports"][0]["containerPort"]}]}
