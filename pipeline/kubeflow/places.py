"""Where a step finds what Kubeflow's launcher names by gs://, s3:// or minio://: folders that it copies to and from.

The launcher of open-source Kubeflow Pipelines copies a step's inputs from the object store to /gcs, /s3 or /minio
before the step, and its outputs back afterwards (`LocalPathForURI` in its `launcher_v2.go`); Vertex AI mounts buckets
under /gcs. So a step needs no client of any object store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

MOUNTS_VARIABLE = "RADFLOW_MOUNTS"
"""Names the folder that gcs, s3 and minio lie in, where that is not the root of the file system."""

FOLDERS = {"gs://": "gcs", "s3://": "s3", "minio://": "minio"}
"""Scheme -> folder, as the launcher has them."""


class Places:
    """Turns URIs into paths and back.

    Args:
        mounts: the folder that gcs, s3 and minio lie in.

    Example:
        >>> Places(Path("/")).path("gs://bucket/run/model")
        '/gcs/bucket/run/model'
        >>> Places(Path("/")).uri("/gcs/bucket/run/model")
        'gs://bucket/run/model'
    """

    def __init__(self, mounts: Path) -> None:
        self._folders = {scheme: f"{mounts / folder}/" for scheme, folder in FOLDERS.items()}

    def path(self, uri: str) -> str:
        """Returns the path of a URI; what has none of the schemes is returned as it is."""
        for scheme, folder in self._folders.items():
            if uri.startswith(scheme):
                return folder + uri[len(scheme) :]
        return uri

    def uri(self, path: str) -> str:
        """Returns the URI of a path; what lies in none of the folders is returned as it is."""
        for scheme, folder in self._folders.items():
            if path.startswith(folder):
                return scheme + path[len(folder) :]
        return path


def places(environment: Mapping[str, str] = os.environ) -> Places:
    """Returns the places of this process."""
    return Places(Path(environment.get(MOUNTS_VARIABLE) or "/"))
