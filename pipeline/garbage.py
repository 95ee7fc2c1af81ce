"""Which artifacts of an output nobody needs any more: neither a pushed model's lineage nor the newest runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_schemas.restored import read_restored
from data_schemas.served_folder import version_folders
from pipeline.artifact_root import artifact_root
from pipeline.lineage import OutputArtifact
from pipeline.metadata_graph import MetadataGraph
from pipeline.model_origin import needed_artifacts, pushers_of

UNNEEDED, UNRECORDED = "needed by no pushed model", "left by a step that did not end"
CUT_OFF = "left by a fetch that did not end"


@dataclass(frozen=True)
class Garbage:
    """A folder that may go.

    Attributes:
        path: `OUTPUT/pipeline/NODE/NAME/NUMBER`, which may be on the object store alone, or what a fetch has left.
        size: bytes of its files.
        why: in words.
        artifact: its id in the metadata store; None where it has none.
    """

    path: Path
    size: int
    why: str
    artifact: int | None = None


@dataclass(frozen=True)
class Plan:
    """What may go and what stays.

    Attributes:
        garbage: by path.
        kept: folders that stay.
        kept_size: their bytes.
        unknown: served versions that the metadata store does not have.
    """

    garbage: tuple[Garbage, ...]
    kept: int
    kept_size: int
    unknown: tuple[str, ...]


def plan(output: Path, graph: MetadataGraph, *, keep_runs: int) -> Plan:
    """Returns what may go from an output's artifacts.

    A folder stays where the lineage of a version that is in `OUTPUT/serving` needs it, approved or not, or one of the
    newest runs has it. Where the store does not have a served version, all that it does not record stays too: that may
    be the version's. What the store records of a folder that goes stays there.

    Args:
        output: the output folder; no run is at work in it.
        graph: of its metadata store.
        keep_runs: how many of the newest runs keep their artifacts, so that the next one need not make them again.
    """
    needed, unknown = _needed(output, graph)
    for run in graph.runs[len(graph.runs) - keep_runs :] if keep_runs else ():
        needed |= {artifact for step in run.steps for _, artifact in (*step.made, *step.used)}
    artifacts = {_place(artifact.uri): artifact for artifact in graph.artifacts.values()}
    garbage, kept = [], []
    root = artifact_root(output)
    garbage += [Garbage(path, root.size(path), CUT_OFF) for path in root.cut_off_fetches()]
    for folder, size in root.folders().items():
        artifact = artifacts.get(_place(folder))
        if artifact is not None and artifact.id not in needed:
            garbage.append(Garbage(folder, size, UNNEEDED, artifact.id))
        elif artifact is None and not unknown:
            garbage.append(Garbage(folder, size, UNRECORDED))
        else:
            kept.append(size)
    return Plan(tuple(garbage), len(kept), sum(kept), tuple(unknown))


def mark_deleted(database: object, artifacts: Iterable[OutputArtifact]) -> None:
    """Records in MLMD that artifacts are gone, so that no run takes one from the cache.

    Args:
        database: MLMD's `MetadataStore`.
        artifacts: of any state.
    """
    from ml_metadata.proto import metadata_store_pb2

    found = list(database.get_artifacts_by_id([artifact.id for artifact in artifacts]))  # type: ignore[attr-defined]
    for artifact in found:
        artifact.state = metadata_store_pb2.Artifact.DELETED
    if found:
        database.put_artifacts(found)  # type: ignore[attr-defined]


def _needed(output: Path, graph: MetadataGraph) -> tuple[set[int], list[str]]:
    """Returns the artifacts that served versions need, and the versions that the store does not have.

    Where a number was pushed more than once, all of those are kept.
    """
    needed: set[int] = set()
    unknown = []
    for version in _served_versions(output / "serving"):
        restored = read_restored(version)
        number = restored.first_version if restored else int(version.name)
        pushers = pushers_of(graph, version.parent.name, number)
        if not pushers:
            unknown.append(f"{version.parent.name}/{version.name}")
        for pusher in pushers:
            needed |= needed_artifacts(graph, pusher)
    return needed, unknown


def _served_versions(root: Path) -> Iterator[Path]:
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if folder.is_dir() and not folder.name.startswith("."):
            yield from (path for _, path in sorted(version_folders(folder).items()))


def _place(path: Path) -> tuple[str, ...]:
    """Returns NODE, NAME and NUMBER of an artifact's folder: an output that was moved has the same."""
    return path.parts[-3:]
