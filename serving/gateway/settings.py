"""What an operator says of the gateway: environment variables that begin with RADFLOW_GATEWAY_."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from data_schemas.errors import ProblemsError
from imaging.limits import MAX_EXAMPLE_FRAMES, MAX_FRAME_SAMPLES
from serving.gateway.schemas.predictions import WithheldCode

PREFIX = "RADFLOW_GATEWAY_"

DEFAULT_WITHHOLD: frozenset[WithheldCode] = frozenset(get_args(WithheldCode)) - {"burned_in_text"}
"""Everything that puts a case outside of what the model was made for; text in the pixels is only said."""

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures with a public key (RFC 7518, section 3.1; RFC 8037). HS256 is absent: an issuer's public key, taken for a
shared secret, would let everybody sign. So is `none`."""

_TUPLES = frozenset({"models", "oidc_algorithms", "allowed_hosts", "trusted_proxies", "withhold"})
_SQLITE = "sqlite:///"
_SECRET = frozenset({"database_url", "image_store"})
"""Both are URLs that may hold a password."""
_MUST_EXIST = ("model_server_ca", "model_server_cert", "model_server_key", "serving_root", "samples", "api_keys_file")
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _host_and_port(address: str) -> str:
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError("must be HOST:PORT, e.g. 127.0.0.1:8500")
    return address


def _secure_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return url
    raise ValueError("must be an https:// URL; http:// is taken of this machine alone")


Url = Annotated[str, AfterValidator(_secure_url)]
Name = Annotated[str, Field(min_length=1)]


