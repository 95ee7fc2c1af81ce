"""ModelReport: a page about each model, also about one that is refused."""

from __future__ import annotations

from pathlib import Path

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts

from components.artifacts import ModelReport as ModelReportArtifact
from components.model_report.executor import Executor


class ModelReportSpec(component_spec.ComponentSpec):
    """In: the model and what the Trainer and the Tuner left; out: the page."""

    PARAMETERS = {
        "report_folder": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        "tuner_results": component_spec.ChannelParameter(type=standard_artifacts.TunerResults, optional=True),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=ModelReportArtifact)}


class ModelReport(base_component.BaseComponent):
    """Writes how a model was made, and what its scores mean.

    Args:
        model, model_run: of the Trainer.
        tuner_results: of the Tuner, if there is one.
        report_folder: the page is written to `report_folder/RUN` too, beside DataCheck's.
        code_digest: digest of the report's code, part of the cache key.

    Outputs: `report`.
    """

    SPEC_CLASS = ModelReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: BaseChannel,
        model_run: BaseChannel,
        report_folder: Path,
        code_digest: str,
        tuner_results: BaseChannel | None = None,
    ) -> None:
        """Connects the component."""
        super().__init__(
            ModelReportSpec(
                model=model,
                model_run=model_run,
                tuner_results=tuner_results,
                report_folder=str(report_folder),
                code_digest=code_digest,
                report=Channel(type=ModelReportArtifact),
            )
        )
