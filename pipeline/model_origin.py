"""Where a served version comes from, by the metadata store: the runs, the steps, and every artifact that made it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_schemas.model_files import ALREADY_SERVED, MODEL_DIGEST
from data_schemas.restored import read_restored
from data_schemas.served_folder import model_digest
from pipeline.lineage import OutputArtifact
from pipeline.metadata_graph import MetadataGraph, Step, StoredRun
from pipeline.run_history import pushed_version

_SERVING_MODEL = "Format-Serving"
"""Folder of the Trainer's model that the Pusher pushes."""


@dataclass(frozen=True)
class MadeArtifact:
    """An artifact that a model was made from, or judged by: its output of a node, and whether its folder is there."""

    node: str
    output: str
    artifact: OutputArtifact

    def to_json(self) -> dict[str, Any]:
        """Returns plain values."""
        one = self.artifact
        return {
            "node": self.node,
            "output": self.output,
            "id": one.id,
            "uri": one.root.url_of(str(one.uri)) if one.root else str(one.uri),
            "there": one.exists(),
        }


@dataclass(frozen=True)
class ModelOrigin:
    """Where a version comes from.

    Attributes:
        pushed_by, trained_by: runs; the same unless the model came from the cache.
        steps: by node, each that has a part in it, as it ran.
        artifacts: what was made or used on the way, by the order of the steps.
        same_model: whether the version's files are the model that was recorded; None where nothing tells.
    """

    pushed_by: StoredRun
    trained_by: StoredRun
    steps: Mapping[str, Step]
    artifacts: tuple[MadeArtifact, ...]
    same_model: bool | None

    def folder(self, node: str, output: str) -> Path | None:
        """Returns where an artifact lies, fetched; None where there was none or its folder was removed.

        Raises:
            RadflowError: the object store cannot be read.
        """
        found = [one.fetched() for one in self._outputs(node, output)]
        return next((one.uri for one in found if one.uri.is_dir()), None)

    def has(self, node: str, output: str) -> bool:
        """Says whether an artifact is there, or can be fetched.

        Raises:
            RadflowError: the object store cannot be read.
        """
        return any(one.exists() for one in self._outputs(node, output))

    def _outputs(self, node: str, output: str) -> list[OutputArtifact]:
        return [one.artifact for one in self.artifacts if (one.node, one.output) == (node, output)]

    def parameters(self, node: str) -> dict[str, Any]:
        """Returns a step's parameters, those in its `custom_config` included."""
        if node not in self.steps:
            return {}
        properties = dict(self.steps[node].properties)
        return properties | _json_object(properties.pop("custom_config", ""))

    def code_digests(self) -> dict[str, str]:
        """Returns the digest of the code that each step ran, of those that are given one."""
        digests = {node: self.parameters(node).get("code_digest", "") for node in self.steps}
        return {node: digest for node, digest in digests.items() if digest}


def origin_of(graph: MetadataGraph, version: Path) -> ModelOrigin | None:
    """Returns where a version comes from, or None where the metadata store does not have it.

    A number is given again where the newest version was removed: a digest of the model decides, where there is one.

    Args:
        graph: of the output's metadata store.
        version: `OUTPUT/serving/TASK/VERSION`.

    Raises:
        ModelAltered: the version says that it restores another one, and cannot be read.
    """
    restored = read_restored(version)
    number = restored.first_version if restored else int(version.name)
    pushers = pushers_of(graph, version.parent.name, number)
    if not pushers:
        return None
    digest = model_digest(version)
    judged = [(step, _is_same(graph, step, digest)) for step in pushers]
    same = [one for one in judged if one[1]]
    pusher, is_same = next(iter(same), None) or judged[-1]
    return _origin(graph, pusher, same=is_same)


def pushers_of(graph: MetadataGraph, task: str, number: int) -> list[Step]:
    """Returns the steps that pushed a version, oldest first; failing that, those that found it served already."""
    found = []
    for step in graph.steps():
        artifacts = [
            graph.artifacts[one] for name, one in step.made if name == "pushed_model" and one in graph.artifacts
        ]
        found += [(step, one) for one in artifacts if pushed_version(one) == (task, number)]
    new = [step for step, artifact in found if not artifact.properties.get(ALREADY_SERVED)]
    return new or [step for step, _ in found]


def needed_artifacts(graph: MetadataGraph, pusher: Step) -> set[int]:
    """Returns the ids of all that a pushed model's lineage needs: what it was made from, judged and reported by."""
    pushed_by = graph.run_of(pusher)
    of_run = {artifact for step in pushed_by.steps for _, artifact in (*step.made, *step.used)}
    return graph.closure(of_run)


def _is_same(graph: MetadataGraph, pusher: Step, digest: str) -> bool | None:
    """Says whether a Pusher pushed a model of this digest: by its record, else by the Trainer's files."""
    for name, artifact in pusher.made:
        recorded = graph.artifacts[artifact].properties.get(MODEL_DIGEST) if artifact in graph.artifacts else None
        if name == "pushed_model" and recorded:
            return bool(recorded == digest)
    for name, artifact in pusher.used:
        folder = graph.artifacts[artifact].uri / _SERVING_MODEL
        if name == "model" and folder.is_dir():
            return model_digest(folder) == digest
    return None


def _origin(graph: MetadataGraph, pusher: Step, *, same: bool | None) -> ModelOrigin:
    pushed_by = graph.run_of(pusher)
    needed = needed_artifacts(graph, pusher)
    makers = [step for step in graph.steps() if needed & {artifact for _, artifact in step.made}]
    makers.sort(key=lambda step: step.id)
    steps: dict[str, Step] = {}
    artifacts: dict[int, MadeArtifact] = {}
    for step in makers:
        for name, artifact in step.made:
            if artifact in needed and artifact in graph.artifacts and artifact not in artifacts:
                artifacts[artifact] = MadeArtifact(step.node, name, graph.artifacts[artifact])
                steps[step.node] = step
    model = next((artifact for name, artifact in pusher.used if name == "model"), None)
    trainer = graph.maker(model) if model is not None else None
    return ModelOrigin(
        pushed_by=pushed_by,
        trained_by=graph.run_of(trainer) if trainer else pushed_by,
        steps=steps | {pusher.node: pusher},
        artifacts=tuple(artifacts.values()),
        same_model=same,
    )


def _json_object(text: Any) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
