"""The gateway's environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from data_schemas.errors import ConfigurationError
from serving.gateway.settings import GatewaySettings

DOCS = Path(__file__).parents[4] / "docs/security.md"


def settings(**variables: str) -> GatewaySettings:
    environ = {f"RADFLOW_GATEWAY_{name.upper()}": value for name, value in variables.items()}
    return GatewaySettings.from_environment(environ)


def problems(**variables: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        settings(**variables)
    return str(caught.value).splitlines()[1:]


def test_an_empty_environment_is_a_gateway_for_this_machine_alone():
    defaults = GatewaySettings.from_environment({"PATH": "/usr/bin"})
    assert not defaults.authenticated
    assert defaults.model_server == "127.0.0.1:8500"
    assert defaults.retention_days == 30
    assert defaults.withhold == {
        "modality_mismatch", "view_mismatch", "age_mismatch", "modality_unknown", "view_unknown", "age_unknown",
        "out_of_distribution", "not_accepted",
    }  # fmt: skip


def test_database_and_images_are_in_the_data_folder(tmp_path: Path):
    given = settings(data_folder=str(tmp_path))
    assert given.database_url == f"sqlite:///{tmp_path}/gateway.db"
    assert given.image_store == f"{tmp_path}/images"
    assert settings(data_folder=str(tmp_path), database_url="postgresql+pg8000://h/d").image_store == given.image_store


def test_lists_are_split_at_commas():
    given = settings(models="chest, hand", withhold="burned_in_text,out_of_distribution", allowed_hosts="a.example")
    assert given.models == ("chest", "hand")
    assert given.withhold == {"burned_in_text", "out_of_distribution"}
    assert given.allowed_hosts == ("a.example",)


def test_never_keeps_cases_and_an_empty_variable_is_unset():
    assert settings(retention_days="never").retention_days is None
    assert settings(retention_days=" ").retention_days == 30


def test_every_problem_is_told_at_once(tmp_path: Path):
    told = problems(
        model_server="nowhere",
        max_files="many",
        retention_days="0",
        withhold="modality_mismatch,weather",
        oidc_issuer="https://id.example",
        model_server_cert=str(tmp_path / "absent.pem"),
        max_flies="3",
    )
    text = "\n".join(told)
    assert "MAX_FLIES: no such setting; did you mean RADFLOW_GATEWAY_MAX_FILES?" in text
    assert "MODEL_SERVER=nowhere: must be HOST:PORT" in text
    assert "MAX_FILES=many" in text
    assert "RETENTION_DAYS=0" in text
    assert "WITHHOLD=modality_mismatch,weather" in text
    assert "OIDC_AUDIENCE is missing: RADFLOW_GATEWAY_OIDC_ISSUER is given" in text
    assert "OIDC_JWKS_URL is missing" in text
    assert "MODEL_SERVER_KEY is missing" in text
    assert "absent.pem: no such file or folder" in text


@pytest.mark.parametrize("algorithm", ["none", "HS256", "hs512"])
def test_unsigned_and_shared_secret_tokens_cannot_be_allowed(algorithm: str):
    assert "OIDC_ALGORITHMS" in "".join(problems(oidc_algorithms=f"RS256,{algorithm}"))


@pytest.mark.parametrize("url", ["http://id.example/keys", "file:///etc/passwd", "id.example"])
def test_keys_are_fetched_by_https(url: str):
    told = problems(oidc_issuer="https://id.example", oidc_audience="radflow", oidc_jwks_url=url)
    assert "must be an https:// URL" in "".join(told)


def test_keys_may_be_fetched_by_http_of_this_machine():
    given = settings(oidc_issuer="https://i.example", oidc_audience="r", oidc_jwks_url="http://127.0.0.1:8080/keys")
    assert given.authenticated


def test_no_password_in_repr_or_in_a_problem():
    url = "postgresql+pg8000://radflow:hunter2@db/radflow"
    assert "hunter2" not in repr(settings(database_url=url))
    assert "hunter2" not in "".join(problems(database_url=url, max_files="x"))


def test_contradictions_are_refused_of_a_caller_too():
    with pytest.raises(ValidationError, match="MODEL_SERVER_KEY is missing"):
        GatewaySettings(model_server_ca=Path("ca.pem"), model_server_cert=Path("c.pem"))


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        settings().max_files = 3


def test_the_table_of_the_document_has_every_setting_and_no_other():
    rows = [line.split("`")[1] for line in DOCS.read_text().splitlines() if line.startswith("| `RADFLOW_GATEWAY_")]
    assert sorted(rows) == sorted(f"RADFLOW_GATEWAY_{name.upper()}" for name in GatewaySettings.model_fields)


def test_a_database_whose_folder_is_missing_is_refused_and_nothing_is_made(tmp_path: Path):
    (told,) = problems(database_url=f"sqlite:///{tmp_path}/mistyped/gateway.db")
    assert f"there is no database {tmp_path}/mistyped/gateway.db, nor its folder" in told
    assert not any(tmp_path.iterdir())
    assert settings(database_url=f"sqlite:///{tmp_path}/gateway.db").database_url.endswith("/gateway.db")
