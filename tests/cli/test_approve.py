"""`radflow approve`: what it records, what it refuses, and what servers are told."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from cli.main import main
from data_schemas import models_config
from data_schemas.approvals import read_approvals, read_audit
from data_schemas.digests import content_digest, write_digests
from tests.cli.test_verify import pushed
from tests.data_schemas.test_served_evaluation import EVALUATION

WORDS = {"--by": "Ada Reader", "--role": "radiologist", "--statement": "Read the report of run 7."}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder whose model has two versions."""
    for number in (1, 2):
        pushed(tmp_path / "output" / "serving", "chest", number)
    return tmp_path / "output"


@pytest.fixture(autouse=True)
def waited(output: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, dict[str, int]]]:
    """Makes waiting instant, by a file that becomes as old; collects for how long, and what the file said meanwhile."""
    found: list[tuple[float, dict[str, int]]] = []
    config = output / "serving" / "models.config"

    def sleep(seconds: float) -> None:
        found.append((seconds, labels(output)))
        os.utime(config, (config.stat().st_mtime - seconds,) * 2)

    instant = partial(models_config.settle_models_config, sleep=sleep)
    monkeypatch.setattr(models_config, "settle_models_config", instant)
    return found


def approve(output: Path, *words: str, **changed: str) -> int:
    said = WORDS | {f"--{name}": value for name, value in changed.items()}
    return main(["approve", *words, "--output", str(output), *(part for pair in said.items() for part in pair)])


def labels(output: Path) -> dict[str, int]:
    message = model_server_config_pb2.ModelServerConfig()
    text_format.Parse((output / "serving" / "models.config").read_text(), message)
    return dict(message.model_config_list.config[0].version_labels)


def test_an_approval_is_recorded_and_moves_the_label(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert approve(output, "1") == 0
    held = read_approvals(output / "serving")["chest"]
    assert (held.version, held.by, held.role, held.statement) == (1, *WORDS.values())
    assert held.digest == content_digest(output / "serving" / "chest" / "1")
    assert labels(output) == {"approved": 1, "candidate": 2}
    (entry,) = read_audit(output / "serving")
    assert capsys.readouterr().out.splitlines() == [
        f"Approved: chest/1, by Ada Reader (radiologist). Audit entry 1: {entry.hash}",
        "No version was approved before.",
        f"Model servers that poll {output}/serving/models.config follow.",
    ]


def test_the_next_approval_says_who_approved_what_before_and_an_old_version_can_come_back(output: Path, capsys) -> None:
    assert approve(output, "2") == 0
    assert approve(output, "1", by="Ben Chief", statement="2 flags too much.") == 0
    before = capsys.readouterr().out.splitlines()[4]
    assert before.startswith("Before: version 2, by Ada Reader (radiologist), 20")
    assert before.endswith(' UTC: "Read the report of run 7."')
    assert labels(output) == {"approved": 1, "candidate": 2}


def test_a_label_that_moves_waits_until_servers_had_time_to_load_its_version(output: Path, capsys, waited) -> None:
    pushed(output / "serving", "chest", 3)
    approve(output, "2")
    assert waited == []
    assert approve(output, "1") == 0
    assert [labels_then for _, labels_then in waited] == [{"approved": 2, "candidate": 3}]
    assert waited[0][0] == pytest.approx(30, abs=1)
    assert labels(output) == {"approved": 1, "candidate": 3}
    assert "Servers load the version first: its label moves in 30 s at most ..." in capsys.readouterr().out


def test_an_altered_version_is_refused_and_nothing_is_recorded(output: Path, capsys) -> None:
    (output / "serving" / "chest" / "1" / "saved_model.pb").write_text("other")
    assert approve(output, "1") == 8
    assert "chest/1 was altered: saved_model.pb was changed" in capsys.readouterr().err
    assert read_audit(output / "serving") == [] and not (output / "serving" / "models.config").exists()


def test_a_version_that_missed_a_gate_is_refused(output: Path, capsys) -> None:
    version = output / "serving" / "chest" / "2"
    refused = EVALUATION.model_copy(update={"gates": ("AUROC: unmet; it is 0.4",), "gates_passed": False})
    (version / "assets.extra" / "evaluation.json").write_text(refused.model_dump_json())
    write_digests(version)
    assert approve(output, "2") == 3
    assert "chest/2 missed a gate. Its gates:\n  AUROC: unmet; it is 0.4" in capsys.readouterr().err
    assert read_audit(output / "serving") == []


def test_a_version_without_sums_is_approved_with_a_word_about_it(tmp_path: Path, capsys) -> None:
    pushed(tmp_path / "serving", "chest", 1, sums=False)
    assert approve(tmp_path, "1") == 0
    assert "It has no SHA256SUMS: nobody knows whether it is what was pushed." in capsys.readouterr().out


@pytest.mark.parametrize("name", ["by", "role", "statement"])
@pytest.mark.parametrize("text", ["", "  \n", "x" * 4001, "a\x1b[31m", "\udcff", "a\u202eb"])
def test_empty_endless_and_unprintable_words_are_refused(output: Path, name: str, text: str, capsys) -> None:
    assert approve(output, "1", **{name: text}) == 2
    assert f"--{name}" in capsys.readouterr().err
    assert read_audit(output / "serving") == []


def test_words_of_any_script_are_kept_and_line_breaks_become_spaces(output: Path) -> None:
    assert approve(output, "1", by="علی\N{ZERO WIDTH NON-JOINER}رضا 李", statement="one\n two") == 0
    held = read_approvals(output / "serving")["chest"]
    assert (held.by, held.statement) == ("علی\N{ZERO WIDTH NON-JOINER}رضا 李", "one two")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["3"], "chest has no version 3; it has 1, 2"),
        ([], "say which VERSION; chest has 1, 2"),
        (["1", "--model", "ct"], "no model 'ct' in"),
    ],
)
def test_an_unknown_version_or_model_is_refused(output: Path, words: list[str], said: str, capsys) -> None:
    assert approve(output, *words) == 2
    assert said in capsys.readouterr().err


