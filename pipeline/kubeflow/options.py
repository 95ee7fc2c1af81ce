"""What a cluster is told beside the pipeline: image, places, resources, secrets and volumes, read from text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data_schemas.errors import ConfigurationError
from pipeline.kubeflow.places import FOLDERS

IMAGE = "radflow-pipeline"
ROOT = "minio://mlpipeline/radflow"
"""In the bucket that an installation of Kubeflow Pipelines brings along."""
OUTPUT = Path("/radflow-output")
"""Where deploy/ mounts the volume of this name, for the pipeline and for the model server."""

ALL_STEPS = "all"
"""In place of a step's name: what every step has that is not named itself."""

_RESOURCES = re.compile(r"(cpu|memory|gpu):([0-9]*\.?[0-9]+)(|m|[KMGT]i?)")
_UNITS = {"": 1e-9, **{f"{prefix}i": 1024**power / 1e9 for power, prefix in enumerate("KMGT", 1)}}
_UNITS |= {prefix: 1000**power / 1e9 for power, prefix in enumerate("KMGT", 1)}
"""Bytes' units of Kubernetes, in 10^9 bytes, in which KFP's specification counts."""
_SECRET = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=([a-z0-9][a-z0-9.-]*)/([A-Za-z0-9._-]+)")
_VOLUME = re.compile(r"([a-z0-9][a-z0-9.-]*):(/.+)")
_EXAMPLE = "Trainer=cpu:4,memory:16G,gpu:1"


@dataclass(frozen=True)
class Resources:
    """What a step asks of its node, and may not exceed.

    Attributes:
        cpu: cores; 0 is the cluster's default.
        memory: 10^9 bytes; 0 is the cluster's default.
        gpu: NVIDIA GPUs.
    """

    cpu: float = 0
    memory: float = 0
    gpu: int = 0


@dataclass(frozen=True)
class Secret:
    """A Kubernetes secret's key that every step has as an environment variable. Its value is nowhere in the file."""

    variable: str
    secret: str
    key: str


@dataclass(frozen=True)
class Volume:
    """A PersistentVolumeClaim that every step has under a path."""

    claim: str
    path: str


@dataclass(frozen=True)
class ClusterOptions:
    """Everything about a cluster.

    Attributes:
        image: the container image of every step.
        root: where artifacts go; gs://, s3:// or minio://, or a path where steps share a file system.
        output: the folder that receives what is no artifact (models, reports, keys), as the steps see it.
        manifest: the manifest's path as the steps see it; without one they make the sample.
        weights: the folder of pretrained weights as the steps see it.
        resources: by step, or `ALL_STEPS`.
        secrets: as environment variables.
        volumes: mounted into every step.
        training_job: the Trainer hands the training to workers that somebody else starts, and waits for them.
    """

    image: str = IMAGE
    root: str = ROOT
    output: Path = OUTPUT
    manifest: Path | None = None
    weights: Path | None = None
    resources: Mapping[str, Resources] = field(default_factory=dict)
    secrets: Sequence[Secret] = ()
    volumes: Sequence[Volume] = ()
    training_job: bool = False


def read_root(text: str) -> str:
    """Returns the root of the artifacts, without a slash at its end.

    Raises:
        ConfigurationError: it is neither a bucket's URI nor an absolute path.
    """
    bucket = next((text[len(scheme) :] for scheme in FOLDERS if text.startswith(scheme)), "")
    if not (bucket.strip("/") or text.startswith("/")):
        raise ConfigurationError(f"--root {text}: write {' or '.join(f'{scheme}BUCKET/PATH' for scheme in FOLDERS)}")
    return text.rstrip("/")


def read_resources(text: str) -> tuple[str, Resources]:
    """Returns step and resources of a text such as `Trainer=cpu:4,memory:16G,gpu:1`.

    Raises:
        ConfigurationError: it is written otherwise.
    """
    step, _, rest = text.partition("=")
    found: dict[str, float] = {}
    for part in rest.split(","):
        match = _RESOURCES.fullmatch(part.strip())
        if not (step and match) or match[1] in found:
            raise ConfigurationError(f"--resources {text}: {part!r} is not understood; write it like {_EXAMPLE}")
        found[match[1]] = _amount(match[1], float(match[2]), unit=match[3], text=text)
    return step.strip(), Resources(found.get("cpu", 0), found.get("memory", 0), int(found.get("gpu", 0)))


def read_secret(text: str) -> Secret:
    """Returns a secret of a text such as `AWS_SECRET_ACCESS_KEY=object-store/secretkey`.

    Raises:
        ConfigurationError: it is written otherwise.
    """
    match = _SECRET.fullmatch(text)
    if match is None:
        # Whoever wrote a secret's value here shall not find it in a log.
        raise ConfigurationError(f"--secret {text.partition('=')[0]}=...: write VARIABLE=SECRET/KEY, names all three")
    return Secret(match[1], match[2], match[3])


def read_volume(text: str) -> Volume:
    """Returns a volume of a text such as `radflow-data:/data`.

    Raises:
        ConfigurationError: it is written otherwise.
    """
    match = _VOLUME.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"--volume {text}: write CLAIM:/PATH, a claim's name and where it goes")
    return Volume(match[1], match[2])


def _amount(what: str, value: float, *, unit: str, text: str) -> float:
    """Returns cores, 10^9 bytes, or GPUs."""
    if what == "memory":
        if unit == "m" or value * _UNITS[unit] < 0.001:
            raise ConfigurationError(f"--resources {text}: memory needs a unit such as M, Mi, G or Gi ({_EXAMPLE})")
        return value * _UNITS[unit]
    if unit not in ("", "m") or (what == "gpu" and (unit or value != int(value))):
        raise ConfigurationError(
            f"--resources {text}: {what} is a {'whole ' if what == 'gpu' else ''}number ({_EXAMPLE})"
        )
    return value / 1000 if unit == "m" else value
