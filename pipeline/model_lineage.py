"""Reads from the metadata store which examples every model was trained on, and where it was pushed to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.metadata_database import MetadataDatabase
from pipeline.metadata_graph import MetadataGraph, read_graph

_TRAINER, _PUSHER = "Trainer", "Pusher"


@dataclass(frozen=True)
class TrainedModel:
    """A model, the examples it was trained on, and the served version that it became, if it was pushed."""

    uri: Path
    examples: Path
    served: Path | None


def trained_models(store: MetadataDatabase) -> list[TrainedModel]:
    """Returns every model that a Trainer of any run made, oldest first.

    Args:
        store: the output's metadata store; without one there is no model.

    Raises:
        ConfigurationError: the store cannot be used.
    """
    graph = read_graph(store)
    served, found = _served(graph), {}
    for step in (one for one in graph.steps() if one.node == _TRAINER):
        used = [graph.artifacts[artifact] for _, artifact in step.used if artifact in graph.artifacts]
        examples = [artifact for artifact in used if artifact.type == "Examples"]
        for artifact in (graph.artifacts[one] for _, one in step.made if one in graph.artifacts):
            if artifact.type == "Model" and examples:
                found[artifact.id] = TrainedModel(artifact.uri, examples[0].uri, served.get(artifact.id))
    return [model for _, model in sorted(found.items())]


def _served(graph: MetadataGraph) -> dict[int, Path]:
    """Returns by model the served version that it became last."""
    served: dict[int, Path] = {}
    for step in (one for one in graph.steps() if one.node == _PUSHER):
        for artifact in (graph.artifacts[one] for _, one in step.made if one in graph.artifacts):
            destination = artifact.properties.get("pushed_destination")
            if artifact.properties.get("pushed") and destination:
                served |= {model: Path(destination) for _, model in step.used}
    return served
