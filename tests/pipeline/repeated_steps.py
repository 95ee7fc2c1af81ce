"""Runs a step of a finished run once more, in this process and with the same inputs and parameters, into a folder."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.types import Artifact, artifact_utils

from pipeline.beam_options import IN_PROCESS

EXECUTORS = {
    "DicomExampleGen": "components.dicom_example_gen.executor",
    "StatisticsGen": "tfx.components.statistics_gen.executor",
    "Transform": "tfx.components.transform.executor",
    "Evaluator": "components.evaluator.executor",
}
"""By step: the module of its `Executor`."""


class Step:
    """A step as the metadata store knows it.

    Args:
        output: what was given to `radflow run --output`.
        name: one of `EXECUTORS`.
    """

    def __init__(self, output: Path, name: str) -> None:
        store = metadata_store.MetadataStore(
            metadata.sqlite_metadata_connection_config(str(output / "metadata.sqlite"))
        )
        (self._execution,) = [
            one
            for one in store.get_executions()
            if one.type.rsplit(".", 1)[-1] == name and one.last_known_state == metadata_store_pb2.Execution.COMPLETE
        ]
        self._name = name
        types = {one.id: one for one in store.get_artifact_types()}
        self.inputs: dict[str, list[Artifact]] = defaultdict(list)
        self.outputs: dict[str, list[Artifact]] = defaultdict(list)
        for event in store.get_events_by_execution_ids([self._execution.id]):
            (found,) = store.get_artifacts_by_id([event.artifact_id])
            kind = self.inputs if event.type == metadata_store_pb2.Event.INPUT else self.outputs
            artifact = artifact_utils.deserialize_artifact(types[found.type_id], found)
            kind[event.path.steps[0].key].append(artifact)

    def repeat(self, folder: Path, beam: Sequence[str] = IN_PROCESS) -> dict[str, tuple[Path, Path]]:
        """Runs it again; returns, by output, the folders of what the run made and of what was made now."""
        made: dict[str, list[Artifact]] = {}
        for key, (artifact,) in self.outputs.items():
            new = type(artifact)()
            new.uri = str(folder / key)
            made[key] = [new]
        executor = importlib.import_module(EXECUTORS[self._name]).Executor
        executor(executor.Context(beam_pipeline_args=list(beam), tmp_dir=str(folder / "tmp"), unique_id="1")).Do(
            dict(self.inputs), made, self._properties()
        )
        return {key: (Path(self.outputs[key][0].uri), folder / key) for key in made}

    def _properties(self) -> dict[str, Any]:
        return {
            name: getattr(value, value.WhichOneof("value")) for name, value in self._execution.custom_properties.items()
        }


def differing_files(ours: Path, theirs: Path) -> list[str]:
    """Returns the files, relative to two folders, that are in one of them or not the same, byte by byte, in both."""
    names = {path.relative_to(folder) for folder in (ours, theirs) for path in folder.rglob("*") if path.is_file()}
    return sorted(
        str(name)
        for name in names
        if not ((ours / name).is_file() and (theirs / name).is_file())
        or (ours / name).read_bytes() != (theirs / name).read_bytes()
    )
