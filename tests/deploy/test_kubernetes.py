"""The Kubernetes manifests: valid by Kubernetes' own schema, hardened, and their parts find each other."""

from __future__ import annotations

import copy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from serving.gateway.settings import GatewaySettings
from tests.deploy.manifests import BASE, DEPLOY, base_manifests, compose, container, documents, example_env

VERSIONS = ("1.28", "1.31", "1.34")
MANIFESTS = base_manifests()
DEPLOYMENTS = [name for kind, name in MANIFESTS if kind == "Deployment"]
GPU = documents(DEPLOY / "kubernetes" / "gpu" / "model-server.yaml")[0]
INGRESS = documents(DEPLOY / "kubernetes" / "ingress.example.yaml")[0]
BATCHING = ["--enable_batching=true", "--batching_parameters_file=/etc/radflow/batching.config"]


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = MANIFESTS["Deployment", name]["spec"]["template"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", [*MANIFESTS.values(), INGRESS], ids=lambda one: one["metadata"]["name"])
def test_kubernetes_schema_takes_it(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_is_found() -> None:
    wrong = copy.deepcopy(MANIFESTS["Deployment", "gateway"])
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_the_kustomization_has_every_file_of_its_folder() -> None:
    listed = set(documents(BASE / "kustomization.yaml")[0]["resources"])
    assert listed | {"kustomization.yaml"} == {path.name for path in BASE.iterdir()}


@pytest.mark.parametrize("overlay", ["base", "gpu"])
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: it puts the overlay together")
def test_kustomize_makes_valid_manifests_of_it(overlay: str) -> None:
    command = ["kubectl", "kustomize", str(DEPLOY / "kubernetes" / overlay)]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(made)}
    assert found.keys() == MANIFESTS.keys()
    for one in found.values():
        kubernetes_validate.validate(one, VERSIONS[0], strict=True)
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "radflow"
    server = container(found["Deployment", "model-server"])
    assert server["args"][-2:] == BATCHING if overlay == "gpu" else BATCHING[0] not in server["args"]
    assert ("nvidia.com/gpu" in server["resources"]["limits"]) == (overlay == "gpu")
    assert server["resources"]["requests"]["memory"] and server["volumeMounts"], "the base's, which the patch leaves"


def test_the_gpu_patch_meets_its_container_and_adds_batching_alone_to_the_flags() -> None:
    base = container(MANIFESTS["Deployment", "model-server"])
    patch = container(GPU)
    assert GPU["metadata"]["name"] == "model-server" and patch["name"] == base["name"]
    assert patch["args"] == base["args"] + BATCHING
    assert patch["image"] == f"{base['image']}-gpu"


def test_compose_and_kubernetes_start_the_same_model_server() -> None:
    folders = {"RADFLOW_OUTPUT": "/radflow-output", "RADFLOW_API_KEYS_FILE": "/keys"}
    theirs = compose(variables=example_env() | folders).services["model-server"]
    ours = container(MANIFESTS["Deployment", "model-server"])
    assert (ours["image"], ours["command"], ours["args"]) == (theirs.image, theirs.entrypoint, theirs.command)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pods_meet_the_restricted_pod_security_standard(name: str) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted, and a read-only root."""
    spec, own = pod(name)["spec"], container(MANIFESTS["Deployment", name])
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert own["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    kinds = {next(iter(volume.keys() - {"name"})) for volume in spec["volumes"]}
    assert kinds <= {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    assert MANIFESTS["Namespace", "radflow"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_containers_have_probes_and_resources(name: str) -> None:
    own = container(MANIFESTS["Deployment", name])
    assert all(own[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness"))
    assert own["resources"]["requests"].keys() == {"cpu", "memory"} and "memory" in own["resources"]["limits"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_what_a_pod_mounts_and_reads_is_declared(name: str) -> None:
    spec, own = pod(name)["spec"], container(MANIFESTS["Deployment", name])
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert {mount["name"] for mount in own["volumeMounts"]} == volumes.keys()
    claims = {one["persistentVolumeClaim"]["claimName"] for one in volumes.values() if "persistentVolumeClaim" in one}
    maps = {one["configMap"]["name"] for one in volumes.values() if "configMap" in one}
    maps |= {source["configMapRef"]["name"] for source in own.get("envFrom", [])}
    assert all(("PersistentVolumeClaim", claim) in MANIFESTS for claim in claims)
    assert all(("ConfigMap", one) in MANIFESTS for one in maps)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_services_and_policies_find_the_pods(name: str) -> None:
    labels = pod(name)["metadata"]["labels"]
    assert MANIFESTS["Deployment", name]["spec"]["selector"]["matchLabels"] == labels
    service = MANIFESTS["Service", name]["spec"]
    assert service["selector"] == labels
    ports = {port["name"] for port in container(MANIFESTS["Deployment", name])["ports"]}
    assert {port["targetPort"] for port in service["ports"]} <= ports
    assert MANIFESTS["NetworkPolicy", name]["spec"]["podSelector"]["matchLabels"] == labels


def test_whatever_is_not_listed_is_closed_and_only_the_gateway_reaches_the_model_server() -> None:
    closed = MANIFESTS["NetworkPolicy", "nothing-else"]["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    (rule,) = MANIFESTS["NetworkPolicy", "model-server"]["spec"]["ingress"]
    assert rule == {
        "from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}}],
        "ports": [{"port": 8500}],
    }
    assert MANIFESTS["Service", "model-server"]["spec"]["clusterIP"] == "None"


def test_the_model_servers_files_are_those_of_compose() -> None:
    data = MANIFESTS["ConfigMap", "model-server-config"]["data"]
    folder = DEPLOY / "model-server"
    assert data == {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_gateways_settings_are_such_as_it_takes_and_its_secret_is_not_among_them(tmp_path: Path) -> None:
    environment = MANIFESTS["ConfigMap", "gateway-config"]["data"]
    spec, own = pod("gateway")["spec"], container(MANIFESTS["Deployment", "gateway"])
    assert not [kind for kind, _ in MANIFESTS if kind == "Secret"]
    (secret,) = [volume["secret"] for volume in spec["volumes"] if "secret" in volume]
    assert secret == {"secretName": "radflow-gateway", "defaultMode": 0o440}
    mounts = {mount["name"]: mount["mountPath"] for mount in own["volumeMounts"]}
    assert environment["RADFLOW_GATEWAY_API_KEYS_FILE"] == f"{mounts['secrets']}/api_keys.json"
    assert environment["RADFLOW_GATEWAY_DATA_FOLDER"] == mounts["data"]
    assert environment["RADFLOW_GATEWAY_SERVING_ROOT"] == mounts["output"]
    (tmp_path / "keys").write_text("[]")
    here = {"RADFLOW_GATEWAY_SERVING_ROOT": str(tmp_path), "RADFLOW_GATEWAY_API_KEYS_FILE": str(tmp_path / "keys")}
    assert GatewaySettings.from_environment(environment | here).model_server == "model-server:8500"


def test_several_gateways_would_share_one_sqlite_so_that_there_is_one() -> None:
    spec = MANIFESTS["Deployment", "gateway"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_ingress_leads_to_the_gateway() -> None:
    (path,) = INGRESS["spec"]["rules"][0]["http"]["paths"]
    backend = path["backend"]["service"]
    ports = {port["name"] for port in MANIFESTS["Service", backend["name"]]["spec"]["ports"]}
    assert backend["port"]["name"] in ports and INGRESS["spec"]["tls"]
