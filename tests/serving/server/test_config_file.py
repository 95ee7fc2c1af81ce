from __future__ import annotations

from pathlib import Path

import pytest

from data_schemas.errors import ConfigurationError
from serving.server.config import ModelConfig, VersionPolicy
from serving.server.config_file import read_model_config_file

TWO_MODELS = """
model_config_list {
  config { name: "chest" base_path: "/models/chest" model_platform: "tensorflow" }
  config {
    name: "ct"
    base_path: "/models/ct"
    model_version_policy { specific { versions: 3 versions: 5 } }
    version_labels { key: "stable" value: 3 }
    version_labels { key: "canary" value: 5 }
  }
}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "models.config"
    path.write_text(text)
    return path


def test_every_model_is_read_with_its_policy(tmp_path):
    assert read_model_config_file(written(tmp_path, TWO_MODELS)) == (
        ModelConfig("chest", Path("/models/chest")),
        ModelConfig(
            "ct", Path("/models/ct"), VersionPolicy(specific=frozenset({3, 5})), (("canary", 5), ("stable", 3))
        ),
    )


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("latest { num_versions: 3 }", VersionPolicy(latest=3)),
        ("latest {}", VersionPolicy(latest=1)),
        ("all {}", VersionPolicy(every=True)),
    ],
)
def test_policies(tmp_path, policy, expected):
    text = f'model_config_list {{ config {{ name: "a" base_path: "/b" model_version_policy {{ {policy} }} }} }}'
    assert read_model_config_file(written(tmp_path, text))[0].policy == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model_config_list {", "ModelServerConfig as text"),
        ("", "at least one model"),
        (TWO_MODELS.replace('"ct"', '"chest"'), "Illegal to list model chest multiple times"),
        (TWO_MODELS.replace('"/models/ct"', '""'), "`base_path`"),
        (TWO_MODELS.replace("versions: 3 versions: 5", ""), "`specific` needs"),
        (TWO_MODELS.replace('"/models/ct"', '"ct"'), "absolute path"),
        (TWO_MODELS.replace('"tensorflow"', '"other"'), "unsupported platform other"),
    ],
    ids=["syntax", "empty", "twice", "no base path", "no version", "relative", "platform"],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, text, says):
    with pytest.raises(ConfigurationError, match=says):
        read_model_config_file(written(tmp_path, text))


def test_a_missing_file_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        read_model_config_file(tmp_path / "missing")
