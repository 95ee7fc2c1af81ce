"""The compose files: valid, closed to the outside, and of one mind with the example and the gateway's settings."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from serving.gateway.settings import GatewaySettings
from tests.deploy.compose_schema import ComposeFile
from tests.deploy.manifests import DEPLOY, compose, example_env, interpolated, needed_variables, variables_of

FILES = ("compose.yaml", "compose.gpu.yaml")
SERVICES = ("model-server", "gateway")
BATCHING = ["--enable_batching=true", "--batching_parameters_file=/etc/radflow/batching.config"]


@pytest.mark.parametrize("name", FILES)
def test_it_is_a_compose_file(name: str) -> None:
    assert compose(name).services.keys() <= set(SERVICES)


@pytest.mark.parametrize(
    "wrong",
    [
        {"services": {"gateway": {"imagee": "x"}}},
        {"services": {"gateway": {"command": "--port 8500"}}},
        {"services": {"gateway": {"environment": {"RADFLOW_GATEWAY_RETENTION_DAYS": 30}}}},
        {"services": {"gateway": {"restart": "sometimes"}}},
        {"services": {}, "network": {}},
    ],
)
def test_a_mistake_in_one_is_found(wrong) -> None:
    with pytest.raises(ValidationError):
        ComposeFile.model_validate(wrong)


@pytest.mark.parametrize("service", SERVICES)
def test_containers_run_as_nobody_in_particular_and_write_nowhere_but_where_they_must(service: str) -> None:
    found = compose().services[service]
    assert found.user is not None and not found.user.startswith(("0", "root"))
    assert found.read_only and found.cap_drop == ["ALL"] and "no-new-privileges:true" in found.security_opt
    assert found.healthcheck is not None and found.mem_limit and found.pids_limit and found.restart == "unless-stopped"


def test_the_model_server_is_reached_by_the_gateway_alone_and_the_gateway_by_this_machine() -> None:
    found = compose()
    server, gateway = (found.services[name] for name in SERVICES)
    assert server.ports == [] and server.networks == ["inside"] and found.networks["inside"].internal
    assert set(gateway.networks) == {"inside", "outside"}
    assert gateway.ports == ["127.0.0.1:8080:8080"]
    assert gateway.depends_on["model-server"].condition == "service_healthy"


@pytest.mark.parametrize("service", SERVICES)
def test_the_served_folder_is_read_only_and_where_it_is_on_the_host(service: str) -> None:
    folder = f"{example_env()['RADFLOW_OUTPUT']}/serving"
    (mount,) = [one for one in compose().services[service].volumes if one.source == folder]
    assert (mount.type, mount.target, mount.read_only) == ("bind", folder, True)
    assert mount.bind is not None and not mount.bind.create_host_path, "Docker would make it, owned by root"


def test_all_that_is_mounted_and_named_is_declared_or_there() -> None:
    found = compose()
    for service in found.services.values():
        assert {one.source for one in service.volumes if one.type == "volume" and one.source} <= found.volumes.keys()
        assert set(service.networks) <= found.networks.keys() and set(service.secrets) <= found.secrets.keys()
        local = [one.source for one in service.volumes if one.source and one.source.startswith(".")]
        assert all((DEPLOY / one).exists() for one in local)
    build = found.services["gateway"].build
    assert build is not None and (DEPLOY / build.context / build.dockerfile).is_file()


def test_the_example_has_every_variable_that_is_needed_and_none_that_is_not_used() -> None:
    used = variables_of("compose.yaml") | variables_of("compose.gpu.yaml")
    assert needed_variables("compose.yaml") <= example_env().keys() <= used


def test_without_a_variable_that_is_needed_nothing_starts() -> None:
    for name in needed_variables("compose.yaml"):
        with pytest.raises(KeyError, match=name):
            compose(variables={key: value for key, value in example_env().items() if key != name})


def test_the_gateways_environment_is_one_that_it_takes(tmp_path: Path) -> None:
    environment = dict(compose().services["gateway"].environment)
    assert environment["RADFLOW_GATEWAY_API_KEYS_FILE"] == f"/run/secrets/{compose().services['gateway'].secrets[0]}"
    (tmp_path / "serving").mkdir()
    (tmp_path / "keys").write_text("[]")
    here = {
        "RADFLOW_GATEWAY_SERVING_ROOT": str(tmp_path / "serving"),
        "RADFLOW_GATEWAY_API_KEYS_FILE": str(tmp_path / "keys"),
    }
    settings = GatewaySettings.from_environment(environment | here)
    assert settings.model_server == "model-server:8500" and settings.authenticated
    assert settings.models == ("synthetic_chest",) and settings.allowed_hosts == ("radflow.hospital.example",)
    targets = [one.target for one in compose().services["gateway"].volumes]
    assert environment["RADFLOW_GATEWAY_DATA_FOLDER"] in targets
    assert environment["RADFLOW_GATEWAY_SERVING_ROOT"] in targets


def test_the_gpu_variant_adds_a_gpu_and_batching_and_nothing_else() -> None:
    base, gpu = compose().services["model-server"], compose("compose.gpu.yaml").services["model-server"]
    assert gpu.command == base.command + BATCHING
    assert gpu.image == f"{base.image}-gpu"
    assert gpu.deploy is not None and gpu.deploy.resources.reservations.devices[0].capabilities == ["gpu"]
    assert gpu.model_fields_set == {"image", "command", "environment", "deploy"}


def test_labels_that_nobody_has_yet_may_be_given_before_a_version_is_loaded() -> None:
    assert "--allow_version_labels_for_unavailable_models=true" in compose().services["model-server"].command


def test_interpolation_follows_the_specification() -> None:
    assert interpolated("${A}-${B:-b}-${C:-}", {"A": "a"}) == "a-b-"
    with pytest.raises(KeyError, match="B"):
        interpolated("${B:?why}", {"B": ""})
    assert yaml.safe_load((DEPLOY / "compose.yaml").read_text())["name"] == "radflow"
