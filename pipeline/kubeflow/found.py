"""What only the cluster knows, by name: a pipeline is compiled away from its data, and refers to what is found there.

The first step, which sees the data, gives each of these as an output parameter. A step that uses one has it among its
own inputs, so that Kubeflow's cache notices what changed, step by step, as TFX's own does on one machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from data_schemas.errors import ConfigurationError
from data_schemas.task import Task
from pipeline.metadata_database import MetadataDatabase
from pipeline.settings import PipelineSettings, private_folder

FOUND_PREFIX = "found_"
"""Begins the name of an input parameter that holds what the first step found."""

_REFERENCE = re.compile(r"@\{found\.([A-Za-z0-9_]+)\}")
_NOT_IN_JSON = re.compile(r'["\\\x00-\x1f]')
_TEXTS = ("fingerprint", "withdrawals_digest", "pseudonym_key_id", "served_state", "run_nonce")
"""Settings that are plain texts, found under their own name."""


def referring_settings(
    task: Task, output: Path, *, backbones: Iterable[str], steps: Iterable[str], beam_args: tuple[str, ...] = ()
) -> PipelineSettings:
    """Returns settings that refer to what `found_values` will give, and know nothing of data, weights or code.

    Args:
        task: the task.
        output: the folder that receives everything, as the cluster's steps see it.
        backbones: which networks the run may build.
        steps: the steps whose code has a digest.
        beam_args: arguments for every Beam step.
    """
    return PipelineSettings(
        task=task,
        output=output,
        metadata=MetadataDatabase(),  # Kubeflow records runs itself
        private_manifest=private_folder(output) / _reference("manifest"),
        schema=output / "schemas" / _reference("schema"),
        weights={name: _reference(f"weights_{name}") for name in backbones},
        weights_digests={name: _reference(f"weights_digest_{name}") for name in backbones},
        code_digests={name: _reference(f"code_{name}") for name in steps},
        beam_args=beam_args,
        fingerprint=_reference("fingerprint"),
        withdrawals_digest=_reference("withdrawals_digest"),
        pseudonym_key_id=_reference("pseudonym_key_id"),
        served_state=_reference("served_state"),
        run_nonce=_reference("run_nonce"),
    )


def found_names(settings: PipelineSettings) -> list[str]:
    """Returns the names of all that is found for a pipeline."""
    return list(_found(settings))


def found_values(settings: PipelineSettings) -> dict[str, str]:
    """Returns what was found, by name.

    Args:
        settings: of the machine that sees the data.

    Raises:
        ConfigurationError: a path has a character that would break the JSON that it is put into.
    """
    values = _found(settings)
    for name, value in values.items():
        if _NOT_IN_JSON.search(value):
            raise ConfigurationError(f"{name} is {value!r}: a quote, a backslash or a line break cannot be in it")
    return values


def names_in(text: str) -> set[str]:
    """Returns the names that a text refers to."""
    return set(_REFERENCE.findall(text))


def replaced(text: str, values: Mapping[str, str]) -> str:
    """Returns a text with what was found in the place of references; a name that is not among the values stays."""
    return _REFERENCE.sub(lambda match: values.get(match[1], match[0]), text)


def _reference(name: str) -> str:
    return f"@{{found.{name}}}"


def _found(settings: PipelineSettings) -> dict[str, str]:
    return {
        "manifest": settings.private_manifest.name,
        "schema": settings.schema.name,
        **{name: getattr(settings, name) for name in _TEXTS},
        **{f"weights_{name}": path for name, path in settings.weights.items()},
        **{f"weights_digest_{name}": digest for name, digest in settings.weights_digests.items()},
        **{f"code_{name}": digest for name, digest in settings.code_digests.items()},
    }
