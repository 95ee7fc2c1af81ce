"""ModelReport: a page about each model, also about one that is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts

from components.artifacts import DataCheckReport, IngestReport, StressTest
from components.artifacts import ModelReport as ModelReportArtifact
from components.model_report.executor import Executor


class ModelReportSpec(component_spec.ComponentSpec):
    """In: the model, and what other steps found out about it; out: page and exports."""

    PARAMETERS = {
        "report_folder": component_spec.ExecutionParameter(type=str),
        "code_digests": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        "tuner_results": component_spec.ChannelParameter(type=standard_artifacts.TunerResults, optional=True),
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples, optional=True),
        "ingest_report": component_spec.ChannelParameter(type=IngestReport, optional=True),
        "data_check": component_spec.ChannelParameter(type=DataCheckReport, optional=True),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation, optional=True),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing, optional=True),
        "infra_blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing, optional=True),
        "stress": component_spec.ChannelParameter(type=StressTest, optional=True),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=ModelReportArtifact)}


class ModelReport(base_component.BaseComponent):
    """Writes what a model is for, how good it is, and how it was made.

    What is pushed is no input: that step never comes from the cache, and the report would be made anew each time.

    Args:
        model, model_run: of the Trainer.
        found: channels of other steps by the names of `ModelReportSpec.INPUTS`; those that are None or absent make
            their chapter say that the run has no such thing.
        report_folder: page and exports are written to `report_folder/RUN` too, beside DataCheck's.
        code_digests: by step; part of the cache key, and of what the page says.

    Outputs: `report`.
    """

    SPEC_CLASS = ModelReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: BaseChannel,
        model_run: BaseChannel,
        found: Mapping[str, BaseChannel | None],
        report_folder: Path,
        code_digests: Mapping[str, str],
    ) -> None:
        """Connects the component."""
        super().__init__(
            ModelReportSpec(
                model=model,
                model_run=model_run,
                **{name: channel for name, channel in found.items() if channel is not None},
                report_folder=str(report_folder),
                code_digests=json.dumps(dict(code_digests), sort_keys=True),
                report=Channel(type=ModelReportArtifact),
            )
        )
