"""`radflow audit` says that a chain is whole, notes its head, and exits with 7 when it is not."""

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timezone

import pytest

from cli.main import main
from data_schemas.approvals import APPROVE, Approval, only_writer, record
from serving.gateway.principal import Principal
from serving.gateway.storage.store import Store

READER = Principal("reader-of-chest", "reader", "chest", "api_key")


@pytest.fixture
def data(tmp_path):
    """The data folder of a gateway whose log has four entries."""
    folder = tmp_path / "gateway"
    store = Store.open(f"sqlite:///{folder}/gateway.db", str(folder / "images"))
    for turn in range(4):
        store.audit.add(READER, "heatmap" if turn % 2 else "view", f"case-{turn}")
    store.close()
    return folder


@pytest.fixture
def serving(tmp_path):
    """OUTPUT/serving with two approvals."""
    folder = tmp_path / "serving"
    folder.mkdir()
    for version in (1, 2):
        approval = Approval(
            model="chest", version=version, by="A", role="radiologist", statement="seen",
            at=datetime(2026, 3, version, tzinfo=timezone.utc), digest="d" * 64,
        )  # fmt: skip
        with only_writer(folder):
            record(folder, APPROVE, approval)
    return folder


def change(data, statement):
    """Changes the log as whoever owns the file can."""
    with closing(sqlite3.connect(data / "gateway.db")) as connection, connection:
        connection.executescript(
            f"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_in_order; {statement}"
        )


def head_of(output):
    return output.split("head  ")[1].split()[0]


def test_a_whole_chain_is_said_to_be_so_with_its_head(data, capsys):
    assert main(["audit", "verify", "--data", str(data)]) == 0
    output = capsys.readouterr().out
    assert "4 entries, unbroken" in output
    assert main(["audit", "list", "--data", str(data)]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["hash"] == head_of(output)


def test_the_gateways_own_environment_names_the_log(data, capsys, monkeypatch):
    monkeypatch.setenv("RADFLOW_GATEWAY_DATABASE_URL", f"sqlite:///{data}/gateway.db")
    assert main(["audit", "verify"]) == 0
    monkeypatch.setenv("RADFLOW_GATEWAY_DATABASE_URL", "sqlite:////nowhere/gateway.db")
    assert main(["audit", "verify", "--database", f"sqlite:///{data}/gateway.db"]) == 0
    assert main(["audit", "verify", "--data", str(data)]) == 0
    assert main(["audit", "verify"]) == 2
    assert "there is no database /nowhere/gateway.db" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE number = 3", "entry 3 was changed"),
        ("UPDATE audit SET details = '{\"a\": 1}' WHERE number = 1", "entry 1 was changed"),
        ("DELETE FROM audit WHERE number = 2", "entry 2 is missing"),
        ("DELETE FROM audit WHERE number = 1", "entry 1 is missing"),
        ("UPDATE audit SET previous = hash WHERE number = 4", "entry 4 does not follow"),
    ],
)
def test_a_broken_chain_exits_with_7_and_names_the_entry(data, capsys, statement, said):
    change(data, statement)
    assert main(["audit", "verify", "--data", str(data)]) == 7
    assert said in capsys.readouterr().err


def test_a_head_noted_earlier_finds_out_what_was_cut_off(data, capsys):
    main(["audit", "verify", "--data", str(data)])
    head = head_of(capsys.readouterr().out)
    assert main(["audit", "verify", "--data", str(data), "--head", head]) == 0
    assert "every head that was noted is in a log" in capsys.readouterr().out
    change(data, "DELETE FROM audit WHERE number = 4")
    assert main(["audit", "verify", "--data", str(data)]) == 0  # a shorter chain is a chain
    assert main(["audit", "verify", "--data", str(data), "--head", head]) == 7
    assert f"no entry has the hash {head}" in capsys.readouterr().err


def test_a_head_stays_in_a_log_that_grew(data, capsys):
    main(["audit", "verify", "--data", str(data)])
    head = head_of(capsys.readouterr().out)
    store = Store.open(f"sqlite:///{data}/gateway.db", str(data / "images"))
    store.audit.add(READER, "view")
    store.close()
    assert main(["audit", "verify", "--data", str(data), "--head", head.upper()]) == 0


def test_the_head_of_an_empty_log_is_in_every_log(tmp_path, capsys):
    Store.open(f"sqlite:///{tmp_path}/gateway.db", str(tmp_path / "images")).close()
    assert main(["audit", "verify", "--data", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "0 entries, unbroken" in output
    assert main(["audit", "verify", "--data", str(tmp_path), "--head", head_of(output)]) == 0


def test_half_a_hash_is_wrong_usage(data, capsys):
    assert main(["audit", "verify", "--data", str(data), "--head", "abc"]) == 2
    assert "a head hash has 64 digits" in capsys.readouterr().err


def test_approvals_are_verified_alone_or_with_the_gateways_log(data, serving, capsys):
    assert main(["audit", "verify", "--serving", str(serving)]) == 0
    output = capsys.readouterr().out
    assert output.count("unbroken") == 1 and "2 entries" in output and "first 2026-03-01" in output
    assert main(["audit", "verify", "--serving", str(serving), "--data", str(data), "--head", head_of(output)]) == 0
    assert capsys.readouterr().out.count("unbroken") == 2


def test_a_changed_approval_exits_with_7(serving, capsys):
    log = serving / "audit.jsonl"
    log.write_text(log.read_text().replace("radiologist", "pathologist", 1))
    assert main(["audit", "verify", "--serving", str(serving)]) == 7
    assert "entry 1 was changed" in capsys.readouterr().err


def test_a_folder_without_approvals_is_told(tmp_path, capsys):
    assert main(["audit", "verify", "--serving", str(tmp_path)]) == 2
    assert "has no audit.jsonl" in capsys.readouterr().err
    assert main(["audit", "verify", "--serving", str(tmp_path / "none")]) == 2


def test_the_list_is_filtered(data, capsys):
    def listed(*words):
        assert main(["audit", "list", "--data", str(data), *words]) == 0
        return [json.loads(line)["number"] for line in capsys.readouterr().out.splitlines()]

    assert listed() == [1, 2, 3, 4]
    assert listed("--after", "2") == [3, 4]
    assert listed("--action", "view") == [1, 3]
    assert listed("--subject", "case-3") == [4]


def test_a_password_is_never_shown(capsys):
    url = "postgresql+pg8000://radflow:s3cret@127.0.0.1:1/gateway"
    assert main(["audit", "verify", "--database", url]) == 1
    told = capsys.readouterr()
    assert "the database is away" in told.err and "s3cret" not in told.out + told.err


def test_an_action_that_no_entry_has_is_told_with_those_that_there_are(data, capsys):
    assert main(["audit", "list", "--data", str(data), "--action", "nosuch"]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert "--action nosuch: no entry is of such an action; there are " in said.err and "view" in said.err
