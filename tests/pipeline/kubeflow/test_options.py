"""What a cluster is told on a command line is understood, or refused with what to write."""

from __future__ import annotations

import pytest

from data_schemas.errors import ConfigurationError
from pipeline.kubeflow.options import Resources, Secret, Volume, read_resources, read_root, read_secret, read_volume


@pytest.mark.parametrize(
    ("text", "step", "resources"),
    [
        ("Trainer=cpu:4,memory:16G,gpu:1", "Trainer", Resources(4, 16, 1)),
        ("all=memory:512Mi", "all", Resources(memory=0.536870912)),
        ("Tuner=cpu:500m", "Tuner", Resources(cpu=0.5)),
        ("Tuner=memory:1.5Gi, gpu:2", "Tuner", Resources(memory=1.610612736, gpu=2)),
    ],
)
def test_resources_are_read_in_kubernetes_units(text: str, step: str, resources: Resources) -> None:
    found, read = read_resources(text)
    assert found == step
    assert (read.cpu, read.gpu) == (resources.cpu, resources.gpu)
    assert read.memory == pytest.approx(resources.memory)


@pytest.mark.parametrize(
    "text",
    ["Trainer", "Trainer=", "=cpu:1", "Trainer=cpu=4", "Trainer=disk:4G", "Trainer=cpu:1,cpu:2", "Trainer=gpu:0.5",
     "Trainer=gpu:1G", "Trainer=cpu:2G", "Trainer=memory:16", "Trainer=memory:500m", "Trainer=cpu:-1"],
)  # fmt: skip
def test_resources_that_are_written_otherwise_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"Trainer=cpu:4,memory:16G,gpu:1"):
        read_resources(text)


@pytest.mark.parametrize("text", ["gs://bucket/a", "s3://bucket", "minio://mlpipeline/v2/", "/mnt/shared"])
def test_a_root_is_a_bucket_or_an_absolute_path(text: str) -> None:
    assert read_root(text) == text.rstrip("/")


@pytest.mark.parametrize("text", ["", "gs://", "http://bucket/a", "relative/path", "s3:///"])
def test_another_root_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="write gs://BUCKET/PATH or s3://BUCKET/PATH or minio://BUCKET/PATH"):
        read_root(text)


def test_a_secret_is_three_names() -> None:
    assert read_secret("KEY_ID=object-store/access.key") == Secret("KEY_ID", "object-store", "access.key")


@pytest.mark.parametrize("text", ["KEY=hunter2!", "object-store/key", "KEY=Store/key", "KEY=store/", "1KEY=store/key"])
def test_what_is_no_secrets_name_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError, match="VARIABLE=SECRET/KEY") as refusal:
        read_secret(text)
    assert "hunter2" not in str(refusal.value)


def test_a_volume_is_a_claim_and_a_path() -> None:
    assert read_volume("radflow-data:/data") == Volume("radflow-data", "/data")
    for text in ("radflow-data", "radflow-data:data", ":/data", "Data:/data"):
        with pytest.raises(ConfigurationError, match="CLAIM:/PATH"):
            read_volume(text)
