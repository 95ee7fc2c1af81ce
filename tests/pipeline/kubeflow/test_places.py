"""URIs of object stores are the paths that Kubeflow's launcher copies them to, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.kubeflow.places import Places, places

LAUNCHER = {  # LocalPathForURI of its launcher_v2.go
    "gs://bucket/a/b": "/gcs/bucket/a/b",
    "s3://bucket/a/b": "/s3/bucket/a/b",
    "minio://mlpipeline/v2/artifacts": "/minio/mlpipeline/v2/artifacts",
}


@pytest.mark.parametrize(("uri", "path"), LAUNCHER.items())
def test_a_uri_is_the_path_that_the_launcher_has_for_it_and_back(uri: str, path: str) -> None:
    assert places({}).path(uri) == path
    assert places({}).uri(path) == uri


@pytest.mark.parametrize("text", ["/data/radflow/model", "relative", "https://example.org/x", "/gcs-of-another/x", ""])
def test_what_is_in_no_object_store_stays(text: str) -> None:
    assert places({}).path(text) == text and places({}).uri(text) == text


def test_the_environment_names_another_place_for_the_folders() -> None:
    where = places({"RADFLOW_MOUNTS": "/tmp/pod"})
    assert where.path("s3://bucket/a") == "/tmp/pod/s3/bucket/a"
    assert where.uri("/tmp/pod/s3/bucket/a") == "s3://bucket/a"
    assert where.uri("/s3/bucket/a") == "/s3/bucket/a"
    assert Places(Path("/tmp/pod")).path("gs://b/c") == "/tmp/pod/gcs/b/c"
