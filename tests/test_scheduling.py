"""Whatever shares a run of the pipeline is in one process, or the run is made twice and disturbed by the other's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("xdist", reason="pytest-xdist shares the tests out; it comes with `make test`")

from tests.scheduling import FilesAndRuns

PIPELINE = Path(__file__).parent / "pipeline"


def _scope(file: Path) -> str:
    scheduler = FilesAndRuns.__new__(FilesAndRuns)  # the scope of a test depends on its name alone
    return scheduler._split_scope(f"tests/pipeline/{file.name}::test_x[a::b]")


@pytest.mark.parametrize(("run", "fixtures"), [("first_run", "first_run"), ("marked_run", "(marked|later)_run")])
def test_the_files_that_share_a_run_go_together(run: str, fixtures: str) -> None:
    argument = re.compile(rf"\b{fixtures}: \w")
    sharing = [file for file in PIPELINE.glob("test_*.py") if argument.search(file.read_text(encoding="utf-8"))]
    assert len(sharing) > 1
    assert {_scope(file) for file in sharing} == {run}


def test_every_other_file_goes_alone() -> None:
    assert _scope(PIPELINE / "test_study_unit.py") == "tests/pipeline/test_study_unit.py"
    assert _scope(PIPELINE / "test_study_unit.py") != _scope(PIPELINE / "test_code_digest.py")


def test_the_conformance_suite_goes_together() -> None:
    scheduler = FilesAndRuns.__new__(FilesAndRuns)
    names = ("test_predict", "test_rest")
    scopes = {scheduler._split_scope(f"tests/serving/conformance/{name}.py::test_x") for name in names}
    assert scopes == {"tests/serving/conformance"}
