"""Gathers what earlier steps found, writes the report twice, and stops the run when a blocking check failed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.data_check.checks import check_data, check_images
from components.data_check.drift_checks import Statistics, check_drift
from components.data_check.former_run import data_id, former_statistics, keep_statistics
from components.data_check.image_table import ImageTable
from components.image_index import read_index
from data_schemas.errors import DataRefused
from data_schemas.ingest_report import FILE_NAME, IngestReport
from data_schemas.task_file import task_from_json
from reports.data_check import DataCheckReport

JSON_FILE, HTML_FILE = "data_check.json", "data_check.html"
STATISTICS_FILE = "FeatureStats.pb"
"""As StatisticsGen names it."""


class Executor(base_executor.BaseExecutor):
    """Executor of DataCheck."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the report.

        Raises:
            DataRefused: a blocking check failed; the message lists every one, with what mends it.
        """
        ingest_uri = artifact_utils.get_single_uri(input_dict["ingest_report"])
        ingest = IngestReport.model_validate_json((Path(ingest_uri) / FILE_NAME).read_text())
        anomalies = read_anomalies(artifact_utils.get_single_instance(input_dict["anomalies"]))
        task = task_from_json(exec_properties["task"])
        table = ImageTable(read_index(Path(ingest_uri)), task)
        statistics = read_statistics(artifact_utils.get_single_instance(input_dict["statistics"]))
        accepted, current = Path(exec_properties["accepted_folder"]), data_id(table)
        former = former_statistics(accepted, current)
        checks, tables = check_images(table)
        checks += check_drift(task, ingest, statistics=statistics, former=former)
        report = DataCheckReport.of(task, ingest, [*check_data(task, ingest, anomalies=anomalies), *checks], tables)
        # What a failing step wrote, TFX removes: the second copy is the one that a stopped run leaves.
        kept = Path(exec_properties["report_folder"]) / self._run_id()
        for folder in (Path(artifact_utils.get_single_uri(output_dict["report"])), kept):
            write_report(report, folder)
        if report.blocked:
            raise DataRefused(f"{report.message()}\nthe whole report: {kept / HTML_FILE}")
        keep_statistics(statistics["train"], accepted, current)

    def _run_id(self) -> str:
        return str(self._context.pipeline_run_id) if self._context else "run"


def write_report(report: DataCheckReport, folder: Path) -> None:
    """Writes the report as HTML and JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON_FILE).write_text(report.to_json(), encoding="utf-8")
    (folder / HTML_FILE).write_text(report.to_html(), encoding="utf-8")


def read_statistics(artifact: types.Artifact) -> dict[str, Statistics]:
    """Returns TFDV's statistics by split."""
    splits = artifact_utils.decode_split_names(artifact.split_names)
    folders = {split: Path(artifact_utils.get_split_uri([artifact], split)) for split in splits}
    return {split: Statistics.FromString((folder / STATISTICS_FILE).read_bytes()) for split, folder in folders.items()}


def read_anomalies(artifact: types.Artifact) -> dict[str, dict[str, str]]:
    """Returns TFDV's anomalies by split, as feature -> description."""
    found = {}
    for split in artifact_utils.decode_split_names(artifact.split_names):
        path = Path(artifact_utils.get_split_uri([artifact], split)) / "SchemaDiff.pb"
        anomalies = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        found[split] = {name: info.description for name, info in anomalies.anomaly_info.items()}
        if anomalies.HasField("dataset_anomaly_info"):
            found[split]["the data set"] = anomalies.dataset_anomaly_info.description
    return found
