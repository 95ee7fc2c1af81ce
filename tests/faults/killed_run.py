"""Runs `radflow` and kills it (SIGKILL) in one step: `killed_run.py NODE MOMENT WORD...`.

MOMENT is `begun`: as soon as a file lies in the step's output folders, or, of a step that writes none, when its work is
done; or `done`: when its work is done and the metadata store does not know of it yet.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tfx.orchestration.portable.launcher import Launcher

import cli.main


def kill() -> None:
    """Ends this process as the system's out-of-memory killer would."""
    os.kill(os.getpid(), signal.SIGKILL)


def kill_when_written(folders: list[Path]) -> None:
    """Waits for a file in one of the folders, then kills."""
    while not any(path.is_file() for folder in folders for path in folder.rglob("*")):
        time.sleep(0.002)
    kill()


def kill_at(node: str, moment: str) -> None:
    """Makes TFX's launcher kill the process in a step."""
    run_executor, publish = Launcher._run_executor, Launcher._publish_successful_execution

    def run(launcher: Any, execution: Any) -> Any:
        if moment == "begun" and launcher._pipeline_node.node_info.id == node:
            folders = [Path(one.uri) for artifacts in execution.output_dict.values() for one in artifacts]
            threading.Thread(target=kill_when_written, args=(folders,), daemon=True).start()
        return run_executor(launcher, execution)

    def published(launcher: Any, *arguments: Any, **named: Any) -> None:
        if launcher._pipeline_node.node_info.id == node:
            kill()
        publish(launcher, *arguments, **named)

    Launcher._run_executor, Launcher._publish_successful_execution = run, published


if __name__ == "__main__":
    kill_at(sys.argv[1], sys.argv[2])
    sys.exit(cli.main.main(sys.argv[3:]))
