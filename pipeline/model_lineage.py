"""Reads from the metadata store which examples every model was trained on, and where it was pushed to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

_TRAINER, _PUSHER = "Trainer", "Pusher"


@dataclass(frozen=True)
class TrainedModel:
    """A model, the examples it was trained on, and the served version that it became, if it was pushed."""

    uri: Path
    examples: Path
    served: Path | None


def trained_models(store: Path) -> list[TrainedModel]:
    """Returns every model that a Trainer of any run made, oldest first.

    Args:
        store: path of the SQLite metadata store; without one there is no model.
    """
    if not store.exists():
        return []
    database = metadata_store.MetadataStore(metadata.sqlite_metadata_connection_config(str(store)))
    made, used = _edges(database)
    artifacts = {artifact.id: artifact for artifact in database.get_artifacts()}
    kinds = {execution.id: _kind(execution.type) for execution in database.get_executions()}
    served: dict[int, Path] = {}
    for execution in (number for number, kind in kinds.items() if kind == _PUSHER):
        destination = _destination([artifacts[number] for number in made[execution] if number in artifacts])
        served |= {model: destination for model in used[execution] if destination is not None}
    found = {}
    for execution in (number for number, kind in kinds.items() if kind == _TRAINER):
        examples = [artifacts[number] for number in used[execution] if artifacts[number].type == "Examples"]
        for model in (artifacts[number] for number in made[execution] if artifacts[number].type == "Model"):
            if examples:
                found[model.id] = TrainedModel(Path(model.uri), Path(examples[0].uri), served.get(model.id))
    return [model for _, model in sorted(found.items())]


def _edges(database: metadata_store.MetadataStore) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Returns by execution the artifacts that it made, and those that it used."""
    made: dict[int, list[int]] = defaultdict(list)
    used: dict[int, list[int]] = defaultdict(list)
    for event in database.get_events_by_execution_ids([execution.id for execution in database.get_executions()]):
        side = made if event.type == metadata_store_pb2.Event.OUTPUT else used
        side[event.execution_id].append(event.artifact_id)
    return made, used


def _kind(execution_type: str) -> str:
    return execution_type.rsplit(".", 1)[-1]


def _destination(outputs: list[metadata_store_pb2.Artifact]) -> Path | None:
    for artifact in outputs:
        properties = artifact.custom_properties
        if properties["pushed"].int_value and properties["pushed_destination"].string_value:
            return Path(properties["pushed_destination"].string_value)
    return None
