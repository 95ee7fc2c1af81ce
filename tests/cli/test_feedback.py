"""`radflow feedback export`: from a gateway's store to a manifest that the pipeline reads; what is left out is said."""

from __future__ import annotations

import csv
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli.main import main
from data_schemas.task_file import load_task, shipped_task_text
from imaging.example import training_examples
from imaging.manifest import read_manifest
from imaging.pseudonyms import Pseudonyms
from imaging.synthetic import write_sample
from tests.serving.gateway.kept_gateway import Gateway, filled, film, picture, reader
from tests.serving.gateway.reviewed_cases import ANY, ONE, at, predicted

TASK = load_task("synthetic_chest")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    write_sample(folder, studies=6, seed=5)
    return sorted((folder / "dicom").iterdir())


@pytest.fixture
def data(tmp_path: Path, films: list[Path]) -> Path:
    filled(tmp_path / "gateway", films, names=TASK.labels).close()
    return tmp_path / "gateway"


def exported(target: Path, data: Path, *options: str, task: str = "synthetic_chest") -> int:
    return main(["feedback", "export", "--to", str(target), "--data", str(data), "--task", task, *options])


def rows(target: Path) -> list[dict[str, str]]:
    with (target / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def with_consent(folder: Path) -> str:
    path = folder / "asks.yaml"
    path.write_text(
        "\n".join(
            "consent: required" if line.startswith("consent:") else line
            for line in shipped_task_text("synthetic_chest").splitlines()
            if not line.startswith("  waived:")
        )
    )
    return str(path)


def test_what_was_reviewed_becomes_records_of_the_pipeline(data, tmp_path, capsys) -> None:
    target = tmp_path / "out"
    assert exported(target, data) == 0
    manifest = read_manifest(target / "manifest.csv", TASK)
    found = []
    for row in manifest.rows:
        found += training_examples(row.file.read_bytes(), row=row, task=TASK, pseudonyms=Pseudonyms(bytes(32)))
    assert sorted(one.index_row["label"] for one in found) == sorted(TASK.labels.names * 2)
    assert len({one.patient for one in found}) == len({row["patient_id"] for row in rows(target)})
    # The file names its patient as the manifest does, so that there is nothing to warn of.
    assert not [warning for one in found for warning in one.warnings]
    assert "6 cases, 6 images" in capsys.readouterr().out


def test_an_export_is_private_says_where_labels_come_from_and_names_no_reader(data, tmp_path) -> None:
    target = tmp_path / "out"
    exported(target, data)
    files = [path for path in target.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert len(files) == 6 + 3
    row = rows(target)[0]
    assert (row["feedback_basis"], row["feedback_blind"], row["feedback_readers"]) == ("agree", "no", "1")
    assert (row["feedback_model"], row["feedback_version"]) == ("synthetic_chest", "1")
    assert row["feedback_at"] == "2026-03-01T12:00:00+00:00" and row["feedback_opinion"] == ""
    notes = (target / "README.txt").read_text()
    assert all(word in notes for word in ("SELECTION", "INCORPORATION BIAS", "REFERENCE STANDARD", "CONSENT"))
    assert "The labels of 6 of 6 cases" in notes.replace("\n", " ") and max(map(len, notes.splitlines())) <= 100
    assert json.loads((target / "export.json").read_text())["bases"] == {"agree": 6}


def test_what_is_left_out_is_counted(tmp_path, films, capsys) -> None:
    gateway = Gateway(tmp_path / "gateway")
    said = {}
    for number, source in enumerate(films):
        said[number] = gateway.add(film(source, tmp_path / "kept"))
        gateway.predict(said[number], predicted("nodule"))
    gateway.now = at(2)
    gateway.review(said[0], "a", "agree")
    gateway.review(said[1], "a", "disagree")
    gateway.review(said[2], "a", "correct", "cavity")
    gateway.review(said[2], "b", "agree")
    gateway.review(said[3], "a", "opinion", "cavity")
    gateway.now = at(60)
    gateway.review(said[3], "a", "agree")
    sample = gateway.add(film(films[4], tmp_path / "kept2"), sample=True)
    gateway.review(sample, "a", "correct", "cavity")
    gateway.close()
    assert exported(tmp_path / "out", tmp_path / "gateway", "--json") == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["cases"], counts["images"], counts["moved"], counts["blind"]) == (2, 2, 1, 0)
    assert counts["left_out"] == {"disagree without labels": 1, "readers disagree": 1}
    assert counts["labels"] == {"nodule": 2}
    assert exported(tmp_path / "blind", tmp_path / "gateway", "--labels", "blind", "--json") == 0
    blind = json.loads(capsys.readouterr().out)
    assert (blind["cases"], blind["blind"], blind["labels"]) == (1, 1, {"cavity": 1})
    assert [row["feedback_opinion"] for row in rows(tmp_path / "blind")] == ["cavity"]
    assert exported(tmp_path / "late", tmp_path / "gateway", "--since", "2026-03-01T12:30Z", "--json") == 0
    assert json.loads(capsys.readouterr().out)["cases"] == 1
    assert exported(tmp_path / "all", tmp_path / "gateway", "--samples", "--json") == 0
    assert json.loads(capsys.readouterr().out)["cases"] == 3


def test_an_opinion_given_after_the_models_say_was_sent_is_exported_as_none_that_is_blind(
    tmp_path, films, capsys
) -> None:
    gateway = Gateway(tmp_path / "gateway")
    said = [gateway.add(film(source, tmp_path / "kept")) for source in films[:4]]
    for case in said:
        gateway.predict(case, predicted("nodule"))
    gateway.now = at(2)
    gateway.store.cases.get(said[0], reader("a"))
    gateway.review(said[0], "a", "opinion", "normal")
    for case in said[1:]:
        gateway.review(case, "a", "opinion", "cavity")
    gateway.now = at(3)
    gateway.review(said[2], "a", "agree")
    gateway.review(said[3], "a", "disagree")
    gateway.close()
    assert exported(tmp_path / "out", tmp_path / "gateway") == 0
    printed = capsys.readouterr().out
    assert "rest on (cases): opinion 3, agree 1; 2 given before the model's answer was sent" in printed
    assert "cases of which the reader said another thing before the model's answer: 1" in printed
    told = {row["feedback_case"]: row for row in rows(tmp_path / "out")}
    columns = ("feedback_basis", "feedback_blind", "feedback_opinion")
    assert [tuple(told[case][name] for name in columns) for case in said] == [
        ("opinion", "no", ""),
        ("opinion", "yes", "cavity"),
        ("agree", "no", "cavity"),
        ("opinion", "yes", "cavity"),
    ]
    notes = (tmp_path / "out" / "README.txt").read_text().replace("\n", " ")
    assert "The labels of 2 of 4 cases" in notes
    assert exported(tmp_path / "blind", tmp_path / "gateway", "--labels", "blind") == 0
    assert {row["feedback_case"] for row in rows(tmp_path / "blind")} == set(said[1:])
    assert "left out: 1, no opinion before the model's" in capsys.readouterr().out


def test_findings_have_a_column_each_and_every_image_of_a_case_its_labels(tmp_path, films, capsys) -> None:
    gateway = Gateway(tmp_path / "gateway")
    pair = [film(source, tmp_path / "kept") for source in films[:2]]
    case_id = gateway.add(*pair, model="chest_xray_findings")
    gateway.predict(case_id, predicted(names=ANY, model="chest_xray_findings"))
    gateway.review(case_id, "a", "correct", "Effusion", "Infiltration")
    gateway.now = at(5)
    nothing = gateway.add(picture(), model="chest_xray_findings")
    gateway.predict(nothing, predicted(names=ANY, model="chest_xray_findings"))
    gateway.review(nothing, "a", "correct")
    gateway.close()
    assert exported(tmp_path / "out", tmp_path / "gateway", task="chest_xray_findings") == 0
    found = rows(tmp_path / "out")
    names = load_task("chest_xray_findings").labels.names
    assert [[row[name] for name in names] for row in found] == [["0", "0", "1", "1"]] * 2 + [["0"] * 4]
    assert found[2]["patient_id"] == f"case-{nothing}" and found[2]["study_id"] == nothing
    assert [Path(row["file"]).suffix for row in found] == [".dcm", ".dcm", ".png"]
    notes = (tmp_path / "out" / "README.txt").read_text()
    assert "SEVERAL IMAGES. Readers judge cases. 1 cases" in notes and "NAMELESS. No file of 1 cases" in notes
    assert (
        read_manifest(tmp_path / "out" / "manifest.csv", load_task("chest_xray_findings")).rows[2].findings == (0,) * 4
    )


def test_nothing_is_overwritten_but_a_former_export_by_force(data, tmp_path, capsys) -> None:
    target, other = tmp_path / "out", tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    assert exported(other, data, "--force") == 2 and (other / "thesis.txt").read_text() == "mine"
    assert "is no export of feedback" in capsys.readouterr().err
    assert exported(target, data) == 0
    before = (target / "manifest.csv").read_text()
    assert exported(target, data) == 2 and "--force" in capsys.readouterr().err
    assert exported(target, data, "--force") == 0 and (target / "manifest.csv").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway", "other", "out"]


def test_without_a_label_nothing_is_written(tmp_path, films, capsys) -> None:
    gateway = Gateway(tmp_path / "gateway")
    case_id = gateway.add(film(films[0], tmp_path / "kept"))
    gateway.review(case_id, "a", "disagree")
    gateway.close()
    assert exported(tmp_path / "out", tmp_path / "gateway") == 4
    assert "1: disagree without labels" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_consent_has_to_be_declared_where_the_task_asks_for_it(data, tmp_path, capsys) -> None:
    task = with_consent(tmp_path)
    assert exported(tmp_path / "out", data, task=task) == 2
    assert "--consent yes" in capsys.readouterr().err
    assert exported(tmp_path / "yes", data, "--consent", "yes", task=task) == 0
    assert len(read_manifest(tmp_path / "yes" / "manifest.csv", load_task(task)).rows) == 6
    assert exported(tmp_path / "ask", data, "--consent", "ask", task=task) == 0
    assert {row["consent"] for row in rows(tmp_path / "ask")} == {""}


def test_a_file_that_is_gone_is_counted_and_its_case_left_out(data, tmp_path, capsys) -> None:
    gone = next(path for path in sorted((data / "images").rglob("*")) if path.is_file() and path.stat().st_size > 100)
    gone.unlink()
    assert exported(tmp_path / "out", data, "--json") == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["cases"], counts["missing"], counts["left_out"]) == (5, 1, {"no image is left": 1})


