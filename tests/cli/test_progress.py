"""What a run shows while it goes: stages from TFX's own log, words of ours, nothing else."""

from __future__ import annotations

import inspect
import io
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.progress import CACHED, FINISHED, STARTED, Progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def shown() -> tuple[Progress, io.StringIO]:
    out = io.StringIO()
    return Progress(out, stages=2), out


def _log(progress: Progress, message: str, *args: object, name: str = "absl", level: int = logging.INFO) -> None:
    progress.handle(logging.LogRecord(name, level, "", 0, message, args, None))


def test_a_stage_is_announced_and_timed(shown: tuple[Progress, io.StringIO]) -> None:
    progress, out = shown
    _log(progress, STARTED, "Trainer")
    _log(progress, "20 images to train on", name="radflow.progress")
    _log(progress, FINISHED, "Trainer")
    lines = out.getvalue().splitlines()
    assert lines[0] == "[ 1/2] Trainer ..."
    assert lines[1].strip() == "20 images to train on"
    assert lines[2].startswith("[ 1/2] Trainer") and lines[2].endswith(" s")
    assert [stage.name for stage in progress.finished] == ["Trainer"]


def test_a_stage_from_the_cache_is_said_to_be_unchanged(shown: tuple[Progress, io.StringIO]) -> None:
    progress, out = shown
    for message in (STARTED, CACHED, FINISHED):
        _log(progress, message, "Transform")
    assert "unchanged" in out.getvalue().splitlines()[-1]
    assert progress.finished[0].cached


def test_what_libraries_say_is_not_shown(shown: tuple[Progress, io.StringIO]) -> None:
    progress, out = shown
    _log(progress, "MetadataStore with DB connection initialized")
    assert out.getvalue() == ""


def test_passing_words_show_on_a_terminal_alone() -> None:
    for out, expected in ((io.StringIO(), False), (_Terminal(), True)):
        _log(Progress(out, stages=1), "128 images read", name="radflow.progress", level=logging.DEBUG)
        assert ("128 images" in out.getvalue()) is expected


@pytest.mark.pipeline
def test_tfx_still_logs_the_words_that_stages_are_known_by() -> None:
    from tfx.orchestration.local import local_dag_runner
    from tfx.orchestration.portable import launcher

    for module, words in ((local_dag_runner, (STARTED, FINISHED)), (launcher, (CACHED,))):
        source = inspect.getsource(module)
        for text in words:
            assert f"'{text}'" in source, text


def test_what_is_written_past_python_goes_to_the_log(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from cli.run_log import logged_to\n"
        f"with logged_to(Path({str(tmp_path / 'logs' / 'run.log')!r})) as terminal:\n"
        "    os.write(1, b'from C++ '); os.write(2, b'and stderr '); print('and Python'); terminal.write('progress')\n"
        "print('after')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert (done.stdout, done.stderr) == ("after\n", "progress")
    assert (tmp_path / "logs" / "run.log").read_text() == "from C++ and stderr and Python\n"
