"""Which examples every model was trained on, by the metadata store; and which patients, by what is served itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from data_schemas.model_files import ASSETS, TRAINING_PATIENTS_FILE
from data_schemas.models_config import model_folders
from data_schemas.served_folder import version_folders
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


def served_training(serving_root: Path) -> dict[Path, frozenset[str]]:
    """Returns the pseudonyms of whom each served version was fitted to or chosen on, as the version itself says.

    So it is known too of models whose runs this output's metadata store has not recorded, as Kubeflow's, and of those
    that were published again. A version that does not say is left out.
    """
    found = {}
    for version in (one for folder in model_folders(serving_root) for one in version_folders(folder).values()):
        try:
            said = json.loads((version / ASSETS / TRAINING_PATIENTS_FILE).read_text(encoding="utf-8"))
            found[version] = frozenset(said["patients"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def _served(graph: MetadataGraph) -> dict[int, Path]:
    """Returns by model the served version that it became last."""
    served: dict[int, Path] = {}
    for step in (one for one in graph.steps() if one.node == _PUSHER):
        for artifact in (graph.artifacts[one] for _, one in step.made if one in graph.artifacts):
            destination = artifact.properties.get("pushed_destination")
            if artifact.properties.get("pushed") and destination:
                served |= {model: Path(destination) for _, model in step.used}
    return served
