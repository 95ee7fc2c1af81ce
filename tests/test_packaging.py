"""The wheel holds the packages that `setup.py` lists, all of those in git, and nothing beside them."""

import configparser
import re
import zipfile
from pathlib import Path

import pytest

from tests.wheel import build_wheel, tracked_files

TOP_LEVEL = {
    "cli",
    "components",
    "data_schemas",
    "evaluation",
    "imaging",
    "kubeflow_runner.py",
    "local_runner.py",
    "models",
    "pipeline",
    "reports",
    "serving",
}
NOT_SHIPPED = {"benchmarks", "deploy", "docs", "notebooks", "tests"}
PAGE = Path("serving/gateway/page")
DATA = (".css", ".html", ".j2", ".js", ".pbtxt", ".proto", ".pyi", ".yaml")


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory):
    """Builds the wheel from a copy of the project, offline, and returns the names in it."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build_wheel(folder)
    with zipfile.ZipFile(wheel) as archive:
        entry_points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        (folder / "entry_points.txt").write_bytes(archive.read(entry_points))
        return folder, set(archive.namelist())


def test_top_level_of_the_wheel_is_the_literal_list(wheel_names):
    _, names = wheel_names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == TOP_LEVEL


def test_every_module_in_git_is_in_the_wheel(wheel_names):
    _, names = wheel_names
    modules = {path.as_posix() for path in tracked_files() if path.suffix == ".py" and len(path.parts) > 1}
    assert {name for name in modules if name.split("/")[0] not in NOT_SHIPPED} - names == set()


def test_data_files_of_packages_are_in_the_wheel(wheel_names):
    _, names = wheel_names
    packages = TOP_LEVEL - {"kubeflow_runner.py", "local_runner.py"}
    files = [path for path in tracked_files() if path.parts[0] in packages and path.suffix in DATA]
    data = {path.as_posix() for path in files if not path.is_relative_to(PAGE) or path.is_relative_to(PAGE / "dist")}
    assert {"data_schemas/base_schema.pbtxt", "serving/gateway/page/dist/index.html"} <= data
    assert data - names == set()


def test_of_the_reading_page_the_wheel_has_all_that_was_built_and_nothing_it_was_built_from(wheel_names):
    _, names = wheel_names
    built = {path.as_posix() for path in tracked_files() if path.is_relative_to(PAGE / "dist")}
    assert {Path(name).suffix for name in built} == {".css", ".html", ".js", ".svg"}
    assert {name for name in names if name.startswith(f"{PAGE}/")} == built
    # Browsers keep them for a year.
    kept = [Path(name).stem for name in built if "/assets/" in name]
    assert all(re.fullmatch(r"[a-z]+-[\w-]{8}", name) for name in kept)


def test_wheel_has_the_radflow_command_and_the_licence(wheel_names):
    folder, names = wheel_names
    scripts = configparser.ConfigParser()
    scripts.read(folder / "entry_points.txt")
    assert scripts["console_scripts"]["radflow"] == "cli.main:main"
    assert any(re.fullmatch(r"radflow-[^/]*\.dist-info/licenses/LICENSE", name) for name in names)


def test_every_folder_of_modules_is_known():
    top_level = {path.parts[0] for path in tracked_files() if path.suffix == ".py" and len(path.parts) > 1}
    assert top_level - NOT_SHIPPED == TOP_LEVEL - {"kubeflow_runner.py", "local_runner.py"}
