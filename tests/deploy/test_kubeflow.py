"""The manifests for Kubeflow: valid, with as few rights as a step needs, and the volumes that the commands name."""

from __future__ import annotations

import re

import kubernetes_validate
import pytest

from tests.deploy.manifests import DEPLOY, base_manifests, documents

BASE = DEPLOY / "kubeflow" / "base"
KIND = DEPLOY / "kubeflow" / "kind"
VOLUMES = documents(KIND / "volumes.yaml")
FILES = sorted(set(BASE.glob("*.yaml")) - {BASE / "kustomization.yaml"})
MANIFESTS = [one for path in FILES for one in documents(path)]
GUIDE = (DEPLOY.parent / "docs" / "cluster.md").read_text(encoding="utf-8")


def claims():
    return {one["metadata"]["name"]: one for one in MANIFESTS if one["kind"] == "PersistentVolumeClaim"}


@pytest.mark.parametrize("version", ["1.28", "1.34"])
@pytest.mark.parametrize("manifest", [*MANIFESTS, *VOLUMES], ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_kubernetes_schema_takes_it(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_kustomization_has_every_file_of_its_folder():
    listed = set(documents(BASE / "kustomization.yaml")[0]["resources"])
    assert listed | {"kustomization.yaml"} == {path.name for path in BASE.iterdir()}


def test_a_steps_account_starts_nothing_and_reads_one_secret():
    (role,) = [one for one in MANIFESTS if one["kind"] == "Role"]
    rights = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert {verb for resource, verb in rights if resource != "workflowtaskresults"} == {"get"}
    (secrets,) = [rule for rule in role["rules"] if "secrets" in rule["resources"]]
    assert secrets["resourceNames"] == ["mlpipeline-minio-artifact"]
    (binding,) = [one for one in MANIFESTS if one["kind"] == "RoleBinding"]
    assert binding["subjects"][0]["name"] in GUIDE and binding["roleRef"]["name"] == role["metadata"]["name"]


def test_each_volume_on_kind_is_one_that_a_claim_can_take():
    """A claim takes a volume of its name, class, modes and at least its size."""
    serving = base_manifests()["PersistentVolumeClaim", "radflow-output"]
    wanted = {("kubeflow", name): one for name, one in claims().items()} | {("radflow", "radflow-output"): serving}
    offered = {(one["spec"]["claimRef"]["namespace"], one["spec"]["claimRef"]["name"]): one["spec"] for one in VOLUMES}
    assert offered.keys() == wanted.keys()
    for key, claim in wanted.items():
        assert set(claim["spec"]["accessModes"]) <= set(offered[key]["accessModes"])
        assert claim["spec"]["resources"]["requests"]["storage"] == offered[key]["capacity"]["storage"]
        assert offered[key]["storageClassName"] == ""
    for overlay in (KIND, DEPLOY / "kubernetes" / "kind"):
        (patch,) = documents(overlay / "kustomization.yaml")[0]["patches"]
        assert patch["target"]["kind"] == "PersistentVolumeClaim" and 'storageClassName, value: ""' in patch["patch"]


def test_pipeline_and_model_server_have_the_same_folder_at_the_same_path():
    shared = [one["spec"]["hostPath"]["path"] for one in VOLUMES if one["spec"]["claimRef"]["name"] == "radflow-output"]
    assert len(shared) == 2 and len(set(shared)) == 1
    (node,) = documents(KIND / "cluster.yaml")[0]["nodes"]
    mounted = {one["containerPath"] for one in node["extraMounts"]}
    assert mounted == {one["spec"]["hostPath"]["path"] for one in VOLUMES}
    assert "--output /radflow-output --volume radflow-output:/radflow-output" in GUIDE
    container = base_manifests()["Deployment", "model-server"]["spec"]["template"]["spec"]["containers"][0]
    assert "/radflow-output/serving" in [mount["mountPath"] for mount in container["volumeMounts"]]


def test_the_guide_names_files_that_there_are():
    named = set(re.findall(r"\bdeploy/[\w./-]+[\w]", GUIDE))
    assert len(named) > 5
    for path in named:
        assert (DEPLOY.parent / path).exists(), path
