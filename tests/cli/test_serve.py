from __future__ import annotations

from pathlib import Path

import pytest

from cli.served_models import ServedModels, of_folder, of_output
from data_schemas.digests import write_digests
from data_schemas.errors import ConfigurationError, ModelAltered
from serving.client import ModelClient
from serving.server.config import ModelConfig, VersionPolicy


def version(folder: Path) -> Path:
    """A version's folder, as far as these functions look at it."""
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()
    return folder


def test_a_model_folder_is_served_under_its_name_newest_version_first(tmp_path):
    version(tmp_path / "chest" / "1")
    assert of_folder(tmp_path / "chest") == ServedModels((ModelConfig("chest", tmp_path / "chest"),))


def test_a_version_folder_is_served_alone_under_its_parents_name(tmp_path):
    version(tmp_path / "chest" / "1")
    version(tmp_path / "chest" / "2")
    expected = ModelConfig("chest", tmp_path / "chest", VersionPolicy(specific=frozenset({1})))
    assert of_folder(tmp_path / "chest" / "1") == ServedModels((expected,))


def test_of_a_runs_output_every_model_is_served(tmp_path):
    for name in ("head", "chest"):
        version(tmp_path / "serving" / name / "1")
    (tmp_path / "serving" / "empty").mkdir()
    models = of_output(tmp_path)
    assert models.names == ("chest", "head")
    assert (models.root, models.output) == (tmp_path / "serving", tmp_path)


def test_labels_are_served_by_the_file_that_the_pusher_wrote_but_of_a_version_alone(tmp_path):
    folder = version(tmp_path / "serving" / "chest" / "1")
    assert of_output(tmp_path).config_file is None
    (tmp_path / "serving" / "models.config").touch()
    assert of_output(tmp_path).config_file == tmp_path / "serving" / "models.config"
    assert of_folder(folder.parent).config_file == tmp_path / "serving" / "models.config"
    assert of_folder(folder).config_file is None


def test_an_output_without_a_model_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="radflow demo"):
        of_output(tmp_path)


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_without_a_version_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="no version in it"):
        of_folder(tmp_path / name)


def test_a_version_folder_that_is_not_numbered_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="whole number"):
        of_folder(version(tmp_path / "export"))


def test_it_says_where_it_serves_and_what_to_try(served_toy):
    assert served_toy.lines == (
        f"serving synthetic_chest on {served_toy.address}",
        f"try: radflow predict --server {served_toy.address} FILE...   (Ctrl-C stops the server)",
    )


@pytest.mark.parametrize("name", ["synthetic_chest", "default"])
def test_the_model_answers_to_its_name_and_to_default(served_toy, name):
    with ModelClient(served_toy.address, name) as client:
        assert client.versions() == (3,)
        assert client.describe().task.name == "synthetic_chest"


def altered(folder: Path) -> Path:
    """A version one of whose files is not what its sums say."""
    write_digests(version(folder))
    (folder / "saved_model.pb").write_text("other")
    return folder


def test_a_model_without_any_version_but_altered_ones_is_told(tmp_path):
    altered(tmp_path / "serving" / "chest" / "2")
    write_digests(version(tmp_path / "serving" / "head" / "1"))
    with pytest.raises(ModelAltered, match="chest/2 was altered"):
        of_output(tmp_path).check_files()
    of_folder(tmp_path / "serving" / "head").check_files()


def test_a_model_that_has_a_sound_version_beside_an_altered_one_is_served(tmp_path):
    write_digests(version(tmp_path / "serving" / "chest" / "1"))
    altered(tmp_path / "serving" / "chest" / "2")
    (tmp_path / "serving" / "models.config").write_text(
        'model_config_list { config { name: "chest" base_path: "' + str(tmp_path / "serving" / "chest") + '" '
        "model_version_policy { specific { versions: 1 versions: 2 } } } }"
    )
    of_output(tmp_path).check_files()
