"""The part of the Compose Specification (https://compose-spec.io) that our files use; anything else is a mistake."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Duration = Annotated[str, Field(pattern=r"^(\d+h)?(\d+m)?(\d+s)?$", min_length=2)]
Text = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Bind(_Strict):
    """Options of a bind mount."""

    create_host_path: bool


class Mount(_Strict):
    """A volume in the long syntax."""

    type: Literal["bind", "volume"]
    source: Text | None = None
    target: Text
    read_only: bool = False
    bind: Bind | None = None


class Healthcheck(_Strict):
    """How a container is found to be well."""

    test: list[Text]
    interval: Duration
    timeout: Duration
    retries: int
    start_period: Duration


class Build(_Strict):
    """How an image is made."""

    context: Text
    dockerfile: Text


class Condition(_Strict):
    """What is waited for."""

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Device(_Strict):
    """A reserved device."""

    driver: Text
    count: int
    capabilities: list[Text]


class Reservations(_Strict):
    """What is kept free for a service."""

    devices: list[Device]


class Resources(_Strict):
    """Of a deployment."""

    reservations: Reservations


class Deploy(_Strict):
    """Of a service."""

    resources: Resources


class Service(_Strict):
    """One container. In an override only what changes is there."""

    image: Text | None = None
    build: Build | None = None
    entrypoint: list[Text] = []
    command: list[Text] = []
    depends_on: dict[str, Condition] = {}
    environment: dict[str, str] = {}
    secrets: list[Text] = []
    volumes: list[Mount] = []
    networks: list[Text] = []
    ports: list[Text] = []
    healthcheck: Healthcheck | None = None
    user: Text | None = None
    read_only: bool = False
    tmpfs: list[Text] = []
    cap_drop: list[Text] = []
    security_opt: list[Text] = []
    pids_limit: int | None = None
    mem_limit: Text | None = None
    restart: Literal["no", "always", "on-failure", "unless-stopped"] | None = None
    deploy: Deploy | None = None


class Network(_Strict):
    """A network."""

    internal: bool = False


class Volume(_Strict):
    """A named volume."""


class Secret(_Strict):
    """A secret from a file."""

    file: Text


class ComposeFile(_Strict):
    """A whole file."""

    name: Text | None = None
    services: dict[str, Service]
    networks: dict[str, Network] = {}
    volumes: dict[str, Volume] = {}
    secrets: dict[str, Secret] = {}
