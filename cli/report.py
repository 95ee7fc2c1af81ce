"""`radflow report`: where a run's model report is and what it says first; makes it where there is none."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_schemas.errors import ConfigurationError, RadflowError

if TYPE_CHECKING:
    from components.model_report.gather import RunArtifacts
    from pipeline.lineage import OutputArtifact, RunOutputs
    from pipeline.metadata_database import MetadataDatabase
    from pipeline.run_state import RunState

LATEST = "latest"
_INPUTS = {
    "model": ("Trainer", "model"),
    "model_run": ("Trainer", "model_run"),
    "tuner_results": ("Tuner", "tuner_results"),
    "examples": ("DicomExampleGen", "examples"),
    "ingest_report": ("DicomExampleGen", "ingest_report"),
    "data_check": ("DataCheck", "report"),
    "evaluation": ("Evaluator", "evaluation"),
    "blessing": ("Evaluator", "blessing"),
    "infra_blessing": ("ServingCanary", "blessing"),
    "stress": ("StressTest", "stress"),
}
"""What a report is made from, as `pipeline.pipeline` connects it: node and output."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Say where the model report of a run is, and what it says first. The report is made from what the run left "
        "where it is absent, or with --fresh."
    )
    parser.add_argument("run", metavar="RUN", help="a run's id, as logs and reports are named, or `latest`")
    parser.add_argument(
        "--output", type=Path, default=Path("radflow-output"), metavar="DIR", help="the run's output [%(default)s]"
    )
    parser.add_argument("--fresh", action="store_true", help="make the report anew, in OUTPUT/reports/RUN")
    parser.add_argument("--json", action="store_true", help="print the result as one line of JSON")


def run(arguments: argparse.Namespace) -> int:
    """Prints where the report is, and its summary.

    Raises:
        ConfigurationError: there is no such run.
        RadflowError: the run is going on, or trained no model.
    """
    from pipeline.lineage import RunOutputs
    from pipeline.run_state import run_state

    output = arguments.output.absolute()
    run_id = find_run(output, arguments.run)
    outputs = RunOutputs(_store(output), run_id)
    folder = None if arguments.fresh else _folder(output, run_id, outputs)
    if folder is None:
        folder = output / "reports" / run_id
        _make(_artifacts(outputs, run_state(output, run_id)), folder)
    if arguments.run == LATEST:
        _say_what_is_newer(output, run_id)
    found = _read(folder)
    print(json.dumps(found.to_json()) if arguments.json else found.to_text())
    return 0


