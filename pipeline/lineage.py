"""Reads from the metadata store what a run made: its artifacts by node and output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from pipeline.artifact_root import ArtifactRoot
from pipeline.metadata_database import MetadataDatabase

RUN_CONTEXT = "pipeline_run"


@dataclass(frozen=True)
class OutputArtifact:
    """One output of a node.

    Attributes:
        uri: where it is, or is fetched to.
        properties: its custom ones.
        id, type, state: in the metadata store.
        root: where it is fetched from, if that is an object store.
    """

    uri: Path
    properties: dict[str, Any]
    id: int = 0
    type: str = ""
    state: int = metadata_store_pb2.Artifact.LIVE
    root: ArtifactRoot | None = None

    def fetched(self) -> OutputArtifact:
        """Returns it, with its folder fetched unless it is there; of one that was removed, there is still none.

        Raises:
            RadflowError: the object store cannot be read.
        """
        if self.root is not None:
            self.root.fetched(self.uri)
        return self

    def exists(self) -> bool:
        """Says whether its folder is there, or can be fetched."""
        return self.root.exists(self.uri) if self.root is not None else self.uri.exists()


class RunOutputs:
    """The outputs of one run, those that came from the cache included.

    Args:
        store: the output's metadata store.
        run_id: the run.
    """

    def __init__(self, store: MetadataDatabase, run_id: str) -> None:
        self._store, self._root = store.connect(), store.artifacts
        self._run_id = run_id
        self._outputs = self._read()

    def get(self, node: str, output: str) -> OutputArtifact | None:
        """Returns a node's output, fetched, or None when the node did not get so far.

        Raises:
            RadflowError: the object store cannot be read.
        """
        found = self._outputs.get((node, output))
        return found.fetched() if found else None

    def code_digests(self) -> dict[str, str]:
        """Returns the digest of the code that each node ran, of those that are given one as a parameter."""
        found = {}
        for execution in self._executions():
            digest = execution.custom_properties["code_digest"].string_value
            if digest:
                found[node_name(execution.type)] = digest
        return found

    def nodes(self, states: Sequence[int]) -> list[str]:
        """Returns the nodes that are in one of some states (`metadata_store_pb2.Execution.State`), as they began."""
        found = [one for one in self._all_executions() if one.last_known_state in states]
        return [node_name(one.type) for one in sorted(found, key=lambda one: one.id)]

    def _read(self) -> dict[tuple[str, str], OutputArtifact]:
        return dict(self._artifacts({execution.id: execution.type for execution in self._executions()}))

    def _executions(self) -> list[metadata_store_pb2.Execution]:
        """Returns what came to its end, or from the cache."""
        done = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
        return [execution for execution in self._all_executions() if execution.last_known_state in done]

    def _all_executions(self) -> list[metadata_store_pb2.Execution]:
        context = self._store.get_context_by_type_and_name(RUN_CONTEXT, self._run_id)
        return [] if context is None else list(self._store.get_executions_by_context(context.id))

    def _artifacts(self, executions: dict[int, str]) -> list[tuple[tuple[str, str], OutputArtifact]]:
        events = [
            event
            for event in self._store.get_events_by_execution_ids(list(executions))
            if event.type == metadata_store_pb2.Event.OUTPUT
        ]
        by_id = {artifact.id: artifact for artifact in self._store.get_artifacts_by_id([e.artifact_id for e in events])}
        return [
            (
                (node_name(executions[event.execution_id]), event.path.steps[0].key),
                stored_artifact(by_id[event.artifact_id], self._root),
            )
            for event in events
        ]


def node_name(execution_type: str) -> str:
    """Returns the node of an execution's type, which TFX spells `package.module.Class` for custom components."""
    return execution_type.rsplit(".", 1)[-1]


def stored_artifact(artifact: metadata_store_pb2.Artifact, root: ArtifactRoot | None) -> OutputArtifact:
    """Returns an artifact as the store has it.

    Args:
        artifact: from the store's client.
        root: the store's `artifacts`.
    """
    properties = plain_properties(artifact.custom_properties)
    return OutputArtifact(Path(artifact.uri), properties, artifact.id, artifact.type, artifact.state, root)


def plain_properties(properties: Mapping[str, metadata_store_pb2.Value]) -> dict[str, Any]:
    """Returns custom properties as plain values; a structured one stays a message."""
    return {name: getattr(value, value.WhichOneof("value")) for name, value in properties.items()}


def run_ids(store: MetadataDatabase) -> list[str]:
    """Returns the ids of all runs of an output, as they began, whatever the clock said; none where there is no store.

    Args:
        store: the output's metadata store.
    """
    if not store.exists():
        return []
    contexts = [one for one in store.connect().get_contexts_by_type(RUN_CONTEXT) if store.has(one.name)]
    return [context.name for context in sorted(contexts, key=lambda one: one.id)]
