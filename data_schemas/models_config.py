"""`OUTPUT/serving/models.config`: what a model server is to load, and which version has which label.

A ModelServerConfig in protobuf text format, for `--model_config_file`. It is rendered whole from the folder and the
approvals, so that writing it again after a kill mends it. Its base paths are absolute: a server that runs elsewhere has
the folder mounted at the same place.

TensorFlow Serving by its default policy unloads the approved version when a newer one is pushed: hence the policy
`specific`, with the approved and the newest version. It checks labels before it loads anything: a file that moves a
label to a version which is not loaded yet is refused whole, at every poll, and its versions are never loaded
(tensorflow_serving/model_servers/server_core.cc, ReloadConfig). So a label moves in two writes. The first lists the new
version beside the one that has the label; the second, `SETTLE_S` later, moves the label. A label that no version has
may go to any version, with `--allow_version_labels_for_unavailable_models`.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_encoding

from data_schemas.approvals import (
    WITHDRAW,
    Approval,
    approval_of,
    approvals_in,
    is_what_was_approved,
    only_writer,
    read_audit,
)
from data_schemas.audit_chain import AuditEntry
from data_schemas.errors import ConfigurationError
from data_schemas.served_folder import version_folders, versions

MODELS_CONFIG_FILE = "models.config"
CANDIDATE, APPROVED = "candidate", "approved"
"""Labels: the newest version, and the one that somebody approved."""
SETTLE_S = 30.0
"""Seconds after which every server has read the file: servers must poll it more often than that."""
_FINE_S = 2.0
"""Seconds within which a file system's clock and the process's are the same."""
_TEMPORARY = f".{MODELS_CONFIG_FILE}.writing"
_HEAD = "# Written by Radflow's Pusher, `radflow approve` and `rollback`: a change by hand does not stay.\n"
_LINE = re.compile(
    r'^    (?:name: "(.*)"|model_version_policy .*|version_labels \{ key: "(\w+)" value: (\d+) \})$', re.MULTILINE
)
_VERSION = re.compile(r"versions: (\d+)")


@dataclass(frozen=True)
class Said:
    """What servers were told of one model: the versions that are loaded, and which of them has which label."""

    versions: frozenset[int] = frozenset()
    labels: Mapping[str, int] = field(default_factory=dict)


def write_models_config(serving_root: Path, *, now: float | None = None) -> bool:
    """Writes the config anew by one rename, so that a server never reads half of it; not where nothing changes in it.

    Call it within `data_schemas.approvals.only_writer`.

    Args:
        serving_root: `OUTPUT/serving`.
        now: seconds since 1970; the clock's unless given.

    Returns:
        Whether every label is where it belongs. If not, `settle_models_config` moves the rest.

    Raises:
        AuditBroken: the approvals cannot be relied on; what was written before stays.
        ConfigurationError: the folder cannot be read or written.
    """
    path = serving_root / MODELS_CONFIG_FILE
    now = time.time() if now is None else now
    entries = read_audit(serving_root)
    before, age = _read(path, now)
    approvals, dropped = approvals_in(entries), _dropped(entries, now, age=age)
    settled, said = True, {}
    for folder in model_folders(serving_root):
        found, name = versions(folder), folder.name
        if not found:
            continue
        wanted = _wanted(found, approvals.get(name))
        told = _still_there(before.get(name), found)
        said[name] = next_step(told, wanted, dropped=dropped.get(name, {}), settled=age >= SETTLE_S)
        settled = settled and said[name].labels == wanted
    _replace(path, render_models_config(serving_root, said))
    return settled


def settle_models_config(
    serving_root: Path, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.time
) -> None:
    """Moves the labels that could not be moved at once, after the time in which servers load what was added.

    Args:
        serving_root: `OUTPUT/serving`; there may be none.
        sleep: waits for so many seconds.
        clock: says how many seconds have passed since 1970.

    Raises:
        AuditBroken, ConfigurationError: as `write_models_config`.
    """
    path = serving_root / MODELS_CONFIG_FILE
    while path.exists():
        with only_writer(serving_root):
            if write_models_config(serving_root, now=clock()):
                return
            age = clock() - path.stat().st_mtime
        sleep(min(max(SETTLE_S - age, 0.1), SETTLE_S))


def next_step(before: Said, wanted: Mapping[str, int], *, dropped: Mapping[str, int], settled: bool) -> Said:
    """Returns what servers may be told now of a model, on the way to the labels that are wanted.

    Args:
        before: what they were told last; nothing where they do not know the model.
        wanted: version by label.
        dropped: labels that were taken away so lately that servers may still have them, and from which version.
        settled: whether all servers know `before`.
    """
    held = {**dropped, **before.labels}
    labels = {}
    for label, version in wanted.items():
        if held.get(label, version) == version or (settled and version in before.versions):
            labels[label] = version
        elif label in before.labels:
            labels[label] = before.labels[label]
    return Said(frozenset({*wanted.values(), *labels.values()}), labels)


def render_models_config(serving_root: Path, said: Mapping[str, Said]) -> str:
    """Returns the config's text.

    Args:
        serving_root: `OUTPUT/serving`.
        said: by model.
    """
    configs = "".join(_model((serving_root / name).absolute(), one) for name, one in said.items())
    return f"{_HEAD}model_config_list {{\n{configs}}}\n"


def read_models_config(text: str) -> dict[str, Said]:
    """Returns by model what a text says that `render_models_config` made; what is not such a text says nothing."""
    found: dict[str, Said] = {}
    name = ""
    for match in _LINE.finditer(text):
        if match[1] is not None:
            name = text_encoding.CUnescape(match[1]).decode("utf-8", "replace")
            found[name] = Said()
        elif match[2] is not None:
            found[name] = Said(found[name].versions, {**found[name].labels, match[2]: int(match[3])})
        else:
            listed = frozenset(int(version) for version in _VERSION.findall(match[0]))
            found[name] = Said(listed, found[name].labels)
    return found


def told_versions(folder: Path) -> frozenset[int]:
    """Returns the versions of a model that servers were told of.

    Args:
        folder: `OUTPUT/serving/MODEL`.

    Raises:
        ConfigurationError: what is written cannot be read.
    """
    said, _ = _read(folder.parent / MODELS_CONFIG_FILE, time.time())
    return said.get(folder.name, Said()).versions


def model_folders(serving_root: Path) -> list[Path]:
    """Returns the folders of `OUTPUT/serving` that have versions, by name; hidden ones and files are none.

    They are there too if no version is whole: approvals of such can be withdrawn.
    """
    if not serving_root.is_dir():
        return []
    folders = [entry for entry in serving_root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    return sorted(folder for folder in folders if version_folders(folder))


def _wanted(found: Mapping[int, Path], approval: Approval | None) -> dict[str, int]:
    """Returns which version each label is to have; one that is gone or was another has no approval."""
    labels = {CANDIDATE: max(found)}
    approved = None if approval is None else found.get(approval.version)
    if approval is not None and approved is not None and is_what_was_approved(approved, approval):
        labels[APPROVED] = approval.version
    return labels


def _dropped(entries: Sequence[AuditEntry], now: float, *, age: float) -> dict[str, dict[str, int]]:
    """Returns by model the label that a withdrawal took away less than `SETTLE_S` ago, and from which version.

    Of one that is ahead of a clock which was set back, the file's age tells: a withdrawal writes the file.
    """
    withdrawals = [(one, now - one.at.timestamp()) for one in entries if one.action == WITHDRAW]
    lately = [approval_of(one) for one, ago in withdrawals if (ago if ago >= 0 else age) < SETTLE_S]
    return {one.model: {APPROVED: one.version} for one in lately}


def _still_there(before: Said | None, found: Mapping[int, Path]) -> Said:
    if before is None:
        return Said()
    labels = {label: version for label, version in before.labels.items() if version in found}
    return Said(before.versions & found.keys(), labels)


def _read(path: Path, now: float) -> tuple[dict[str, Said], float]:
    """Returns what is written, by model, and for how many seconds it has been there.

    A file that is ahead of the clock, which was set back, is given the present time: the wait begins anew, and ends.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.stat().st_mtime > now + _FINE_S:
            os.utime(path, (now, now))
        return read_models_config(text), max(0.0, now - path.stat().st_mtime)
    except FileNotFoundError:
        return {}, 0.0
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error


def _replace(path: Path, text: str) -> None:
    """Writes a file by one rename, unless it has this text already: its time says since when servers may know it."""
    temporary = path.with_name(_TEMPORARY)
    try:
        if path.exists() and path.read_bytes() == text.encode():
            return
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error


def _model(folder: Path, said: Said) -> str:
    listed = "".join(f" versions: {version}" for version in sorted(said.versions))
    lines = [
        f"name: {_quoted(folder.name)}",
        f"base_path: {_quoted(str(folder))}",
        'model_platform: "tensorflow"',
        f"model_version_policy {{ specific {{{listed} }} }}",
        *(f"version_labels {{ key: {_quoted(label)} value: {version} }}" for label, version in said.labels.items()),
    ]
    body = "".join(f"    {line}\n" for line in lines)
    return f"  config {{\n{body}  }}\n"


def _quoted(text: str) -> str:
    return f'"{text_encoding.CEscape(text.encode("utf-8"), False)}"'
