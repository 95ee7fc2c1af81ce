"""The `radflow` command: its table, its speed, its exit codes, and what it says when something goes wrong."""

import importlib
import os
import re
import resource
import stat
import subprocess
import sys
import types
from pathlib import Path

import pytest

from cli import main as command_line
from cli.main import COMMANDS, main
from data_schemas import errors

ROOT = Path(__file__).parents[2]
HEAVY = ("tensorflow", "tfx", "keras", "apache_beam", "numpy", "pydicom", "cv2", "grpc", "pydantic")


@pytest.fixture
def broken_command(monkeypatch):
    """Returns a function that puts a command `broken` in the table whose run raises or returns what it is given."""

    def install(outcome):
        def run(_):
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        module = types.ModuleType("broken_command")
        module.add_arguments = lambda parser: parser.add_argument("--number", type=int)
        module.run = run
        monkeypatch.setitem(sys.modules, "broken_command", module)
        monkeypatch.setitem(COMMANDS, "broken", ("broken_command", "fail"))

    return install


def run_python(*words, **options):
    return subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False, **options)


def test_help_names_every_command_with_its_line(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for name, (_, summary) in COMMANDS.items():
        assert f"{name} {summary}" in shown


def test_help_takes_under_half_a_second_of_cpu():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run_python("-m", "cli.main", "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime) < 0.5


def test_help_imports_nothing_heavy():
    script = "import sys, cli.main\ntry: cli.main.main(['--help'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    loaded = run_python("-c", script).stdout.splitlines()[-1].split()
    assert "data_schemas.errors" in loaded
    assert not set(HEAVY) & set(loaded)


@pytest.mark.parametrize("name", COMMANDS)
def test_command_module_has_arguments_and_run_and_loads_no_tensorflow(name):
    module = COMMANDS[name][0]
    script = f"import sys, {module} as m; assert callable(m.run) and callable(m.add_arguments); print(*sys.modules)"
    done = run_python("-c", script)
    assert done.returncode == 0, done.stderr
    assert not {"tensorflow", "tfx", "keras", "apache_beam"} & set(done.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_command_help_says_what_it_does_and_describes_every_argument(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert f"usage: radflow {name}" in capsys.readouterr().out
    parser = command_line._parser(name)._subparsers._group_actions[0].choices[name]
    assert parser.description
    assert [action.dest for action in parser._actions if not action.help] == []


def test_version_is_the_projects(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    given = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert capsys.readouterr().out == f"radflow {given[1]}\n"


@pytest.mark.parametrize("words", [["--nonsense"], ["nonsense"], ["tasks", "--nonsense"], ["tasks", "extra"]])
def test_wrong_usage_exits_2_and_says_how(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "usage: radflow" in capsys.readouterr().err


def test_no_command_prints_help_and_exits_2(capsys):
    assert main([]) == 2
    assert "COMMAND" in capsys.readouterr().err


def test_commands_code_is_the_exit_code(broken_command):
    broken_command(7)
    assert main(["broken", "--number", "3"]) == 7


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RadflowError("x"), 1),
        (errors.ConfigurationError("x"), 2),
        (errors.ManifestError("manifest.csv", ["x"]), 2),
        (errors.GateRefused("x"), 3),
        (errors.DataRefused("x"), 4),
        (errors.CanaryRefused("x"), 5),
        (errors.ModelServerError("x"), 1),
    ],
)
def test_foreseen_error_prints_its_message_and_exits_with_its_code(error, code, broken_command, capsys):
    broken_command(error)
    assert main(["broken"]) == code
    captured = capsys.readouterr()
    assert captured.err == f"radflow broken: {error}\n"
    assert captured.out == ""


def test_interrupt_exits_130(broken_command, capsys):
    broken_command(KeyboardInterrupt())
    assert main(["broken"]) == 130
    assert capsys.readouterr().err == "radflow broken: interrupted\n"


def test_unforeseen_error_is_one_line_without_its_text_and_a_private_log(broken_command, capsys, tmp_path):
    broken_command(KeyError("DOE^JANE"))
    assert main(["broken"]) == 1
    log = tmp_path / "state" / "radflow" / "broken.log"
    shown = capsys.readouterr().err
    assert shown == f"radflow broken: unexpected KeyError, please report it; details: {log}\n"
    assert "DOE^JANE" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_unforeseen_error_shows_its_traceback_when_debugging(broken_command, capsys, monkeypatch):
    monkeypatch.setenv("RADFLOW_DEBUG", "1")
    broken_command(KeyError("detail"))
    assert main(["broken"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_unforeseen_error_is_reported_where_no_log_can_be_written(broken_command, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    broken_command(KeyError("detail"))
    assert main(["broken"]) == 1
    assert "RADFLOW_DEBUG=1" in capsys.readouterr().err


def test_reader_that_goes_away_causes_no_complaint():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed_pipe:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", "tasks"],
            cwd=ROOT,
            stdout=closed_pipe,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_environment_is_quiet_before_a_command_runs_and_keeps_what_the_user_set(monkeypatch):
    for name in ("GRPC_VERBOSITY", "PYTHONWARNINGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    assert main(["tasks"]) == 0
    assert os.environ["GRPC_VERBOSITY"] == "ERROR"
    assert os.environ["PYTHONWARNINGS"] == "ignore::FutureWarning"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


def test_table_names_modules_of_this_package():
    for name, (module, _) in COMMANDS.items():
        assert module == f"cli.{name}"
        assert importlib.util.find_spec(module) is not None
