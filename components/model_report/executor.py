"""Gathers what the Trainer and the Tuner left, and writes the page twice: as an artifact and beside DataCheck's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from data_schemas.description import ModelDescription
from data_schemas.model_files import ASSETS, CONTACT_SHEET_FILE, DESCRIPTION_FILE, EXPLANATION_CHECKS_FILE, HISTORY_FILE
from reports.model_report import ModelReport
from reports.tuning import load_results

HTML_FILE = "model_report.html"


class Executor(base_executor.BaseExecutor):
    """Executor of ModelReport."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the page."""
        serving = Path(path_utils.serving_model_path(artifact_utils.get_single_uri(input_dict["model"])))
        run = Path(artifact_utils.get_single_uri(input_dict["model_run"]))
        trials = input_dict.get("tuner_results")
        report = ModelReport(
            description=ModelDescription.model_validate_json((serving / ASSETS / DESCRIPTION_FILE).read_text()),
            history=json.loads((run / HISTORY_FILE).read_text()),
            contact_sheet=(run / CONTACT_SHEET_FILE).read_bytes(),
            explanation_checks=json.loads((run / EXPLANATION_CHECKS_FILE).read_text()),
            tuning=load_results(Path(artifact_utils.get_single_uri(trials))) if trials else None,
        )
        page = report.to_html()
        kept = Path(exec_properties["report_folder"]) / self._run_id()
        for folder in (Path(artifact_utils.get_single_uri(output_dict["report"])), kept):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / HTML_FILE).write_text(page, encoding="utf-8")

    def _run_id(self) -> str:
        return str(self._context.pipeline_run_id) if self._context else "run"
