"""`OUTPUT/serving/models.config`: what a model server is to load, and which version has which label.

A ModelServerConfig in protobuf text format, for `--model_config_file`. It is rendered whole from the folder and the
approvals, so that writing it again after a kill mends it. Its base paths are absolute: a server that runs elsewhere has
the folder mounted at the same place.

TensorFlow Serving refuses a label on a version that is not loaded, and by its default policy unloads the approved
version when a newer one is pushed: hence the policy `specific`, with the approved and the newest version.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from google.protobuf import text_encoding

from data_schemas.approvals import Approval, read_approvals
from data_schemas.errors import ConfigurationError
from data_schemas.served_folder import versions

MODELS_CONFIG_FILE = "models.config"
CANDIDATE, APPROVED = "candidate", "approved"
"""Labels: the newest version, and the one that somebody approved."""
_TEMPORARY = f".{MODELS_CONFIG_FILE}.writing"
_HEAD = "# Written by Radflow's Pusher and by `radflow approve`: a change by hand does not stay.\n"


def write_models_config(serving_root: Path) -> Path:
    """Writes the config anew by one rename, so that a server never reads half of it, and returns its path.

    Call it within `data_schemas.approvals.only_writer`.

    Args:
        serving_root: `OUTPUT/serving`.

    Raises:
        AuditBroken: the approvals cannot be relied on; what was written before stays.
        ConfigurationError: the folder cannot be read or written.
    """
    text = render_models_config(serving_root, read_approvals(serving_root))
    path, temporary = serving_root / MODELS_CONFIG_FILE, serving_root / _TEMPORARY
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    return path


def render_models_config(serving_root: Path, approvals: Mapping[str, Approval]) -> str:
    """Returns the config's text: every folder with versions, in the order of names.

    Args:
        serving_root: `OUTPUT/serving`.
        approvals: by model. One of a version that is not there any more gives no label.
    """
    models = [(folder, versions(folder)) for folder in model_folders(serving_root)]
    configs = "".join(_model(folder, found, approvals.get(folder.name)) for folder, found in models)
    return f"{_HEAD}model_config_list {{\n{configs}}}\n"


def model_folders(serving_root: Path) -> list[Path]:
    """Returns the folders of `OUTPUT/serving` that have versions, by name; hidden ones and files are none."""
    if not serving_root.is_dir():
        return []
    folders = [entry for entry in serving_root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    return sorted(folder for folder in folders if versions(folder))


def _model(folder: Path, found: Mapping[int, Path], approval: Approval | None) -> str:
    labels = {CANDIDATE: max(found)}
    if approval is not None and approval.version in found:
        labels[APPROVED] = approval.version
    served = "".join(f" versions: {version}" for version in sorted(set(labels.values())))
    lines = [
        f"name: {_quoted(folder.name)}",
        f"base_path: {_quoted(str(folder.absolute()))}",
        'model_platform: "tensorflow"',
        f"model_version_policy {{ specific {{{served} }} }}",
        *(f"version_labels {{ key: {_quoted(label)} value: {version} }}" for label, version in labels.items()),
    ]
    body = "".join(f"    {line}\n" for line in lines)
    return f"  config {{\n{body}  }}\n"


def _quoted(text: str) -> str:
    return f'"{text_encoding.CEscape(text.encode("utf-8"), False)}"'
