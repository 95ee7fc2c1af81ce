"""Which machines train together, and which of them a process is: what TF_CONFIG says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data_schemas.errors import ConfigurationError

WORKERS_VARIABLE, ELSEWHERE = "RADFLOW_TRAINING_WORKERS", "elsewhere"
"""The variable, set to this, says that somebody else starts all workers: the Trainer is none of them."""

_EXAMPLE = '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
_Address = Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")]


@dataclass(frozen=True)
class TrainingCluster:
    """Machines that share each batch of one training.

    Attributes:
        addresses: HOST:PORT of each, the chief's first.
        index: which of them this process is.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def chief(self) -> bool:
        """Whether this process writes what is kept."""
        return self.index == 0


class _Machines(BaseModel):
    model_config = ConfigDict(extra="forbid")  # parameter servers would wait for ever

    chief: Annotated[tuple[_Address, ...], Field(max_length=1)] = ()
    worker: tuple[_Address, ...] = ()


class _Place(BaseModel):
    type: Literal["chief", "worker"]
    index: Annotated[int, Field(ge=0)]


class _Config(BaseModel):
    """As TensorFlow describes the variable; what else is in it (`environment`) does not matter here."""

    cluster: _Machines = _Machines()
    task: _Place | None = None

    @model_validator(mode="after")
    def _is_in_the_cluster(self) -> _Config:
        if len(self.addresses) > 1:
            if self.task is None:
                raise ValueError("it does not say which of the machines this is (task)")
            if self.task.index >= len(getattr(self.cluster, self.task.type)):
                raise ValueError(f"there is no {self.task.type} {self.task.index} in its cluster")
        return self

    @property
    def addresses(self) -> tuple[str, ...]:
        return (*self.cluster.chief, *self.cluster.worker)


def training_cluster(environment: Mapping[str, str] = os.environ) -> TrainingCluster | None:
    """Returns the cluster that TF_CONFIG names; None where it is not set, or names one machine alone.

    Raises:
        ConfigurationError: it is no description of such a cluster.
    """
    text = environment.get("TF_CONFIG", "")
    if not text.strip():
        return None
    try:
        config = _Config.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"TF_CONFIG is no cluster ({f'{where}: ' if where else ''}{first['msg']}): unset it, or give JSON such as "
            f"{_EXAMPLE}"
        ) from error
    if len(config.addresses) < 2 or config.task is None:
        return None
    before = len(config.cluster.chief) if config.task.type == "worker" else 0
    return TrainingCluster(config.addresses, before + config.task.index)
