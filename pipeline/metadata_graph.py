"""All that the metadata store has of an output's runs, read at once: steps, artifacts, and which made or used which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from pipeline.lineage import RUN_CONTEXT, OutputArtifact, node_name, plain_properties, stored_artifact
from pipeline.metadata_database import MetadataDatabase

DONE = (metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED)
_PIPELINE_CONTEXT = "pipeline"


@dataclass(frozen=True)
class Step:
    """A node of a run, as it ran or came from the cache.

    Attributes:
        id: in the metadata store.
        node: e.g. `Trainer`.
        state: `metadata_store_pb2.Execution.State`.
        started, changed: when it began, and when its state last changed.
        properties: its parameters.
        made, used: output or input name and artifact id.
    """

    id: int
    node: str
    state: int
    started: datetime
    changed: datetime
    properties: Mapping[str, Any]
    made: list[tuple[str, int]] = field(default_factory=list)
    used: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class StoredRun:
    """A run: its name, its pipeline (the task's name; empty where no step began), and its steps as they began."""

    run_id: str
    task: str
    started: datetime
    steps: tuple[Step, ...]

    def outputs(self, node: str, output: str) -> list[int]:
        """Returns the ids of a node's artifacts, of a step that came to its end."""
        steps = [step for step in self.steps if step.node == node and step.state in DONE]
        return [artifact for step in steps for name, artifact in step.made if name == output]


@dataclass(frozen=True)
class MetadataGraph:
    """The runs of an output, oldest first, and the artifacts that they made or used, by id."""

    runs: tuple[StoredRun, ...] = ()
    artifacts: Mapping[int, OutputArtifact] = field(default_factory=dict)

    def steps(self) -> list[Step]:
        """Returns the steps of all runs, in the order in which they began; each once."""
        return sorted({step.id: step for run in self.runs for step in run.steps}.values(), key=lambda step: step.id)

    def output(self, run: StoredRun, node: str, output: str) -> OutputArtifact | None:
        """Returns a node's output in a run, or None where it did not get so far."""
        found = [self.artifacts[one] for one in run.outputs(node, output) if one in self.artifacts]
        return found[-1] if found else None

    def maker(self, artifact: int) -> Step | None:
        """Returns the step that made an artifact, not those that took it from the cache."""
        return next((step for step in self.steps() if artifact in {one for _, one in step.made}), None)

    def run_of(self, step: Step) -> StoredRun:
        """Returns the run that a step is of."""
        return next(run for run in self.runs if step.id in {one.id for one in run.steps})

    def closure(self, artifacts: Iterable[int]) -> set[int]:
        """Returns some artifacts and all that they were made from, and what these were made from."""
        makers = {artifact: step for step in reversed(self.steps()) for _, artifact in step.made}
        found: set[int] = set()
        waiting = list(artifacts)
        while waiting:
            artifact = waiting.pop()
            if artifact in found:
                continue
            found.add(artifact)
            if artifact in makers:
                waiting += [one for _, one in makers[artifact].used]
        return found


def read_graph(store: MetadataDatabase) -> MetadataGraph:
    """Returns what the store has of an output's runs; nothing where there is no store.

    Raises:
        ConfigurationError: the database does not let us in, or is not there.
    """
    if not store.exists():
        return MetadataGraph()
    database = store.connect()
    contexts = [one for one in database.get_contexts_by_type(RUN_CONTEXT) if store.has(one.name)]
    contexts.sort(key=lambda one: one.id)  # as they began, also where the clock was set back
    executions = {context.id: list(database.get_executions_by_context(context.id)) for context in contexts}
    steps = {one.id: _step(one) for found in executions.values() for one in found}
    for event in database.get_events_by_execution_ids(list(steps)) if steps else []:
        step = steps[event.execution_id]
        side = step.made if event.type in _OUTPUTS else step.used
        side.append((event.path.steps[0].key if event.path.steps else "", event.artifact_id))
    tasks = _tasks(database, steps.keys())
    runs = [
        StoredRun(
            context.name,
            next((tasks[one.id] for one in executions[context.id] if one.id in tasks), ""),
            _time(context.create_time_since_epoch),
            tuple(sorted((steps[one.id] for one in executions[context.id]), key=lambda step: step.id)),
        )
        for context in contexts
    ]
    touched = {artifact for step in steps.values() for _, artifact in (*step.made, *step.used)}
    artifacts = database.get_artifacts_by_id(sorted(touched)) if touched else []
    return MetadataGraph(
        tuple(runs),
        {artifact.id: stored_artifact(artifact, store.artifacts) for artifact in artifacts},
    )


_OUTPUTS = (
    metadata_store_pb2.Event.OUTPUT,
    metadata_store_pb2.Event.DECLARED_OUTPUT,
    metadata_store_pb2.Event.PENDING_OUTPUT,
)


def _step(execution: metadata_store_pb2.Execution) -> Step:
    return Step(
        execution.id,
        node_name(execution.type),
        execution.last_known_state,
        _time(execution.create_time_since_epoch),
        _time(execution.last_update_time_since_epoch),
        plain_properties(execution.custom_properties),
    )


def _tasks(database: Any, steps: Iterable[int]) -> dict[int, str]:
    """Returns the pipeline that each step belongs to."""
    wanted = set(steps)
    found: dict[int, str] = {}
    for context in database.get_contexts_by_type(_PIPELINE_CONTEXT):
        ids = {execution.id for execution in database.get_executions_by_context(context.id)}
        found |= dict.fromkeys(ids & wanted, context.name)
    return found


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)
