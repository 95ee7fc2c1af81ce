"""`radflow verify`: says of pushed versions whether their files are still those that were pushed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import ConfigurationError, ModelAltered

if TYPE_CHECKING:
    from data_schemas.approvals import Approval

UNALTERED, UNCHECKED, ALTERED = "unaltered", "unchecked", "altered"
_NO_SUMS = "no SHA256SUMS to check it by: pushed by an older Radflow, or not by Radflow"


@dataclass(frozen=True)
class Checked:
    """What is found of one version: a state, a sentence, and whether somebody approved it."""

    model: str
    version: str
    state: str
    reason: str
    approved: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Check that the files of pushed versions are those that were pushed, by the SHA-256 sums beside them, and that "
        "an approved version is the one that was approved, by the audit log."
    )
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="OUTPUT, OUTPUT/serving, a model's folder in it, or a version"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object a version")


def run(arguments: argparse.Namespace) -> int:
    """Prints a line a version.

    Raises:
        ConfigurationError: there is no version.
        AuditBroken: the audit log beside the models cannot be relied on.
        ModelAltered: a version is not what was pushed, or approved; after all were checked.
    """
    altered = []
    for checked in check_versions(arguments.folder):
        print(json.dumps(asdict(checked)) if arguments.json else _line(checked), flush=True)
        if checked.state == ALTERED:
            altered.append(f"{checked.model}/{checked.version}")
    if altered:
        count = "1 version was" if len(altered) == 1 else f"{len(altered)} versions were"
        raise ModelAltered(f"{count} altered: {', '.join(altered)}; do not serve it, and push or restore its files")
    return 0


def _line(checked: Checked) -> str:
    approved = ", approved" if checked.approved else ""
    reason = f": {checked.reason}" if checked.reason else ""
    return f"{checked.model}/{checked.version}: {checked.state}{approved}{reason}"


def check_versions(folder: Path) -> Iterator[Checked]:
    """Yields what is found of each version of a folder, by model and number.

    Args:
        folder: `OUTPUT`, `OUTPUT/serving`, a model's folder in it, or one version.

    Raises:
        ConfigurationError: there is no version.
        AuditBroken: the audit log beside the models cannot be relied on.
    """
    from data_schemas.approvals import read_approvals

    found = _versions(folder.absolute())
    if not found:
        raise ConfigurationError(
            f"no version in {folder}: give OUTPUT, OUTPUT/serving, OUTPUT/serving/TASK, or a version in it"
        )
    approvals = read_approvals(found[0].parent.parent)
    for version in found:
        yield check_version(version, approvals.get(version.parent.name))


def check_version(version: Path, approval: Approval | None) -> Checked:
    """Returns what is found of one version.

    Args:
        version: its folder.
        approval: the one that holds for its model, of this or another version.
    """
    from data_schemas.digests import check_digests, content_digest

    approved = approval is not None and version.name.isdecimal() and approval.version == int(version.name)
    try:
        state = UNALTERED if check_digests(version) else UNCHECKED
        reason = "" if state == UNALTERED else _NO_SUMS
        if approved and approval is not None:
            same = approval.digest == content_digest(version)
            state, reason = (UNALTERED, "") if same else (ALTERED, f"not what {approval.by} approved")
    except ModelAltered as error:
        state, reason = ALTERED, str(error)
    return Checked(version.parent.name, version.name, state, reason, approved)


def _versions(folder: Path) -> list[Path]:
    """Returns the version folders that a folder means, by model and number."""
    from data_schemas.models_config import model_folders
    from data_schemas.served_folder import version_folders

    if (folder / "saved_model.pb").is_file() or (folder.name.isdecimal() and (folder / "assets.extra").is_dir()):
        return [folder]
    if not folder.is_dir():
        return []
    root = folder / "serving" if (folder / "serving").is_dir() and not version_folders(folder) else folder
    models = [root] if version_folders(root) else model_folders(root)
    return [path for model in models for _, path in sorted(version_folders(model).items())]
