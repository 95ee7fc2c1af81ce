"""Champion: the model that is served now, as an artifact, and whether it may be compared with a candidate."""

from __future__ import annotations

from pathlib import Path

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import BaseChannel, Channel, component_spec, standard_artifacts

from components.artifacts import IngestReport
from components.champion.executor import Executor


class ChampionSpec(component_spec.ComponentSpec):
    """In: the ingest's report; out: the champion."""

    PARAMETERS = {
        "served_folder": component_spec.ExecutionParameter(type=str),
        "served_state": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {"ingest_report": component_spec.ChannelParameter(type=IngestReport)}
    OUTPUTS = {"champion": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class Champion(base_component.BaseComponent):
    """Copies the newest served version, so that it can be evaluated beside the candidate.

    Args:
        ingest_report: DicomExampleGen's report; its test patients must be strangers to the champion.
        served_folder: `OUTPUT/serving/TASK`.
        served_state: `data_schemas.served_folder.served_state` at the start of the run. What is served is no artifact
            of this pipeline, so the cache learns of a change through this text.
        code_digest: digest of this step's code, part of the cache key.

    Outputs: `champion`, a model with the int property `usable` and the string properties `reason` and `version`.
    """

    SPEC_CLASS = ChampionSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, *, ingest_report: BaseChannel, served_folder: Path, served_state: str, code_digest: str) -> None:
        spec = ChampionSpec(
            ingest_report=ingest_report,
            served_folder=str(served_folder),
            served_state=served_state,
            code_digest=code_digest,
            champion=Channel(type=standard_artifacts.Model),
        )
        super().__init__(spec=spec)
