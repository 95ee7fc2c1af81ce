"""Reads what is served now, whichever runner runs the pipeline: no resolver, which Kubeflow lacks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from data_schemas.ingest_report import FILE_NAME, IngestReport
from data_schemas.model_files import ASSETS, NO_CHAMPION, REASON, TRAINING_PATIENTS_FILE, USABLE, VERSION
from data_schemas.served_folder import newest_version


class Executor(base_executor.BaseExecutor):
    """Executor of Champion."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies the served model and says whether a comparison with it would be fair."""
        champion = artifact_utils.get_single_instance(output_dict["champion"])
        report = artifact_utils.get_single_instance(input_dict["ingest_report"])
        ingest = IngestReport.model_validate_json((Path(report.uri) / FILE_NAME).read_text())
        served = newest_version(Path(exec_properties["served_folder"]))
        reason = unusable_reason(served, ingest)
        if served is not None:
            shutil.copytree(served, path_utils.serving_model_dir(champion.uri), dirs_exist_ok=True)
        champion.set_int_custom_property(USABLE, int(not reason))
        champion.set_string_custom_property(REASON, reason)
        champion.set_string_custom_property(VERSION, served.name if served else "")


def unusable_reason(served: Path | None, ingest: IngestReport) -> str:
    """Returns why a served model cannot be compared on this test split; empty when it can.

    A champion that was fitted to a patient of the test split would look better there than it is.
    """
    if served is None:
        return NO_CHAMPION
    try:
        trained_on = json.loads((served / ASSETS / TRAINING_PATIENTS_FILE).read_text())
    except (OSError, ValueError):
        return f"version {served.name} does not say which patients it was trained on"
    if trained_on["pseudonym_key_id"] != ingest.pseudonym_key_id:
        return (
            f"version {served.name} was trained under another pseudonym key, so it cannot be told whether it knows "
            "patients of the test split; run with the key it was trained with"
        )
    shared = len(set(trained_on["patients"]) & set(ingest.patients["test"]))
    if shared:
        return f"version {served.name} was trained on {shared} patients of the present test split"
    return ""
