"""The documents keep up: commands, exit codes, dependencies, targets and packages are where a reader looks for them."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

import cli.manifest
from cli.main import COMMANDS
from data_schemas import errors
from imaging.layouts.table import LAYOUTS, options_of

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
DATASETS = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def dependencies():
    """Returns the names of all that pyproject.toml asks for, extras too."""
    project = PYPROJECT.split("[project.scripts]")[0].split("dependencies = [", 1)[1]
    return sorted({name.lower() for name in re.findall(r'^  "([A-Za-z0-9_-]+)', project, re.MULTILINE)})


def packages():
    """Returns the top-level packages of setup.py."""
    return sorted(set(re.findall(r'^        "([a-z_]+)",$', (ROOT / "setup.py").read_text(), re.MULTILINE)))


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_has_every_command_in_its_table(command):
    assert re.search(rf"^\| `radflow {command}\b", README, re.MULTILINE)


def test_readme_names_no_command_that_there_is_not():
    assert set(re.findall(r"radflow ([a-z]+)", README)) <= set(COMMANDS)


def test_readme_opens_with_the_two_commands_and_what_it_is_not():
    first_screen = "\n".join(README.splitlines()[:20])
    assert "make demo" in first_screen and "make test" in first_screen
    assert "not a medical device" in first_screen


def test_readme_has_every_exit_code():
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.RadflowError)]
    codes = {0} | {kind.exit_code for kind in kinds}
    assert {int(code) for code in re.findall(r"^\| (\d) \|", README, re.MULTILINE)} == codes


@pytest.mark.parametrize("dependency", dependencies())
def test_architecture_names_every_dependency(dependency):
    assert re.search(rf"(?<![\w-]){dependency}(?![\w-])", ARCHITECTURE.split("## Dependencies")[1])


def test_architecture_names_no_dependency_that_there_is_not():
    table = ARCHITECTURE.split("## Dependencies")[1]
    assert set(re.findall(r"^\| ([a-z][a-z-]+) \|", table, re.MULTILINE)) - {"package"} <= set(dependencies())


@pytest.mark.parametrize("package", packages())
def test_architecture_describes_every_package(package):
    assert f"| `{package}/` |" in ARCHITECTURE


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_in_documents_exist(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", text, re.MULTILINE))
    assert {one or other for one, other in named} <= set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_between_documents_lead_somewhere(document):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / document).read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def test_every_make_target_for_people_has_its_line_in_the_help():
    phony = set(re.findall(r"^\.PHONY: ([a-z-]+)$", MAKEFILE, re.MULTILINE))
    assert phony == set(re.findall(r"^([a-z-]+):[^#\n]*## .+$", MAKEFILE, re.MULTILINE))


def test_data_sets_has_a_row_with_a_command_for_every_layout():
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|.*\| `radflow manifest (.+)` \|$", DATASETS, re.MULTILINE)
    assert [name for name, _ in rows] == list(LAYOUTS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_data_sets_command_is_one_that_the_command_line_takes(layout):
    (words,) = re.findall(rf"`radflow manifest (--layout {layout} .+)` \|$", DATASETS, re.MULTILINE)
    parser = argparse.ArgumentParser()
    cli.manifest.add_arguments(parser)
    arguments = vars(parser.parse_args(shlex.split(words)))
    assert arguments["layout"] == layout and arguments["source"] and arguments["output"]
    given = {name for name, value in arguments.items() if value}
    assert given - {"layout", "source", "output", "where", "allow_missing"} <= set(options_of(layout))
