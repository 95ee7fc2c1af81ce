"""What is said of a look for drift: the verdict, in what the two differ most, and what could not be compared."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from benchmarks.drift_population import FINDINGS, sample
from data_schemas.description import Calibration, ModelDescription
from data_schemas.drift_limits import DriftLimits
from data_schemas.task_file import load_task
from evaluation.drift import Comparison
from evaluation.intervals import Estimate
from evaluation.served_sample import Served
from reports.drift import DriftReport, Published, comparison_name, numbers_text
from reports.drift_page import drift_page
from tests.reports.page_text import text_of

AT = datetime(2026, 3, 1, tzinfo=timezone.utc)
BRIGHT = Comparison(
    "feature", "mean", "", (1000, 90), 0.3, 0.02, 0.07, 0.001,
    reference={"to 0.4": 0.5, "0.4 to 0.6": 0.3, "above 0.6": 0.2},
    served={"to 0.4": 0.1, "0.4 to 0.6": 0.6, "above 0.6": 0.3},
    edges=(0.4, 0.6),
)  # fmt: skip
SEX = Comparison(
    "feature", "sex", "", (1000, 90), 0.01, 0.02, 0.07, 1.0, reference={"F": 0.5, "M": 0.5}, served={"F": 0.6, "M": 0.4}
)
SCOPE = Comparison(
    "out_of_scope", "out of scope", "", (100, 90), -0.0001, 0.0, 0.05, 1.0,
    rates=(Estimate(0.01, 0.0, 0.05), Estimate(0.0, 0.0, 0.04)),
)  # fmt: skip
WITHHELD = Comparison(
    "withheld", "withheld", "", (0, 90), 0.25, 0.1, 0.15, 0.001, rates=(Estimate(0.1), Estimate(0.25, 0.15, 0.35))
)
UNKNOWN = Comparison("scores", "nodule", "", (0, 90), note="not known of the reference")


def report(*comparisons: Comparison, patients: int = 90, **changes) -> DriftReport:
    description = ModelDescription(
        task=load_task("synthetic_chest"),
        operating_points=dict.fromkeys(FINDINGS, 0.3),
        prevalence=dict.fromkeys(FINDINGS, 0.2),
        calibration=Calibration.identity(3),
        radflow_version="0",
    )
    served = Served(sample(1, patients, images=1.0), AT, AT, {"view_unknown": 3, "age_mismatch": 5}, nameless=2)
    plain = {"against": Published(1000, None), "others": {4: 12}, "comparisons": comparisons}
    return DriftReport(description, 7, DriftLimits(), served, **(plain | changes))


def test_the_farthest_beyond_its_limit_stands_first() -> None:
    said = report(WITHHELD, SEX, BRIGHT)
    assert said.verdict == "alert"
    assert said.headline == (
        "2 of 3 comparisons differ by more than chance and the limits allow: brightness (mean) and scores withheld."
    )


def test_no_alert_says_how_many_comparisons_could_not_be_made_and_why() -> None:
    said = report(SEX, SCOPE, UNKNOWN)
    assert said.verdict == "no_alert"
    assert said.headline.replace("\N{NO-BREAK SPACE}", " ") == (
        "None of 2 comparisons differs by more than chance and the limits allow. 1 comparison could not be made."
    )
    assert "scores of nodule: not known of the reference" in said.to_text()


@pytest.mark.parametrize(("patients", "words"), [(12, "12 patients here, 30 are needed"), (90, "Nothing can be")])
def test_what_cannot_be_judged_is_neither_an_alert_nor_a_pass(patients, words) -> None:
    said = report(UNKNOWN, patients=patients)
    assert said.verdict == "not_judged" and words in said.headline
    assert "neither an alert nor a pass" in said.to_text().splitlines()[0]


def test_where_two_differ_most_is_said_of_numbers_names_and_shares() -> None:
    assert report().where(BRIGHT) == "at most 0.4: 50.0 % in training, 10.0 % here"
    assert report().where(SEX) == "F 50.0 % in training, 60.0 % here; M 50.0 % in training, 40.0 % here"
    assert report().where(WITHHELD) == "10.0 % allowed, 25.0 % (15.0 to 35.0) here"
    assert report().where(SCOPE) == "1.0 % (0.0 to 5.0) expected, 0.0 % (0.0 to 4.0) here"
    assert report().where(UNKNOWN) == "not known" and comparison_name(UNKNOWN) == "scores of nodule"


def test_what_is_held_against_an_earlier_time_is_said_so() -> None:
    before = Served(sample(2, 50, images=1.0), AT, AT, {}, 0)
    said = report(BRIGHT, SCOPE, WITHHELD, against=before)
    assert said.where(BRIGHT) == "at most 0.4: 50.0 % before, 10.0 % here"
    assert said.where(SCOPE).startswith("1.0 % (0.0 to 5.0) before,") and "allowed" in said.where(WITHHELD)
    assert "Held against what it was asked before: 50 images of 50 patients, 2026-03-01" in " ".join(said.notes())
    assert said.to_json()["against"]["patients"] == 50
    assert "Grey: before." in drift_page(said) and "training." not in drift_page(said)


def test_a_share_that_is_allowed_is_not_called_chance_and_nothing_is_minus_nothing() -> None:
    assert numbers_text(WITHHELD) == ("0.250", "-", "0.150")
    assert numbers_text(SCOPE) == ("0.000", "0.000", "0.050")


def test_reasons_other_versions_and_the_nameless_are_told_the_commonest_first() -> None:
    notes = " ".join(report(SEX).notes())
    assert "Patients of whom scores were withheld: age mismatch 5, view unknown 3." in notes
    assert "2 records left out" in notes and "other versions were asked too: 4 (12 records)" in notes
    assert "its scores on the test split (not known)" in notes


def test_json_is_plain_and_has_every_comparison() -> None:
    found = json.loads(json.dumps(report(BRIGHT, UNKNOWN).to_json()))
    assert [one["alerted"] for one in found["comparisons"]] == [True, False]
    assert found["withheld"] == {"view_unknown": 3, "age_mismatch": 5} and found["left_out"] == {"patient not known": 2}
    assert found["first"] == "2026-03-01T00:00:00+00:00" and found["since"] is None


def test_the_page_draws_what_was_compared_and_lists_what_was_not() -> None:
    page = drift_page(report(BRIGHT, SEX, SCOPE, WITHHELD, UNKNOWN))
    assert page.count("<img ") == 4
    words = text_of(page)
    assert words.index("Drift 2 of 4 comparisons") < words.index("Not compared") < words.index("What it means")
    assert drift_page(report(BRIGHT, SEX, SCOPE, WITHHELD, UNKNOWN)) == page
