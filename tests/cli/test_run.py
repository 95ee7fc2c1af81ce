"""The command line of `radflow run`, and what a finished run tells a person."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from cli import run
from cli.progress import Stage
from cli.run import FinishedRun
from data_schemas.errors import CanaryRefused, GateRefused

ESTIMATE = {"value": 0.9, "lower": 0.8, "upper": 0.95}
UNDEFINED = {"value": None, "lower": None, "upper": None}
METRICS = ("auroc", "average_precision", "sensitivity", "specificity", "ppv", "npv", "f1")


def _finished(*, findings: int = 2, pushed: str | None = "/out/a b/task/3", **changes: object) -> FinishedRun:
    verdict = "unmet" if pushed is None else "met"
    gates = [{"name": "AUROC", "verdict": verdict, "passed": pushed is not None, "reason": "auroc is 0.9"}]
    names = [f"finding{number}" for number in range(findings)]
    overall = {
        "examples": 10,
        "patients": 7,
        "task": {"accuracy": ESTIMATE, "macro_auroc": UNDEFINED},
        "findings": {name: dict.fromkeys(METRICS, ESTIMATE) for name in names},
    }
    result = {
        "examples": 100, "patients": 60, "rejected": 2, "without_consent": 4, "withdrawn": 0,
        "blessed": pushed is not None, "pushed": pushed,
        "gates": gates, "metrics": {"overall": overall},
    }  # fmt: skip
    values = {
        "result": result, "canary": "", "stages": [Stage("Trainer", 1.5, cached=False)], "log": Path("/out/log"),
        "champion": "", "data_report": Path("/out/data_check.html"),
        "model_report": Path("/out/model_report.html"), "already_served": False,
    }  # fmt: skip
    return FinishedRun(**(values | changes))  # type: ignore[arg-type]


def test_an_empty_output_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["--task", "t", "--manifest", "m", "--output", ""])
    assert caught.value.code == 2
    assert "it is empty: name a folder" in capsys.readouterr().err


def test_the_text_has_metrics_with_intervals_gates_and_a_command_that_can_be_pasted() -> None:
    text = _finished().text()
    assert "0.900 [0.800, 0.950]" in text
    assert "macro auroc -" in text
    assert "60 patients, 2 rejected, 4 left out without consent." in text
    assert "Pushed: /out/a b/task/3" in text
    assert "radflow serve --model '/out/a b/task'" in text
    assert max(map(len, text.splitlines())) <= 160


def test_the_text_says_what_a_search_found_where_there_was_one() -> None:
    assert "\n\nSearch for hyperparameters: x\n\n" in _finished(search="Search for hyperparameters: x").text()
    assert "\n\n\n" not in _finished().text()


def test_many_findings_get_a_row_each() -> None:
    assert any(line.startswith("finding6  0.900") for line in _finished(findings=7).text().splitlines())


def test_a_model_that_is_served_already_is_not_said_to_be_pushed() -> None:
    text = _finished(already_served=True).text()
    assert "Served already, as version 3; nothing new was pushed" in text


def test_a_missed_gate_and_a_refusing_canary_have_their_own_errors() -> None:
    with pytest.raises(GateRefused, match=r"AUROC: auroc is 0\.9"):
        _finished(pushed=None).raise_if_refused()
    with pytest.raises(CanaryRefused, match="scores differ"):
        _finished(canary="scores differ").raise_if_refused()
    _finished().raise_if_refused()