def test_of_several_models_one_must_be_named(output: Path, capsys) -> None:
    pushed(output / "serving", "ct", 1)
    assert approve(output, "1") == 2
    assert "say which, with --model chest or --model ct" in capsys.readouterr().err
    assert approve(output, "1", "--model", "ct") == 0
    assert list(read_approvals(output / "serving")) == ["ct"]


@pytest.mark.parametrize("made", [False, True])
def test_an_output_without_a_model_says_so(tmp_path: Path, made: bool, capsys) -> None:
    if made:
        (tmp_path / "serving").mkdir()
    assert approve(tmp_path, "1") == 2
    assert ("no model in" if made else "does not exist") in capsys.readouterr().err


def test_the_output_is_that_of_the_environment_unless_it_is_given(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADFLOW_OUTPUT", str(output))
    assert main(["approve", "1", *(part for pair in WORDS.items() for part in pair)]) == 0
    assert labels(output)["approved"] == 1


def test_a_withdrawal_takes_the_label_away(output: Path, capsys) -> None:
    approve(output, "1")
    assert approve(output, "1", "--withdraw", statement="A scanner was replaced.") == 0
    assert labels(output) == {"candidate": 2}
    assert read_approvals(output / "serving") == {}
    assert "Withdrawn: the approval of chest/1, by Ada Reader. Audit entry 2:" in capsys.readouterr().out


def test_the_approval_of_an_altered_version_can_be_withdrawn(output: Path) -> None:
    approve(output, "1")
    for version in (output / "serving" / "chest").iterdir():
        (version / "saved_model.pb").unlink()
    assert approve(output, "1", "--withdraw") == 0
    assert read_approvals(output / "serving") == {}


@pytest.mark.parametrize("words", [["1"], ["3"], []])
def test_what_is_not_approved_cannot_be_withdrawn(output: Path, words: list[str], capsys) -> None:
    assert approve(output, *words, "--withdraw") == 2
    assert "nothing to withdraw: of chest, no version is approved" in capsys.readouterr().err
    approve(output, "2")
    assert approve(output, *words, "--withdraw") == 2
    assert "of chest, version 2 is approved" in capsys.readouterr().err


def test_the_list_has_every_entry_and_what_holds_now(output: Path, capsys) -> None:
    assert main(["approve", "--list", "--output", str(output)]) == 0
    assert capsys.readouterr().out == "chest: no version is approved\n"
    approve(output, "1")
    approve(output, "1", "--withdraw", statement="No.")
    approve(output, "2")
    capsys.readouterr()
    assert main(["approve", "--list", "--model", "chest", "--output", str(output)]) == 0
    first, second, third, now = capsys.readouterr().out.splitlines()
    assert first.startswith("1. chest/1 approved by Ada Reader (radiologist), 20")
    assert second.startswith("2. chest/1 approval withdrawn by Ada Reader") and second.endswith(': "No."')
    assert third.startswith("3. chest/2 approved by")
    assert now == "chest: version 2 is approved"


def test_a_changed_audit_log_refuses_everything(output: Path, capsys) -> None:
    approve(output, "1")
    log = output / "serving" / "audit.jsonl"
    entry = json.loads(log.read_text())
    log.write_text(json.dumps(entry | {"subject": "chest/2"}) + "\n")
    before = (output / "serving" / "models.config").read_bytes()
    assert approve(output, "2") == 7
    assert main(["approve", "--list", "--output", str(output)]) == 7
    assert (output / "serving" / "models.config").read_bytes() == before
    assert capsys.readouterr().err.count("audit log: entry 1 was changed after it was written") == 2
