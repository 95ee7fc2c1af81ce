"""What `--beam` says: which Beam runner the steps that read and write records run on, and with what arguments."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from dataclasses import dataclass

from data_schemas.errors import ConfigurationError

BEAM_VARIABLE = "RADFLOW_BEAM"
"""The same for the `tfx` command, which hides its arguments from the runner."""
LOCAL_CLUSTER = "local-cluster"
HELP = (
    f"where data are processed: `{LOCAL_CLUSTER}` for worker processes on this machine (`{LOCAL_CLUSTER}:4` for four), "
    'or arguments of any Beam runner, e.g. "--runner=FlinkRunner ..." [in this process]'
)

_RUNNERS_IN_PROCESS = (None, "DirectRunner")
_BRINGS_CODE = {
    "--sdk_container_image", "--worker_harness_container_image", "--extra_package", "--extra_packages", "--setup_file",
    "--requirements_file",
}  # fmt: skip
WORKERS_HAVE_CODE = "--sdk_container_image=radflow"
"""Without one of the above, TFX packs itself, and nothing of ours, before each step. Where no container is started, the
name of its image does nothing but keep it from that."""
_STAYS_IN_PROCESS = "--allow_unsafe_triggers"
"""The DirectRunner of Beam 2.77 first tries another runner, Prism, and then this process: it downloads a program from
GitHub, checks it against nothing, and gives it the records. No switch is for that; but Prism knows no unsafe triggers,
so that it is passed over where they are allowed. Triggers are for streams, and nothing here is one."""
IN_PROCESS = (_STAYS_IN_PROCESS, WORKERS_HAVE_CODE)
"""Beam's arguments for a step that is to run in its own process."""


@dataclass(frozen=True)
class BeamOptions:
    """Where Beam's steps run.

    Attributes:
        arguments: what TFX calls `beam_pipeline_args`; unless given, for this process.
        workers: processes of a cluster on this machine, which is started for the run; 0 where there is none.
    """

    arguments: tuple[str, ...] = IN_PROCESS
    workers: int = 0


def parse_beam(text: str) -> BeamOptions:
    """Returns what `--beam TEXT` asks for.

    Args:
        text: empty, `local-cluster`, `local-cluster:N`, or Beam's arguments as on a command line; these may follow
            `local-cluster` too.

    Raises:
        ConfigurationError: it is none of these, or it names a runner whose workers would not have Radflow's code.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(f"--beam {text!r} cannot be read: {error}") from error
    workers = _workers(words[0]) if words else 0
    arguments = words[1:] if workers else words
    if arguments and not arguments[0].startswith("--"):
        raise ConfigurationError(
            f"--beam {text!r}: {arguments[0]!r} is no argument of Beam; allowed are {LOCAL_CLUSTER}, {LOCAL_CLUSTER}:N "
            "and arguments such as --runner=FlinkRunner"
        )
    brings_code = any(word.partition("=")[0] in _BRINGS_CODE for word in arguments)
    runner = _runner(arguments)
    if workers and runner is not None:
        raise ConfigurationError(f"--beam {text!r}: {LOCAL_CLUSTER} is a runner itself; leave --runner out")
    in_process = not workers and runner in _RUNNERS_IN_PROCESS
    if not (brings_code or workers or in_process):
        raise ConfigurationError(
            f"--beam: the workers of {runner} need Radflow's code: add --sdk_container_image=IMAGE with an image that "
            "has its wheel, or --extra_package=WHEEL (docs/scale.md)"
        )
    if in_process:
        arguments = [*arguments, _STAYS_IN_PROCESS, *([] if brings_code else [WORKERS_HAVE_CODE])]
    return BeamOptions(tuple(arguments), workers)


def parse_remote_beam(text: str) -> tuple[str, ...]:
    """Returns Beam's arguments for steps that run elsewhere, each on a machine of its own.

    Raises:
        ConfigurationError: as `parse_beam`, or the text asks for a cluster on this machine.
    """
    options = parse_beam(text)
    if options.workers:
        raise ConfigurationError(
            f"--beam {LOCAL_CLUSTER} is for runs here: leave --beam out, and each step processes its data in its "
            "own pod, or name a runner that the pods reach"
        )
    return options.arguments


def _workers(word: str) -> int:
    """Returns how many processes a word asks for: of `local-cluster` one a core, of another word none."""
    if word == LOCAL_CLUSTER:
        return os.cpu_count() or 1
    match = re.fullmatch(rf"{LOCAL_CLUSTER}:([1-9]\d*)", word)
    return int(match[1]) if match else 0


def _runner(arguments: list[str]) -> str | None:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--runner")
    known, _ = parser.parse_known_args(arguments)
    runner: str | None = known.runner
    return runner
