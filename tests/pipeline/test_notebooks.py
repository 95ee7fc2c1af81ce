"""The notebooks: executed from the first cell to the last on a small run, and committed without what that gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tests.pipeline.conftest import Run

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FIGURES = {"bias_review": 4, "data_validation": 2, "explain": 2, "model_analysis": 3}
"""Static figures that each shows at least on the small run, whatever widgets there are."""


def _execute(notebook: Any, output: Path) -> None:
    environment = os.environ | {"RADFLOW_OUTPUT": str(output), "PYTHONPATH": str(ROOT)}
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute(env=environment)


def _outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_the_four_are_there() -> None:
    assert [path.stem for path in NOTEBOOKS] == list(FIGURES)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_as_its_author_wrote_it(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert _outputs(notebook) == []
    assert all(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.fixture(scope="module")
def executed(first_run: Run) -> dict[str, Any]:
    """Each notebook executed, by name; in one kernel, emptied between them, since importing TFX takes the longest."""
    parts = {path.stem: nbformat.read(path, as_version=4).cells for path in NOTEBOOKS}
    together = nbformat.v4.new_notebook()
    for cells in parts.values():
        together.cells += [nbformat.v4.new_code_cell("%reset -f"), *cells]
    _execute(together, first_run.output)
    return {name: nbformat.v4.new_notebook(cells=cells) for name, cells in parts.items()}


@pytest.mark.pipeline
@pytest.mark.parametrize("name", FIGURES)
def test_a_notebook_runs_to_its_end_and_shows_its_figures(name: str, executed: dict[str, Any]) -> None:
    outputs = _outputs(executed[name])
    kinds = [kind for output in outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") >= FIGURES[name]
    assert any(output.get("name") == "stdout" and output["text"].startswith("Run 20") for output in outputs)
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []


def test_without_a_run_a_notebook_says_so_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError, match="there is no run in") as raised:
        _execute(nbformat.read(ROOT / "notebooks" / "bias_review.ipynb", as_version=4), tmp_path)
    assert "Traceback" not in str(raised.value) and "make demo" in str(raised.value)
