"""Finds examples whose files were damaged since they were written, and sets them aside: the next run makes them anew.

Without it a run would take them from the cache at every try: those that cannot be read would end it each time, and a
file that is gone would be missed by nobody.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from components.dicom_example_gen.tfrecord import check_records
from data_schemas.features import SPLITS
from pipeline.garbage import mark_deleted
from pipeline.lineage import OutputArtifact, RunOutputs, stored_artifact
from pipeline.settings import PipelineSettings

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.gz$")


def set_aside_incomplete(settings: PipelineSettings) -> list[Path]:
    """Sets aside the output's examples of which a file is gone or empty; looks at names and sizes alone.

    Returns:
        Their folders.
    """
    if not settings.metadata.exists():
        return []
    store = settings.metadata.connect()
    found = [stored_artifact(one, settings.metadata.artifacts) for one in store.get_artifacts_by_type("Examples")]
    ours = [one for one in found if one.uri.is_relative_to(settings.pipeline_root) and one.uri.is_dir()]
    live = [one for one in ours if one.state == metadata_store_pb2.Artifact.LIVE]
    return _set_aside(store, [one for one in live if not _complete(one.uri)])


def set_aside_unreadable(settings: PipelineSettings, run_id: str) -> list[Path]:
    """Sets a run's examples aside where a file of theirs is damaged; reads all of them, after something went wrong.

    Returns:
        The files that are damaged.
    """
    examples = RunOutputs(settings.metadata, run_id).get("DicomExampleGen", "examples")
    if examples is None:
        return []
    damaged = [path for path in sorted(examples.uri.glob("Split-*/*.gz")) if not _readable(path)]
    if damaged:
        _set_aside(settings.metadata.connect(), [examples])
    return damaged


def _set_aside(store: Any, examples: list[OutputArtifact]) -> list[Path]:
    mark_deleted(store, examples)
    return [one.uri for one in examples]


def _complete(examples: Path) -> bool:
    """Says whether each split has all files that the name of each of its files tells of."""
    for split in SPLITS:
        files = [
            (match, path) for path in (examples / f"Split-{split}").glob("*") if (match := _SHARD.search(path.name))
        ]
        indexes = {int(match[1]) for match, path in files if path.stat().st_size}
        if not files or indexes != set(range(int(files[0][0][2]))):
            return False
    return True


def _readable(path: Path) -> bool:
    try:
        check_records(path)
    except (ValueError, OSError):
        return False
    return True