@dataclass(frozen=True)
class FoundReport:
    """A report: its folder, its page, and the JSON beside it."""

    folder: Path
    page: Path
    numbers: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints."""
        kept = {name: self.numbers[name] for name in ("run", "task", "title", "blessed", "summary")}
        return {"report": str(self.page), **kept}

    def to_text(self) -> str:
        """Returns a few lines for people."""
        said = self.numbers["summary"]
        lines = [
            f"Model report: {self.page}",
            f"{self.numbers['title']} ({self.numbers['task']}), run {self.numbers['run']}",
        ]
        lines += ["", f"{said['verdict']}: {said['why']}", *(f"  {reason}" for reason in said.get("reasons", ()))]
        lines += [f"{name}: {' '.join(sentences)}" for name, sentences in said["points"].items()]
        files = ", ".join(sorted(path.name for path in self.folder.iterdir() if path.suffix in (".json", ".csv")))
        return "\n".join([*lines, "", f"Beside it: {files}"])


def _say_what_is_newer(output: Path, run_id: str) -> None:
    """Says on standard error that the latest report is not of the latest run."""
    from pipeline.lineage import run_ids
    from pipeline.run_state import going_on, run_state

    newest = going_on(output) or run_ids(_store(output))[-1]
    if newest != run_id:
        print(f"radflow report: {run_state(output, newest).text()}, without a report so far", file=sys.stderr)


def find_run(output: Path, name: str) -> str:
    """Returns the id of a run.

    Args:
        output: its output folder.
        name: an id, or `latest`: the newest run that trained a model, else the newest.

    Raises:
        ConfigurationError: there is no such run.
    """
    from pipeline.lineage import RunOutputs, run_ids
    from pipeline.run_state import going_on

    at_work, known = going_on(output), run_ids(_store(output))
    if at_work and at_work not in known:
        known = [*known, at_work]
    if not known:
        raise ConfigurationError(
            f"--output {output}: no run has been there; name the folder that `radflow run` was given"
        )
    if name == LATEST:
        newest_first = known[::-1]
        trained = (one for one in newest_first if RunOutputs(_store(output), one).get("Trainer", "model"))
        return next(trained, newest_first[0])
    if name not in known:
        raise ConfigurationError(
            f"no run {name!r} in {output}; the newest are {', '.join(known[-3:])}, or say `latest`"
        )
    return name


def _store(output: Path) -> MetadataDatabase:
    from pipeline.metadata_database import output_database

    return output_database(output)


def _folder(output: Path, run_id: str, outputs: RunOutputs) -> Path | None:
    """Returns where a whole report is: of the run, else the one that its model had before, from the cache."""
    from reports.model_report import HTML_FILE, JSON_FILE

    artifact = outputs.get("ModelReport", "report")
    folders = [output / "reports" / run_id, *([artifact.uri] if artifact else [])]
    return next((one for one in folders if all((one / name).is_file() for name in (HTML_FILE, JSON_FILE))), None)


def _artifacts(outputs: RunOutputs, state: RunState) -> RunArtifacts:
    """Returns where what the run left lies.

    Raises:
        RadflowError: it is going on, or trained no model.
    """
    from components.model_report.gather import RunArtifacts, used
    from reports.report_data import Canary

    found = {name: artifact for name, place in _INPUTS.items() if (artifact := outputs.get(*place)) is not None}
    if state.going_on:
        raise RadflowError(
            f"{state.text()}: its report is made at its end. Wait for it; {state.log} says what it does. "
            "`radflow report RUN` shows an earlier run's"
        )
    if "model" not in found:
        raise RadflowError(_without_model(state))
    folders = {name: artifact.uri for name, artifact in found.items()}
    canary = found.get("infra_blessing")
    return RunArtifacts(
        run=state.run_id,
        serving=folders["model"] / "Format-Serving",
        model_run=folders.get("model_run"),
        tuner_results=folders.get("tuner_results"),
        test_split=folders["examples"] / "Split-test" if "examples" in folders else None,
        ingest_report=folders.get("ingest_report"),
        data_check=folders.get("data_check"),
        evaluation=folders.get("evaluation"),
        stress=folders.get("stress"),
        blessed=_blessed(found.get("blessing")),
        canary=None if canary is None else Canary(bool(_blessed(canary)), canary.properties.get("reason", "")),
        code_digests=outputs.code_digests(),
        used=tuple(used(name, one.type, one.id, str(one.uri)) for name, one in found.items()),
    )


def _without_model(state: RunState) -> str:
    """Says why there is nothing to report on, and where to look."""
    pages = [state.output / "reports" / state.run_id / "data_check.html", state.log]
    where = next((f"{page} says why" for page in pages if page.is_file()), "its log says why")
    return f"{state.text()}, without a model, so that there is nothing to report on: {where}; mend that and run again"


def _blessed(artifact: OutputArtifact | None) -> bool | None:
    return None if artifact is None else bool(artifact.properties.get("blessed"))


def _make(artifacts: RunArtifacts, folder: Path) -> None:
    from datetime import datetime, timezone

    from absl import logging

    from components.model_report.gather import gather
    from reports.model_report import report_files, write_files

    logging.set_verbosity(logging.ERROR)  # what is missing is said in the page
    write_files(report_files(gather(artifacts, made=datetime.now(timezone.utc))), folder)


def _read(folder: Path) -> FoundReport:
    from reports.model_report import HTML_FILE, JSON_FILE

    return FoundReport(folder, folder / HTML_FILE, json.loads((folder / JSON_FILE).read_text(encoding="utf-8")))