def test_an_export_is_in_the_audit_log_and_noted_of_each_case(data, tmp_path) -> None:
    exported(tmp_path / "out", data)
    gateway = Gateway(data)
    cases = list(gateway.store.reviewed_cases())
    assert all(case.exported_at is not None for case in cases)
    actions = [entry.action for entry in gateway.store.audit.page(limit=1000).entries]
    assert actions.count("export") == 6 and actions.count("view") == 0
    gateway.close()


def test_no_gateway_and_no_time_are_told_and_nothing_is_made(tmp_path, capsys) -> None:
    assert exported(tmp_path / "out", tmp_path / "nowhere") == 2
    assert "there is no database" in capsys.readouterr().err and not (tmp_path / "nowhere").exists()
    with pytest.raises(SystemExit) as stopped:
        exported(tmp_path / "out", tmp_path, "--since", "yesterday")
    assert stopped.value.code == 2 and "is no time" in capsys.readouterr().err


def test_the_command_loads_neither_tensorflow_nor_fastapi(data, tmp_path) -> None:
    words = ["feedback", "export", "--to", str(tmp_path / "out"), "--data", str(data), "--task", "synthetic_chest"]
    code = (
        f"import sys; from cli.main import main; main({words!r}); "
        "sys.exit(bool({'tensorflow', 'fastapi', 'starlette', 'tfx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_majority_outvotes_one(tmp_path, films, capsys) -> None:
    gateway = Gateway(tmp_path / "gateway")
    case_id = gateway.add(film(films[0], tmp_path / "kept"))
    gateway.predict(case_id, predicted("nodule", names=ONE))
    for author, labels in (("a", ["cavity"]), ("b", ["nodule"]), ("c", ["nodule"])):
        gateway.review(case_id, author, "correct", *labels)
    gateway.close()
    assert exported(tmp_path / "out", tmp_path / "gateway") == 4
    capsys.readouterr()
    assert exported(tmp_path / "out", tmp_path / "gateway", "--conflicts", "majority") == 0
    (row,) = rows(tmp_path / "out")
    assert (row["label"], row["feedback_readers"], row["feedback_others"]) == ("nodule", "2", "1")


def test_where_only_samples_were_reviewed_their_switch_is_named(tmp_path, films, capsys) -> None:
    gateway = Gateway(tmp_path / "gateway")
    sample = gateway.add(film(films[0], tmp_path / "kept"), sample=True)
    gateway.review(sample, "a", "correct", "cavity")
    gateway.close()
    assert exported(tmp_path / "out", tmp_path / "gateway") == 4
    assert "readers reviewed 1 of the sample cases, which --samples takes too" in capsys.readouterr().err
    assert exported(tmp_path / "out", tmp_path / "gateway", "--samples") == 0
