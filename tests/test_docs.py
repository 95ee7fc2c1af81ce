"""The documents keep up: commands, exit codes, dependencies, targets and packages are where a reader looks for them."""

import argparse
import ast
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
PAGES = tuple(sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
HAZARDS = ("Data and training", "Pixels", "Judging", "Serving", "Reading")
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
    assert "Research software, not a medical device" in first_screen
    assert all(f"(docs/{page}.md)" in first_screen for page in ("instructions_for_use", "risk", "ethics"))


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


def headings(document):
    """Returns the anchors of a document, as GitHub makes them of its headings."""
    lines = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}


def dead_links(text, folder):
    """Returns those links to files, and to headings of documents, that lead nowhere from a folder."""
    dead = []
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text):
        path = folder / target
        if not path.exists() or (anchor and path.is_file() and anchor not in headings(path)):
            dead.append(f"{target}#{anchor}")
    return dead


@pytest.mark.parametrize("document", DOCUMENTS + PAGES)
def test_links_between_documents_lead_somewhere(document):
    assert dead_links((ROOT / document).read_text(encoding="utf-8"), (ROOT / document).parent) == []


def test_a_link_to_no_file_or_no_heading_is_dead():
    text = "[a](README.md) [b](README.md#results) [c](docs/nothing.md) [d](README.md#nothing) [e](https://example.org)"
    assert dead_links(text, ROOT) == ["docs/nothing.md#", "README.md#nothing"]


def defined_in(file):
    """Returns the names of a test file's functions without running it, so that one that skips is there too."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def missing_tests(text):
    """Returns what a document names as tests, `tests/FILE.py` or `tests/FILE.py::NAME`, and there is not."""
    named = re.findall(r"(?<!\w)(tests/[\w/.]+\.py)(?:::(\w+))?", text)
    return [
        f"{file}::{name}" if name else file
        for file, name in named
        if not (ROOT / file).is_file() or (name and name not in defined_in(ROOT / file))
    ]


@pytest.mark.parametrize("document", DOCUMENTS + PAGES)
def test_tests_that_documents_name_exist(document):
    assert missing_tests((ROOT / document).read_text(encoding="utf-8")) == []


def test_a_test_that_does_not_exist_is_found_out():
    text = "`tests/test_docs.py::test_readme_has_every_exit_code` `tests/test_docs.py::test_x` `tests/test_none.py`"
    assert missing_tests(text) == ["tests/test_docs.py::test_x", "tests/test_none.py"]


def rows_of(section):
    """Returns the cells of every row of a section's table in the risk file, without its two lines of head."""
    text = (ROOT / "docs" / "risk.md").read_text(encoding="utf-8").split(f"\n## {section}\n", 1)[1].split("\n## ")[0]
    return [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize("section", HAZARDS)
def test_a_hazard_has_a_test_or_says_that_it_has_no_control(section):
    rows = rows_of(section)
    assert rows and {len(cells) for cells in rows} == {5}
    for hazard, _, control, test, remains in rows:
        assert "tests/" in test or "no control" in control, hazard
        assert remains.strip(), hazard


def test_no_principle_and_no_article_is_left_out():
    assert [int(cells[0].split()[0]) for cells in rows_of("Good machine learning practice")] == list(range(1, 11))
    assert len(rows_of("Predetermined change control plans")) == 5
    assert [int(cells[0].split()[0]) for cells in rows_of("EU AI Act, articles 9 to 15")] == list(range(9, 16))


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
