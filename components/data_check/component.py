"""DataCheck: the one place where data stops a run."""

from __future__ import annotations

from pathlib import Path

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts

from components.artifacts import DataCheckReport, IngestReport
from components.data_check.executor import Executor


class DataCheckSpec(component_spec.ComponentSpec):
    """In: statistics, anomalies and the ingest's report; out: the report."""

    PARAMETERS = {
        "task": component_spec.ExecutionParameter(type=str),
        "report_folder": component_spec.ExecutionParameter(type=str),
        "accepted_folder": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
        "ingest_report": component_spec.ChannelParameter(type=IngestReport),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=DataCheckReport)}


class DataCheck(base_component.BaseComponent):
    """Stops the run when the data is not fit for the task, with a report that survives the stop.

    Args:
        statistics: of StatisticsGen.
        anomalies: of ExampleValidator, which itself never stops a run.
        ingest_report: of DicomExampleGen.
        task: the task as JSON; its `data_policy` says what blocks.
        report_folder: the report is written to `report_folder/RUN` too, because TFX removes what a failing step wrote.
        accepted_folder: keeps the statistics of accepted data, to compare the next run's with. What is in it is no part
            of the cache key: data that were checked before are not checked again because others came in between.
        code_digest: digest of the checks' code, part of the cache key.

    Outputs: `report`.
    """

    SPEC_CLASS = DataCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        statistics: BaseChannel,
        anomalies: BaseChannel,
        ingest_report: BaseChannel,
        task: str,
        report_folder: Path,
        accepted_folder: Path,
        code_digest: str,
    ) -> None:
        spec = DataCheckSpec(
            statistics=statistics,
            anomalies=anomalies,
            ingest_report=ingest_report,
            task=task,
            report_folder=str(report_folder),
            accepted_folder=str(accepted_folder),
            code_digest=code_digest,
            report=Channel(type=DataCheckReport),
        )
        super().__init__(spec=spec)