class GatewaySettings(BaseModel):
    """Everything that the gateway is configured by; `docs/security.md` has the table.

    Attributes:
        model_server: HOST:PORT of TensorFlow Serving or of the embedded server.
        model_server_ca, model_server_cert, model_server_key: PEM files; `ca` turns TLS on, `cert` and `key` show the
            server who asks (mutual TLS).
        models: served names; the first is asked unless a request names another.
        data_folder: holds gateway.db, images/ and the pseudonym key.
        database_url: SQLAlchemy's; gateway.db in `data_folder` unless it is given. May hold a password.
        image_store: fsspec's URL; images/ in `data_folder` unless it is given.
        serving_root: OUTPUT/serving of the run, for test results and approvals.
        samples: folder of files that `POST /api/v1/samples` puts in.
        api_keys_file: what `radflow key add` writes.
        oidc_issuer, oidc_audience, oidc_jwks_url: whose tokens are taken, for whom, and where its keys are.
        oidc_role_claim, oidc_group_claim: where a token says them; a dot goes into an object.
        oidc_admin_role, oidc_reader_role: what the role claim must hold.
        oidc_leeway_s: seconds by which clocks may differ.
        allowed_hosts: names that the Host header may have; none: loopback names while no authentication is configured,
            else every one.
        trusted_proxies: addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
        max_request_bytes: of one upload; other requests have at most `max_json_bytes`.
        max_file_bytes, max_files, max_frames, max_frame_pixels: of one file, of one upload, of one file, of one frame.
        migrate: whether the database is brought to this version's tables at the start; else one that has others is
            refused, and `radflow storage migrate` is run by hand.
        retention_days: after how many days a case may be purged; None keeps it.
        rate_per_minute: requests of one principal.
        failed_per_minute: refused credentials of one address, before it has to wait.
        body_idle_s: seconds that a request's body may stand still; it must also arrive at 1 KiB/s on the whole.
        decode_workers, decode_queue: processes that decode, and uploads that may wait for one.
        predict_timeout_s: seconds for the model server's answer.
        withhold: what keeps scores from being shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    model_server: Annotated[str, AfterValidator(_host_and_port)] = "127.0.0.1:8500"
    model_server_ca: Path | None = None
    model_server_cert: Path | None = None
    model_server_key: Path | None = None
    models: Annotated[tuple[Name, ...], Field(min_length=1)] = ("default",)
    data_folder: Path = Path("radflow-output/gateway")
    database_url: str = Field("", repr=False)
    image_store: str = Field("", repr=False)
    migrate: bool = True
    serving_root: Path | None = None
    samples: Path | None = None
    api_keys_file: Path | None = None
    oidc_issuer: Url | None = None
    oidc_audience: Name | None = None
    oidc_jwks_url: Url | None = None
    oidc_algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "PS256", "ES256", "EdDSA")
    oidc_role_claim: Name = "roles"
    oidc_group_claim: Name = "group"
    oidc_admin_role: Name = "radflow-admin"
    oidc_reader_role: Name = "radflow-reader"
    oidc_leeway_s: Annotated[int, Field(ge=0, le=300)] = 30
    allowed_hosts: tuple[Name, ...] = ()
    trusted_proxies: tuple[Name, ...] = ()
    max_request_bytes: Annotated[int, Field(gt=0)] = 2 * 1024**3
    max_json_bytes: Annotated[int, Field(gt=0)] = 1024**2
    max_file_bytes: Annotated[int, Field(gt=0)] = 1024**3
    max_files: Annotated[int, Field(gt=0)] = 500
    max_frames: Annotated[int, Field(gt=0)] = MAX_EXAMPLE_FRAMES
    max_frame_pixels: Annotated[int, Field(gt=0, le=MAX_FRAME_SAMPLES)] = 2**26
    retention_days: Annotated[int, Field(gt=0)] | None = 30
    rate_per_minute: Annotated[int, Field(gt=0)] = 1200
    failed_per_minute: Annotated[int, Field(gt=0)] = 30
    body_idle_s: Annotated[float, Field(gt=0)] = 30.0
    decode_workers: Annotated[int, Field(gt=0)] = Field(default_factory=lambda: min(4, os.cpu_count() or 1))
    decode_queue: Annotated[int, Field(ge=0)] = 16
    predict_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    withhold: frozenset[WithheldCode] = DEFAULT_WITHHOLD

    @model_validator(mode="before")
    @classmethod
    def _stores(cls, given: Any) -> Any:
        """Puts database and images into the data folder unless they are elsewhere."""
        if not isinstance(given, dict):
            return given
        folder = Path(given.get("data_folder", cls.model_fields["data_folder"].default)).absolute()
        database = given.get("database_url") or f"sqlite:///{folder / 'gateway.db'}"
        return {**given, "database_url": database, "image_store": given.get("image_store") or str(folder / "images")}

    @field_validator("retention_days", mode="before")
    @classmethod
    def _never(cls, value: Any) -> Any:
        """Takes the word `never` for None: an empty variable is one that is not set."""
        return None if value == "never" else value

    @model_validator(mode="after")
    def _consistent(self) -> GatewaySettings:
        problems = _contradictions(self.model_dump(exclude_none=True))
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def authenticated(self) -> bool:
        """Whether requests have to say who they are; without, the gateway is for this machine alone."""
        return self.api_keys_file is not None or self.oidc_issuer is not None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> GatewaySettings:
        """Returns the settings that an environment describes; a variable that is set to nothing is as if it were unset.

        Raises:
            ConfigurationError: with every problem of the environment at once.
        """
        given = {
            name.removeprefix(PREFIX).lower(): value.strip()
            for name, value in environ.items()
            if name.startswith(PREFIX) and value.strip()
        }
        problems = [_unknown(name) for name in sorted(given.keys() - cls.model_fields.keys())]
        known = {name: _parts(name, value) for name, value in given.items() if name in cls.model_fields}
        settings, invalid = _validated(known)
        problems += [*invalid, *_contradictions(known), *_absent(known)]
        if settings is None or problems:
            raise ProblemsError("the gateway's environment", problems)
        return settings


def _validated(known: Mapping[str, Any]) -> tuple[GatewaySettings | None, list[str]]:
    """Returns the settings, or None and a sentence for each variable that cannot be read."""
    try:
        return GatewaySettings(**known), []
    except ValidationError as error:
        fields = [(str(one["loc"][0]), one["msg"]) for one in error.errors() if one["loc"]]
        return None, list(dict.fromkeys(_invalid(name, known.get(name), message) for name, message in fields))


def _parts(name: str, value: str) -> str | tuple[str, ...]:
    """Splits a list at its commas."""
    if name not in _TUPLES:
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _invalid(name: str, value: Any, message: str) -> str:
    text = ",".join(value) if isinstance(value, tuple) else str(value)
    shown = "" if name in _SECRET else f"={text}"
    sentence = message.removeprefix("Value error, ")
    return f"{_variable(name)}{shown}: {sentence[0].lower()}{sentence[1:]}"


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, GatewaySettings.model_fields, n=1)
    hint = f"did you mean {_variable(near[0])}?" if near else "docs/security.md lists those that are"
    return f"{_variable(name)}: no such setting; {hint}"


def _contradictions(given: Mapping[str, Any]) -> list[str]:
    """Returns what the settings that are given say against each other."""
    oidc = {"oidc_issuer", "oidc_audience", "oidc_jwks_url"}
    problems = [
        f"{_variable(name)} is missing: {_variable(present)} is given"
        for together in ({"model_server_cert", "model_server_key"}, oidc)
        for name in sorted(together - given.keys())
        for present in sorted(together & given.keys())[:1]
    ]
    if "model_server_cert" in given and "model_server_ca" not in given:
        problems.append(f"{_variable('model_server_ca')} is missing: without it the channel has no TLS")
    return problems


def _absent(given: Mapping[str, Any]) -> list[str]:
    return _no_database_folder(str(given.get("database_url", ""))) + [
        f"{_variable(name)}={given[name]}: no such file or folder"
        for name in _MUST_EXIST
        if name in given and not Path(given[name]).exists()
    ]


def _no_database_folder(url: str) -> list[str]:
    """Returns what is wrong with an SQLite file's folder: made anew, a mistyped one would begin an empty gateway."""
    if not url.startswith(_SQLITE):
        return []
    file = Path(url.removeprefix(_SQLITE).partition("?")[0])
    if file.parent.is_dir():
        return []
    return [
        f"{_variable('database_url')}: there is no database {file}, nor its folder; mend the URL, or make the folder"
    ]


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"
