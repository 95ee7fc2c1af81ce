"""What commands that act on pushed versions share: which version is meant, a person's words, telling servers."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from data_schemas.errors import ConfigurationError, GateRefused

LONGEST = {"by": 200, "role": 200, "statement": 4000}
"""What a person says of an act that is recorded, and how many characters at most."""
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Have no picture of their own, and some scripts write names with them."""


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--model` and `--output`."""
    parser.add_argument("--model", metavar="TASK", help="the model, where OUTPUT/serving has several")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="the output folder of the runs [RADFLOW_OUTPUT, or radflow-output]"
    )


def serving_root(output: Path | None) -> Path:
    """Returns `OUTPUT/serving`.

    Raises:
        ConfigurationError: there is none.
    """
    root = (output or Path(os.environ.get("RADFLOW_OUTPUT") or "radflow-output")).absolute() / "serving"
    if not root.is_dir():
        raise ConfigurationError(f"{root} does not exist: give --output DIR of a run that pushed a model")
    return root


def model_folder(root: Path, model: str | None) -> Path:
    """Returns `OUTPUT/serving/TASK`.

    Raises:
        ConfigurationError: there is no such model, or there are several and none was named.
    """
    from data_schemas.models_config import model_folders

    found = {folder.name: folder for folder in model_folders(root)}
    if not found:
        raise ConfigurationError(f"no model in {root}: `radflow run` pushes one")
    if model is None and len(found) > 1:
        raise ConfigurationError(f"{root} has several models: say which, with --model {' or --model '.join(found)}")
    name = model or next(iter(found))
    if name not in found:
        raise ConfigurationError(f"no model {name!r} in {root}; there is {', '.join(found)}")
    return found[name]


def version_folder(folder: Path, number: int | None) -> Path:
    """Returns `OUTPUT/serving/TASK/VERSION`.

    Raises:
        ConfigurationError: there is no such version.
    """
    from data_schemas.served_folder import versions

    found = versions(folder)
    known = ", ".join(str(one) for one in sorted(found))
    if number is None:
        raise ConfigurationError(f"say which VERSION; {folder.name} has {known}")
    if number not in found:
        raise ConfigurationError(f"{folder.name} has no version {number}; it has {known}")
    return found[number]


def persons_words(arguments: argparse.Namespace, *, what: str) -> dict[str, str]:
    """Returns who, as what, and in what words, of a command's arguments.

    Args:
        arguments: have `by`, `role` and `statement`.
        what: the act, as a message names it, e.g. `an approval`.

    Raises:
        ConfigurationError: one is missing, empty, too long, or no text.
    """
    return {name: _words(name, getattr(arguments, name), what=what) for name in LONGEST}


def _words(name: str, text: str | None, *, what: str) -> str:
    said = " ".join((text or "").split())
    if not said:
        raise ConfigurationError(f"--{name} is missing or empty: {what} says who, as what, and in what words")
    if len(said) > LONGEST[name] or not all(one.isprintable() or one in _JOINERS for one in said):
        raise ConfigurationError(f"--{name}: at most {LONGEST[name]} characters that can be printed")
    return said


def require_gates(version: Path, *, what: str) -> None:
    """Raises where the verdicts beside a version refuse it: the Pusher would not have pushed it.

    Args:
        version: its folder.
        what: what is not done, e.g. `not approved`.

    Raises:
        GateRefused: it missed a gate.
    """
    from data_schemas.served_evaluation import read_served_evaluation

    evaluation = read_served_evaluation(version)
    if evaluation is not None and not evaluation.gates_passed:
        lines = "\n".join(f"  {gate}" for gate in evaluation.gates)
        raise GateRefused(f"{what}; {version.parent.name}/{version.name} missed a gate. Its gates:\n{lines}")


def settle(root: Path) -> None:
    """Waits, where a label has to, until servers have loaded its version; what is cut off here, the next run does."""
    from data_schemas.approvals import only_writer
    from data_schemas.models_config import MODELS_CONFIG_FILE, SETTLE_S, settle_models_config, write_models_config

    with only_writer(root):
        settled = write_models_config(root)
    if not settled:
        print(f"Servers load the version first: its label moves in {SETTLE_S:.0f} s at most ...", flush=True)
        settle_models_config(root)
    print(f"Model servers that poll {root / MODELS_CONFIG_FILE} follow.")
