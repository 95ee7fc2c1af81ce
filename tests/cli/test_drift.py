"""`radflow drift` on a gateway's store and a version's files: what alerts, what is said, and what it ends with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.drift_population import FINDINGS, SCOPE, TESTED, TRAINING, sample
from cli.main import main
from data_schemas.description import Calibration, ModelDescription, Scope
from data_schemas.served_evaluation import ServedEvaluation, ServedScores
from data_schemas.task_file import load_task, shipped_task_text
from data_schemas.training_data import LEVELS, NAMES, NUMBERS
from evaluation.shift import training_data
from tests.reports.page_text import rows, text_of
from tests.serving.gateway.asked_gateway import NAME, ask
from tests.serving.gateway.kept_gateway import Gateway
from tests.serving.gateway.reviewed_cases import START

TASK = load_task(NAME)
POINT = 0.3
UNCHANGED, BRIGHT, FEW, SILENT = 1, 2, 3, 4


@dataclass(frozen=True)
class Site:
    """A hospital: the output that its models were pushed to, and its gateway's data folder."""

    output: Path
    gateway: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Version 1 was asked as it was tested, 2 brighter images, 3 of a few patients; 4 tells nothing of its training."""
    folder = tmp_path_factory.mktemp("site")
    for version in (UNCHANGED, BRIGHT, FEW):
        push(folder / "output", version)
    push(folder / "output", SILENT, tells=False)
    gateway = Gateway(folder / "gateway")
    ask_about(gateway, UNCHANGED, patients=60, at=START)
    ask_about(gateway, SILENT, patients=40, at=START + timedelta(days=5))
    ask_about(gateway, BRIGHT, patients=60, at=START + timedelta(days=10), brightness=1.5)
    ask_about(gateway, FEW, patients=29, at=START + timedelta(days=20), brightness=1.5)
    gateway.close()
    return Site(folder / "output", folder / "gateway")


def push(output: Path, version: int, *, name: str = NAME, tells: bool = True) -> None:
    """Writes what a pushed version says of itself, its training images and its test scores."""
    assets = output / "serving" / name / str(version) / "assets.extra"
    assets.mkdir(parents=True)
    (assets.parent / "saved_model.pb").touch()
    description = ModelDescription(
        task=TASK.model_copy(update={"name": name}),
        operating_points=dict.fromkeys(FINDINGS, POINT),
        prevalence=dict.fromkeys(FINDINGS, 0.2),
        calibration=Calibration.identity(len(TASK.labels.names)),
        scope=Scope(threshold=1.0, in_scope_share=1 - SCOPE.share, patients=SCOPE.patients),
        radflow_version="0",
    )
    (assets / "description.json").write_text(description.model_dump_json())
    if not tells:
        return
    training, tested = sample(1, TRAINING), sample(2, TESTED)
    (assets / "training_data.json").write_text(training_data(training.columns, training.patients).model_dump_json())
    scores = {
        finding: ServedScores(
            patients=TESTED, quantiles=tuple(np.quantile(values, LEVELS)), flagged=float((values >= POINT).mean())
        )
        for finding, values in tested.scores.items()
    }
    evaluation = ServedEvaluation(unit="image", cases=TESTED, patients=TESTED, findings={}, scores=scores)
    (assets / "evaluation.json").write_text(evaluation.model_dump_json())


def ask_about(
    gateway: Gateway, version: int, *, patients: int, at: datetime, codes: Sequence[str] = (), seed: int = 0, **change
) -> None:
    """Asks a version about an image of each of so many patients, as of some time on."""
    gateway.now = at
    drawn = sample(100 + version + seed, patients, images=1.0, **change)
    for number in range(patients):
        features = {name: float(drawn.columns[name][number]) for name in NUMBERS}
        features |= {name: str(drawn.columns[name][number]) for name in NAMES}
        # A header without an age gives an empty list, as a tf.Example has it.
        features["age_years"] = [features["age_years"]] if number % 5 else []
        scores = {finding: float(drawn.scores[finding][number]) for finding in FINDINGS}
        patient = f"{version + 16 * seed:016x}{number:016x}"
        ask(gateway, version, patient=patient, features=features, scores=scores, names=TASK.labels, codes=codes)


def drift(site: Site, *options: object) -> int:
    return main(["drift", "--output", str(site.output), "--data", str(site.gateway), *map(str, options)])


def test_where_nothing_has_changed_it_says_so_and_ends_with_0(site, capsys) -> None:
    assert drift(site, "--version", UNCHANGED) == 0
    said = capsys.readouterr()
    assert said.out.startswith("NO DRIFT SEEN: None of 14 comparisons differs")
    assert "Here: 60 images of 60 patients, 2026-03-01 to 2026-03-01; each patient counts once." in said.out
    assert "its training images (1000 patients)" in said.out.replace("\N{NO-BREAK SPACE}", "")
    assert "its scores on the test split (300 patients)" in said.out
    assert "ALERT" not in said.out and said.err == ""
    assert max(map(len, said.out.splitlines())) <= 120


def test_brighter_images_alert_with_exit_code_6_and_nothing_else_is_blamed(site, capsys) -> None:
    assert drift(site, "--version", BRIGHT) == 6
    said = capsys.readouterr()
    assert said.out.startswith(
        "DRIFT: 1 of 14 comparisons differs by more than chance and the limits allow: brightness"
    )
    (row,) = [line for line in said.out.splitlines() if " ALERT " in line]
    assert row.startswith("brightness (mean)") and row.endswith("1000\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}60")
    assert re.search(r"\n  brightness \(mean\): at most 0\.\d+: \d+\.\d % in training, \d+\.\d % here\n", said.out)
    assert said.err.startswith("radflow drift: 1 of 14 comparisons")


def test_json_is_one_object_whatever_the_verdict(site, capsys) -> None:
    assert drift(site, "--version", BRIGHT, "--json") == 6
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["alerts"], found["version"]) == ("alert", ["brightness (mean)"], BRIGHT)
    assert (found["images"], found["patients"]) == (60, 60)
    assert found["against"] == {"training_patients": TRAINING, "tested_patients": TESTED}
    by_name = {(one["kind"], one["name"]): one for one in found["comparisons"]}
    assert by_name["feature", "mean"]["alerted"] and not by_name["scores", "nodule"]["alerted"]
    assert by_name["feature", "age_years"]["patients"][1] == 48  # of every fifth the age is not known
    assert by_name["out_of_scope", "out of scope"]["served"]["out"] == 0.0


def test_the_page_opens_with_the_verdict_and_draws_every_comparison(site, tmp_path, capsys) -> None:
    page = tmp_path / "drift.html"
    assert drift(site, "--version", BRIGHT, "--report", page) == 6
    text = page.read_text()
    words = text_of(text)
    assert words.index("1 of 14 comparisons differs") < words.index("Where they differ most")
    (alert,) = [row for row in rows(text) if " alert " in row]
    assert alert.startswith("brightness (mean)") and "% in training" in alert
    assert text.count("<img ") == 14 and "<script" not in text
    assert f"the report is {page}" in capsys.readouterr().err


def test_too_few_patients_are_neither_an_alert_nor_a_pass(site, tmp_path, capsys) -> None:
    page = tmp_path / "few.html"
    assert drift(site, "--version", FEW, "--report", page) == 0
    said = capsys.readouterr().out
    assert said.startswith("NOT JUDGED: 29 patients here, 30 are needed to say anything: neither an alert nor a pass.")
    assert "brightness (mean): known of 29 patients here, 30 are needed" in said and "alike" not in said
    assert "Not judged" in text_of(page.read_text()) and "<img " not in page.read_text()


def test_nothing_served_is_not_judged(site, capsys) -> None:
    assert drift(site, "--until", "2020-01-01", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["verdict"], found["patients"], found["first"]) == ("not_judged", 0, None)


def test_the_version_asked_last_is_looked_at_and_others_are_named(site, capsys) -> None:
    assert drift(site, "--until", "2026-03-12", "--json") == 6
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == BRIGHT and found["other_versions"] == {str(SILENT): 40, str(UNCHANGED): 60}
    assert drift(site, "--until", "2026-03-03") == 0
    assert f"version {UNCHANGED})" in capsys.readouterr().out
    assert drift(site, "--since", "2026-03-03", "--version", UNCHANGED, "--json") == 0
    assert json.loads(capsys.readouterr().out)["patients"] == 0


def test_a_version_that_does_not_tell_what_it_was_trained_on_is_held_against_what_it_does_tell(site, capsys) -> None:
    assert drift(site, "--version", SILENT) == 0
    said = capsys.readouterr().out
    assert "its training images (not known)" in said and "brightness (mean): not known of the reference" in said
    assert said.startswith("NO DRIFT SEEN: None of 2 comparisons differs")


def test_what_is_withheld_too_often_alerts_and_the_reasons_are_counted(site, tmp_path, capsys) -> None:
    gateway = Gateway(tmp_path / "gateway")
    ask_about(gateway, UNCHANGED, patients=40, at=START, codes=("age_mismatch", "view_unknown"))
    gateway.close()
    assert drift(Site(site.output, tmp_path / "gateway")) == 6
    said = capsys.readouterr().out
    assert "scores withheld: 10.0 % allowed, 100.0 % (" in said
    assert "Patients of whom scores were withheld: age mismatch 40, view unknown 40." in said


def test_a_tasks_file_gives_the_limits_that_count(site, tmp_path, capsys) -> None:
    task = tmp_path / "lenient.yaml"
    task.write_text(f"{shipped_task_text(NAME)}\ndrift:\n  features: 0.9\n")
    assert drift(site, "--version", BRIGHT, "--task", task, "--json") == 0
    assert json.loads(capsys.readouterr().out)["limits"]["features"] == 0.9
    assert drift(site, "--version", BRIGHT, "--task", NAME) == 6


def test_a_site_can_be_held_against_its_own_past(site, tmp_path, capsys) -> None:
    """Images that are brighter than the training images since the first day are no news; darker ones then are."""
    gateway = Gateway(tmp_path / "gateway")
    for day, brightness in ((0, 1.5), (10, 1.5), (20, -0.5)):
        ask_about(gateway, UNCHANGED, patients=40, at=START + timedelta(days=day), brightness=brightness, seed=day)
    gateway.close()
    own = Site(site.output, tmp_path / "gateway")
    assert drift(own, "--until", "2026-03-15") == 6
    assert drift(own, "--until", "2026-03-15", "--against", "2026-03-01", "2026-03-05") == 0
    capsys.readouterr()
    assert drift(own, "--against", "2026-03-01", "2026-03-15", "--since", "2026-03-20", "--json") == 6
    found = json.loads(capsys.readouterr().out)
    assert found["alerts"] == ["brightness (mean)"] and (found["patients"], found["against"]["patients"]) == (40, 80)
    scope = next(one for one in found["comparisons"] if one["kind"] == "out_of_scope")
    assert scope["rates"][0]["value"] == 0.0 and scope["rates"][0]["patients"] == 80


@pytest.mark.parametrize("span", [["2026-03-01", "2026-03-20"], ["2026-03-05", "2026-03-01"]])
def test_images_are_not_held_against_themselves(site, capsys, span) -> None:
    assert drift(site, "--against", *span, "--since", "2026-03-10") == 2
    assert "--against FROM TO: give FROM before TO" in capsys.readouterr().err


def test_a_version_that_is_not_there_is_told_with_those_that_are(site, tmp_path, capsys) -> None:
    assert drift(site, "--version", 9) == 2
    assert f"version 9 of {NAME} is not in OUTPUT/serving/{NAME}, which has 1, 2, 3, 4" in capsys.readouterr().err
    push(tmp_path / "output", 7)
    assert drift(Site(tmp_path / "output", site.gateway)) == 2
    assert f"version {FEW} of {NAME} was asked last, and is not in" in capsys.readouterr().err


def test_of_several_models_one_is_to_be_named(site, tmp_path, capsys) -> None:
    output = tmp_path / "output"
    push(output, UNCHANGED)
    push(output, UNCHANGED, name="other_model")
    several = Site(output, site.gateway)
    assert drift(several) == 2 and "several models" in capsys.readouterr().err
    assert drift(several, "--task", "other_model", "--json") == 0
    assert json.loads(capsys.readouterr().out)["model"] == "other_model"
    assert drift(several, "--task", "ct_contrast") == 2 and "no model 'ct_contrast'" in capsys.readouterr().err


def test_no_output_no_gateway_and_no_folder_for_the_page_are_told(site, tmp_path, capsys) -> None:
    assert drift(Site(tmp_path, site.gateway)) == 2
    assert "give --output DIR of a run that pushed one" in capsys.readouterr().err
    (tmp_path / "serving" / NAME / "1" / "assets.extra").mkdir(parents=True)
    assert drift(Site(tmp_path, site.gateway)) == 2, "a half-written version is none"
    assert "give --output DIR of a run that pushed one" in capsys.readouterr().err
    assert drift(Site(site.output, tmp_path / "nowhere")) == 2
    assert "there is no database" in capsys.readouterr().err and not (tmp_path / "nowhere").exists()
    assert drift(site, "--report", tmp_path / "no" / "page.html") == 2
    assert "there is no folder" in capsys.readouterr().err


def test_files_that_were_altered_are_told(site, tmp_path, capsys) -> None:
    push(tmp_path / "output", FEW)
    broken = tmp_path / "output" / "serving" / NAME / str(FEW) / "assets.extra" / "training_data.json"
    broken.write_text("{")
    assert drift(Site(tmp_path / "output", site.gateway)) == 8
    assert "training_data.json cannot be read" in capsys.readouterr().err


def test_the_command_loads_neither_tensorflow_nor_fastapi(site) -> None:
    words = ["drift", "--output", str(site.output), "--data", str(site.gateway), "--version", str(UNCHANGED)]
    code = (
        f"import sys; from cli.main import main; main({words!r}); "
        "sys.exit(bool({'tensorflow', 'fastapi', 'starlette', 'tfx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_a_time_that_ends_before_it_begins_is_refused(site, capsys) -> None:
    assert drift(site, "--since", "2026-11-30", "--until", "2026-11-01") == 2
    assert "is not before --until" in capsys.readouterr().err
