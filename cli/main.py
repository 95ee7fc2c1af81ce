"""The `radflow` command: a literal table of commands, each loaded only when it is used."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_schemas.errors import RadflowError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("cli.demo", "make a sample, run the whole pipeline on it, serve the model and ask it"),
    "sample": ("cli.sample", "write synthetic studies as real DICOM files, with their manifest"),
    "inspect": ("cli.inspect", "say what each file is, and how it decodes or why not"),
    "deidentify": ("cli.deidentify", "write copies of DICOM images that do not say whose they are"),
    "manifest": ("cli.manifest", "make a manifest from a folder of images and labels"),
    "run": ("cli.run", "run the pipeline of a task on a manifest, to a pushed model or a refusal"),
    "compile": ("cli.compile", "write the pipeline as a file that Kubeflow Pipelines runs, and start a run of it"),
    "runs": ("cli.runs", "list the runs of an output: status, metrics, and which model is served as which version"),
    "lineage": ("cli.lineage", "say from which data, code, parameters and run a served model came"),
    "report": ("cli.report", "say where a run's model report is, and what it says; make it anew"),
    "evaluate": ("cli.evaluate", "judge a pushed model on other data: external validation"),
    "compare": ("cli.compare", "compare the models of two runs on the test images that both judged"),
    "verify": ("cli.verify", "check that pushed versions are still what was pushed, and approved"),
    "approve": ("cli.approve", "approve a pushed version for use, by name and in words; list or withdraw approvals"),
    "rollback": ("cli.rollback", "publish a former version's model again, as the newest version"),
    "serve": ("cli.serve", "serve pushed models, and open the page on which images are read"),
    "audit": ("cli.audit", "check that nobody changed an audit log, or print it"),
    "storage": ("cli.storage", "remove what the gateway has kept for long enough; bring its database up to date"),
    "gateway": ("cli.gateway", "run the gateway, API and reading page, beside a model server"),
    "key": ("cli.key", "make, list or revoke a key of the gateway's API"),
    "predict": ("cli.predict", "send images to a model server and print its scores"),
    "feedback": ("cli.feedback", "write the cases that readers reviewed as a manifest, to train or judge on"),
    "drift": ("cli.drift", "say whether what was served is still like what the model was trained and tested on"),
    "withdraw": ("cli.withdraw", "keep a patient out of later runs, and remove cached records of the images"),
    "gc": ("cli.gc", "remove old artifacts that no pushed model's lineage needs"),
    "tasks": ("cli.tasks", "list, show and check tasks"),
}
"""Command -> the module that has its `add_arguments` and `run`, and its line in the help."""

_UNFORESEEN = 1
_USAGE = 2
_INTERRUPTED = 130

_ENVIRONMENT = {
    "GLOG_minloglevel": "2",
    "GRPC_VERBOSITY": "ERROR",
    "PYTHONWARNINGS": "ignore::FutureWarning",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
"""Keeps TensorFlow, gRPC, MLMD and what they load from talking over a command's output. What the user set, stays."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    Args:
        argv: the words after `radflow`; those of the process when None.

    Returns:
        0 done, 2 wrong usage or configuration, 3 a gate refused the model, 4 the data was refused, 5 the canary
        refused, 6 drift, 7 a broken audit log, 8 an altered model, 130 interrupted, 1 anything else.

    Raises:
        SystemExit: argparse's own, for `--help` and `--version` (0) and for wrong usage (2).
    """
    words = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in words if not word.startswith("-")), "")
    parser = _parser(command)
    if not words:
        parser.print_help(sys.stderr)
        return _USAGE
    _quiet_environment()
    arguments = parser.parse_args(words)
    return _run(arguments.command, arguments)


def _parser(command: str) -> argparse.ArgumentParser:
    """Returns the parser; only the module of `command` is loaded, so that `--help` is instant."""
    parser = argparse.ArgumentParser(
        prog="radflow",
        description="From DICOM files and labels to a validated and served model for computer-assisted diagnosis. "
        "Research software, not a medical device.",
        epilog="`radflow COMMAND --help` describes a command.",
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        one = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == command:
            importlib.import_module(module).add_arguments(one)
    return parser


class _Version(argparse.Action):
    """Prints the installed version; looks it up only when asked."""

    def __init__(self, option_strings: Sequence[str], dest: str, **_: Any) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version  # 40 ms that no other command needs

        print(f"radflow {version('radflow')}")
        parser.exit()


def _quiet_environment() -> None:
    """Sets, before anything heavy is imported, what only the environment can say; child processes inherit it."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:  # this process read PYTHONWARNINGS when it started
        warnings.simplefilter("ignore", FutureWarning)


def _run(command: str, arguments: argparse.Namespace) -> int:
    try:
        code: int = importlib.import_module(COMMANDS[command][0]).run(arguments)
        sys.stdout.flush()
    except RadflowError as error:
        print(f"radflow {command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"radflow {command}: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return _UNFORESEEN
    except Exception as error:  # noqa: BLE001  # the last one who can turn a traceback into something to act on
        _report_unforeseen(command, error)
        return _UNFORESEEN
    return code


def _forget_stdout() -> None:
    """Points stdout at nothing: whoever read it has gone, and Python's own flush at exit must not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_unforeseen(command: str, error: Exception) -> None:
    """Prints one line without the error's text, which may carry patient data, and keeps the traceback in a log."""
    if os.environ.get("RADFLOW_DEBUG") == "1":
        traceback.print_exception(error)
    try:
        where = f"details: {_write_log(command, error)}"
    except OSError:
        where = "its log could not be written; RADFLOW_DEBUG=1 prints the details"
    print(f"radflow {command}: unexpected {type(error).__name__}, please report it; {where}", file=sys.stderr)


def _write_log(command: str, error: Exception) -> Path:
    """Writes the traceback where only its owner can read it, and returns where that is."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    log = state / "radflow" / f"{command}.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return log


if __name__ == "__main__":
    sys.exit(main())
