"""What the report says of where its numbers come from."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import metadata

import pyarrow as pa

from data_schemas import features, image_index
from reports.report_data import ArtifactUsed, Lineage

LIBRARIES = (
    "radflow",
    "tensorflow",
    "keras",
    "tfx",
    "tensorflow-transform",
    "tensorflow-model-analysis",
    "tensorflow-data-validation",
    "apache-beam",
    "numpy",
    "scipy",
    "scikit-learn",
    "pydicom",
    "imagecodecs",
)
_HASHED = (features.MANIFEST_ROW, features.FRAME, image_index.SPLIT, image_index.FILE_HASH, image_index.PIXEL_HASH)
_LABELS = (features.LABEL, features.FINDINGS)


def data_digest(index: pa.Table) -> str:
    """Returns a SHA-256 over every record's row, split, keyed hashes and label: another image or label changes it."""
    columns = [name for name in (*_HASHED, *_LABELS) if name in index.column_names]
    digest = hashlib.sha256("\0".join(columns).encode())
    for row in index.select(columns).to_pylist():
        digest.update(json.dumps([row[name] for name in columns]).encode())
    return digest.hexdigest()


def lineage_of(
    index: pa.Table | None, artifacts: Sequence[ArtifactUsed], code_digests: Mapping[str, str], *, made: datetime
) -> Lineage:
    """Returns the lineage of a report made now on this machine."""
    return Lineage(
        data_digest="not available in this run" if index is None else data_digest(index),
        code_digests=dict(code_digests),
        versions={name: metadata.version(name) for name in LIBRARIES if _installed(name)},
        artifacts=tuple(artifacts),
        hardware=hardware(),
        made=made.strftime("%Y-%m-%d %H:%M:%S UTC"),
    )


def hardware() -> dict[str, str]:
    """Returns processor, accelerators, system and Python of this machine; no name of it."""
    import tensorflow as tf

    accelerators = [device.device_type for device in tf.config.list_physical_devices() if device.device_type != "CPU"]
    return {
        "processor": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "accelerators": ", ".join(accelerators) or "none",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
