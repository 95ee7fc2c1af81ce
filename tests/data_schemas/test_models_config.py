"""models.config: TensorFlow Serving's own message reads it, and it says what folder and approvals say."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_serving.config import model_server_config_pb2

from data_schemas.approvals import APPROVE, record
from data_schemas.errors import AuditBroken, ConfigurationError
from data_schemas.models_config import model_folders, render_models_config, write_models_config
from tests.data_schemas.test_approvals import approval

NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=30)


def parsed(text: str):
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config


def serving(root: Path, **models: list[int]) -> Path:
    for name, numbers in models.items():
        for number in numbers:
            (root / name / str(number)).mkdir(parents=True)
    return root


def test_the_newest_version_is_the_candidate_and_alone_is_loaded(tmp_path: Path) -> None:
    (config,) = parsed(render_models_config(serving(tmp_path, chest=[1, 2, 10]), {}))
    assert (config.name, config.base_path, config.model_platform) == ("chest", str(tmp_path / "chest"), "tensorflow")
    assert list(config.model_version_policy.specific.versions) == [10]
    assert dict(config.version_labels) == {"candidate": 10}


def test_the_approved_version_stays_loaded_beside_the_newest(tmp_path: Path) -> None:
    (config,) = parsed(render_models_config(serving(tmp_path, chest=[1, 2, 3]), {"chest": approval(1)}))
    assert list(config.model_version_policy.specific.versions) == [1, 3]
    assert dict(config.version_labels) == {"candidate": 3, "approved": 1}


def test_the_newest_version_has_both_labels_once_it_is_approved(tmp_path: Path) -> None:
    (config,) = parsed(render_models_config(serving(tmp_path, chest=[1, 2]), {"chest": approval(2)}))
    assert list(config.model_version_policy.specific.versions) == [2]
    assert dict(config.version_labels) == {"candidate": 2, "approved": 2}


def test_an_approved_version_that_was_removed_has_no_label(tmp_path: Path) -> None:
    (config,) = parsed(render_models_config(serving(tmp_path, chest=[2]), {"chest": approval(1)}))
    assert dict(config.version_labels) == {"candidate": 2}


def test_every_model_is_listed_and_nothing_else_that_lies_there(tmp_path: Path) -> None:
    serving(tmp_path, ct=[1], chest=[1], empty=[])
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden" / "1").mkdir(parents=True)
    (tmp_path / "audit.jsonl").touch()
    (tmp_path / "chest" / ".pushing-7").mkdir()
    assert [config.name for config in parsed(render_models_config(tmp_path, {}))] == ["chest", "ct"]
    assert model_folders(tmp_path / "none") == []
    assert list(parsed(render_models_config(tmp_path / "none", {}))) == []


def test_a_version_folder_with_leading_zeros_counts_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "chest" / "007").mkdir(parents=True)
    assert dict(parsed(render_models_config(tmp_path, {}))[0].version_labels) == {"candidate": 7}


@given(name=NAMES, numbers=st.sets(st.integers(0, 2**63 - 1), min_size=1, max_size=4), data=st.data())
def test_any_name_and_versions_are_read_back_as_they_are(tmp_path_factory, name: str, numbers: set[int], data) -> None:
    if name.startswith(".") or len(name.encode()) > 200:
        return
    root = tmp_path_factory.mktemp("serving")
    for number in numbers:
        (root / name / str(number)).mkdir(parents=True)
    approved = data.draw(st.sampled_from(sorted(numbers)))
    (config,) = parsed(render_models_config(root, {name: approval(approved, name)}))
    assert (config.name, config.base_path) == (name, str(root / name))
    assert dict(config.version_labels) == {"candidate": max(numbers), "approved": approved}
    assert set(config.model_version_policy.specific.versions) == {approved, max(numbers)}


def test_it_is_written_from_the_folder_and_the_log_and_leaves_nothing_beside(tmp_path: Path) -> None:
    serving(tmp_path, chest=[1, 2])
    record(tmp_path, APPROVE, approval(1))
    path = write_models_config(tmp_path)
    assert dict(parsed(path.read_text())[0].version_labels) == {"candidate": 2, "approved": 1}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["audit.jsonl", "chest", "models.config"]


def test_a_broken_log_leaves_what_was_written_before(tmp_path: Path) -> None:
    serving(tmp_path, chest=[1])
    before = write_models_config(tmp_path).read_text()
    serving(tmp_path, ct=[1])
    (tmp_path / "audit.jsonl").write_text("x\n")
    with pytest.raises(AuditBroken):
        write_models_config(tmp_path)
    assert (tmp_path / "models.config").read_text() == before


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"models\.config cannot be written: No such file"):
        write_models_config(tmp_path / "none")
