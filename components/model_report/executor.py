"""Gathers what the run left, and writes page and exports twice: as an artifact and beside DataCheck's report."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.model_report.gather import RunArtifacts, gather, used
from reports.model_report import report_files, write_files
from reports.report_data import Canary

_TEST = "test"
Artifacts = dict[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Executor of ModelReport."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Writes the report."""
        run = self._run_id()
        found = run_artifacts(input_dict, run=run, code_digests=json.loads(exec_properties["code_digests"]))
        files = report_files(gather(found, made=datetime.now(timezone.utc)))
        write_files(files, Path(artifact_utils.get_single_uri(output_dict["report"])))
        write_files(files, Path(exec_properties["report_folder"]) / run)

    def _run_id(self) -> str:
        return str(self._context.pipeline_run_id) if self._context else "run"


def run_artifacts(inputs: Artifacts, *, run: str, code_digests: dict[str, str]) -> RunArtifacts:
    """Returns where the inputs lie, and what they say by their properties."""
    single = {name: found[0] for name, found in inputs.items() if found}
    folders = {name: Path(artifact.uri) for name, artifact in single.items()}
    return RunArtifacts(
        run=run,
        serving=Path(path_utils.serving_model_path(single["model"].uri)),
        model_run=folders.get("model_run"),
        tuner_results=folders.get("tuner_results"),
        test_split=_test_split(single.get("examples")),
        ingest_report=folders.get("ingest_report"),
        data_check=folders.get("data_check"),
        evaluation=folders.get("evaluation"),
        stress=folders.get("stress"),
        blessed=_blessed(single.get("blessing")),
        canary=_canary(single.get("infra_blessing")),
        code_digests=code_digests,
        used=tuple(used(name, artifact.type_name, artifact.id, artifact.uri) for name, artifact in single.items()),
    )


def _test_split(examples: types.Artifact | None) -> Path | None:
    if examples is None or _TEST not in artifact_utils.decode_split_names(examples.split_names):
        return None
    return Path(artifact_utils.get_split_uri([examples], _TEST))


def _blessed(blessing: types.Artifact | None) -> bool | None:
    return None if blessing is None else bool(blessing.get_int_custom_property("blessed"))


def _canary(blessing: types.Artifact | None) -> Canary | None:
    if blessing is None:
        return None
    return Canary(
        blessed=bool(blessing.get_int_custom_property("blessed")),
        reason=blessing.get_string_custom_property("reason"),
        largest_difference=blessing.get_string_custom_property("largest_difference"),
    )
