"""The metadata store on real servers: PostgreSQL, and MariaDB for MySQL; each outputs' runs by themselves."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from cli.main import main
from data_schemas.errors import ConfigurationError
from pipeline.lost_records import require_records
from pipeline.metadata_database import choose_database, output_database
from tests.pipeline.mariadb import running_mariadb
from tests.recorded_output import RecordedOutput
from tests.serving.gateway.postgresql import PASSWORD, running_server

SERVERS = ("postgresql", "mysql")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[int]:
    with running_server() as server:
        yield server.port


@pytest.fixture(scope="module")
def mysql() -> Iterator[int]:
    with running_mariadb() as port:
        yield port


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a database that does not exist yet; its password is in the environment."""
    monkeypatch.setenv("RADFLOW_METADATA_PASSWORD", PASSWORD)
    port = request.getfixturevalue(request.param)
    return f"{request.param}://radflow@127.0.0.1:{port}/test_{secrets.token_hex(4)}"


def output_on(url: str, folder: Path) -> RecordedOutput:
    folder.mkdir()
    choose_database(folder, url)
    return RecordedOutput(folder)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict]:
    assert main([*words, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_runs_lineage_and_gc_read_and_write_a_servers_database(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = output_on(url, tmp_path / "output")
    refused = output.run("run-1", blessed=False)
    output.run("run-2", version=1)
    where = ("--output", str(output.folder))
    found = told(capsys, "runs", *where)
    assert [(one["status"], one["version"]) for one in found] == [("gate_refused", None), ("pushed", 1)]
    (lineage,) = told(capsys, "lineage", "1", *where)
    assert lineage["run"]["pushed_by"] == found[1]["run"] == output.database.run_id("run-2")
    assert lineage["metadata"] == url
    (gone,) = told(capsys, "gc", "--remove", *where)
    assert {one["path"] for one in gone["garbage"]} == {artifact.uri for artifact in refused.values()}
    assert told(capsys, "gc", *where)[0]["garbage"] == []
    assert not list(output.folder.glob("*.sqlite"))


def test_any_text_comes_back_as_it_was_written(url: str, tmp_path: Path) -> None:
    store = output_on(url, tmp_path / "output").store
    text = '{"task": "{\\"a\\": \\"it\'s \\\\n\\", DROP TABLE Artifact; --"}'
    type_id = store.put_artifact_type(pb.ArtifactType(name="Thing"))
    artifact = pb.Artifact(type_id=type_id, uri=f"/{text}", name=text)
    artifact.custom_properties[text].string_value = text
    (number,) = store.put_artifacts([artifact])
    (found,) = store.get_artifacts_by_id([number])
    assert (found.uri, found.name, dict(found.custom_properties)) == (
        f"/{text}",
        text,
        {text: pb.Value(string_value=text)},
    )
    assert store.get_artifact_by_type_and_name("Thing", text).id == number


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_artifacts_come_in_the_order_in_which_tfx_pairs_them_with_outputs(url: str, tmp_path: Path) -> None:
    store = output_on(url, tmp_path / "output").store
    type_id = store.put_artifact_type(pb.ArtifactType(name="Thing"))
    ids = store.put_artifacts([pb.Artifact(type_id=type_id, uri=f"/{number}") for number in range(6)])
    changed = pb.Artifact(id=ids[1], type_id=type_id, uri="/changed")
    store.put_artifacts([changed])  # PostgreSQL lists it last from now on
    assert [one.id for one in store.get_artifacts_by_id(ids)] == ids
    assert [one.id for one in store.get_artifacts_by_id(ids[::-1])] == ids[::-1]
    assert [one.id for one in store.get_artifacts()] == ids


def test_two_outputs_in_one_database_do_not_see_each_other(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (output_on(url, tmp_path / name) for name in ("first", "second"))
    first.run("2026-01-01T00-00-00", version=1)
    second.run("2026-01-01T00-00-00", blessed=False)
    assert [one["status"] for one in told(capsys, "runs", "--output", str(first.folder))] == ["pushed"]
    assert [one["status"] for one in told(capsys, "runs", "--output", str(second.folder))] == ["gate_refused"]
    assert told(capsys, "gc", "--keep-runs", "0", "--output", str(first.folder))[0]["garbage"] == []


def test_a_wrong_password_is_said_in_words_and_not_shown(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output_on(url, tmp_path / "output")
    monkeypatch.setenv("RADFLOW_METADATA_PASSWORD", "wrong-secret")
    assert main(["runs", "--output", str(tmp_path / "output")]) == 2
    error = capsys.readouterr().err
    assert "cannot be used" in error and "RADFLOW_METADATA_PASSWORD" in error and "wrong-secret" not in error


def test_a_server_that_is_away_is_said(tmp_path: Path, url: str) -> None:
    closed = url.replace(url.split("@")[1], "127.0.0.1:9/mlmd")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        choose_database(tmp_path, closed)
    assert not output_database(tmp_path).exists()


def test_an_older_backup_of_a_servers_database_stops_a_run(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, other = (output_on(url, tmp_path / name) for name in ("output", "other"))
    output.run("run-1", version=1)
    other.run("run-1", version=1)  # its numbers are higher
    require_records(output.folder)
    (output.folder / "pipeline" / "Trainer" / "model" / "15").mkdir()
    monkeypatch.delenv("RADFLOW_METADATA_PASSWORD")
    with pytest.raises(ConfigurationError, match="seems to be an older backup"):
        require_records(output.folder, url.replace("radflow@", f"radflow:{PASSWORD}@"))
    with pytest.raises(ConfigurationError, match="cannot be used"):
        require_records(output.folder)
