"""Reads deploy/: compose files, with variables put in, and Kubernetes' manifests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.compose_schema import ComposeFile

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def compose(name: str = "compose.yaml", variables: Mapping[str, str] | None = None) -> ComposeFile:
    """Returns a compose file with variables put in, those of example.env unless others are given."""
    parsed = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    return ComposeFile.model_validate(_filled(parsed, variables or example_env()))


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    """Puts variables into the strings of a parsed file: what was text stays text, as the specification has it."""
    if isinstance(value, dict):
        return {key: _filled(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, variables) for one in value]
    return interpolated(value, variables) if isinstance(value, str) else value


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Returns a text with `${NAME}`, `${NAME:-default}` and `${NAME:?}` put in, as the specification has it."""

    def value(match: re.Match[str]) -> str:
        name, how, default = match.groups()
        if variables.get(name):
            return variables[name]
        if how != "-":
            raise KeyError(name)
        return default or ""

    return _VARIABLE.sub(value, text)


def variables_of(name: str) -> set[str]:
    """Returns the variables that a compose file needs or takes."""
    return {match[1] for match in _VARIABLE.finditer((DEPLOY / name).read_text(encoding="utf-8"))}


def needed_variables(name: str) -> set[str]:
    """Returns the variables without which a compose file does not start."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    return {match[1] for match in _VARIABLE.finditer(text) if match[2] != "-"}


def example_env() -> dict[str, str]:
    """Returns what example.env sets."""
    lines = (DEPLOY / "example.env").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return dict(pairs)


def documents(path: Path) -> list[dict[str, Any]]:
    """Returns the manifests of one file."""
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def base_manifests() -> dict[tuple[str, str], dict[str, Any]]:
    """Returns the base's manifests by kind and name."""
    kustomization = documents(BASE / "kustomization.yaml")[0]
    found = [one for name in kustomization["resources"] for one in documents(BASE / name)]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def container(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the one container of a deployment."""
    (found,) = manifest["spec"]["template"]["spec"]["containers"]
    return dict(found)
