"""The first screen: what it says follows from numbers and task, and nothing is said that they do not have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation.intervals import Estimate
from reports.chapters.summary import for_whom_not, how_good, looks, not_assessable, summary, verdict
from reports.report_data import Canary
from tests.models.tasks import demo_task
from tests.reports.page_text import shown
from tests.reports.sample_report import GATES, GROUPS, bare_data, description, estimates, evaluation, report_data
from tests.reports.sample_report import summary as made


def test_a_refused_model_says_which_gate_and_why() -> None:
    said = verdict(report_data())
    assert (said.word, said.tone) == ("Refused", "bad")
    assert "1 gate of 5 refused it" in said.text
    assert said.reasons == ["nodule AUROC, unmet: its lower limit is 0.800, at least 0.850 was asked."]


def test_a_blessed_model_with_open_gates_says_which() -> None:
    passed = [gate for gate in GATES if gate.passed]
    said = verdict(report_data(gates=passed, blessed=True))
    assert (said.word, said.tone) == ("Blessed, with open questions", "warn")
    assert "1 of 4 gates met; undecided: sex gap; not assessable: site gap" in said.text


def test_a_blessed_model_without_open_gates_is_blessed() -> None:
    assert verdict(report_data(gates=[GATES[1]], blessed=True)).word == "Blessed"


def test_a_blessing_without_its_gates_says_that_they_are_missing() -> None:
    assert "by which gates is not available" in verdict(bare_data(blessed=True)).text


def test_a_model_that_does_not_serve_is_refused() -> None:
    said = verdict(report_data(gates=[GATES[1]], blessed=True, canary=Canary(False, "scores differ")))
    assert said.word == "Refused" and "scores differ" in said.text


def test_a_run_without_evaluation_is_not_judged() -> None:
    assert verdict(bare_data()).word == "Not judged"
    assert how_good(bare_data()) == ["This run has no evaluation on the test split."]


def test_rates_are_told_as_people_out_of_a_hundred() -> None:
    text = " ".join(how_good(report_data()))
    assert "60 images of 40 patients" in text
    # Specificity .90 (.85 to .94) is 10 of 100 false alarms, 6 to 15.
    assert "nodule: of images that show it, 93 of 100 (88 to 97) are flagged" in text
    assert "10 of 100 (6 to 15) are flagged wrongly" in text
    assert text.index("cavity:") < text.index("nodule:"), "the weakest finding comes first"


def test_flags_are_right_at_the_prevalence_that_ppv_holds_at() -> None:
    assert "Where 90.0% have it, on the test split, 90 of 100 (80 to 95) flags" in " ".join(how_good(report_data()))
    declared = description(deployment_prevalence={"normal": 0.9, "nodule": 0.06, "cavity": 0.04})
    text = " ".join(how_good(report_data(description=declared)))
    assert "Where 6.0% have it, as the task declares for deployment, 90 of 100" in text


def test_studies_are_called_so() -> None:
    assert "60 studies of" in how_good(report_data(evaluation=evaluation(unit="study")))[0]


def test_a_finding_without_cases_is_said_to_have_none() -> None:
    overall = made(nodule=estimates(None))
    text = " ".join(how_good(report_data(evaluation=evaluation(overall=overall))))
    assert "nodule: nothing can be said (too few patients: 7)." in text


def test_only_the_weakest_of_many_findings_are_told() -> None:
    many = {f"f{index}": estimates(auroc=Estimate(0.5 + index / 20, 0.4, 1.0, 9)) for index in range(9)}
    text = " ".join(how_good(report_data(evaluation=evaluation(overall=made(**many)))))
    assert "f0:" in text and "f3:" in text and "f4:" not in text and "weakest of 9 findings" in text


def test_for_whom_not_names_scope_limits_and_small_groups() -> None:
    task = demo_task(decisions={"age_range": (18, 90)}, limitations=("Declared.",))
    text = " ".join(for_whom_not(report_data(description=description(task=task))))
    assert "other than CR, DX in the views PA, AP" in text and "below 18 or above 90 years" in text
    assert "sex O (40)" in text and "Declared." in text and "for all groups: sex gap (undecided)." in text


def test_attributes_that_cannot_be_assessed_are_named() -> None:
    assert not_assessable(report_data()) == ["site gap: the data has one site", "site: not known of any image."]
    assert "every attribute is known" in not_assessable(report_data(gates=[GATES[1]], groups=GROUPS[:3]))[0]
    assert not_assessable(bare_data()) == ["This run does not say."]


@pytest.mark.parametrize(("count", "says"), [(0, "No model was judged"), (1, "1 time before"), (2, "2 times before")])
def test_earlier_looks_are_counted(count: int, says: str) -> None:
    assert says in looks(report_data(evaluation=evaluation(looks=count)))


def test_the_first_screen_says_that_it_is_no_medical_device() -> None:
    assert "not a medical device" in shown(*summary(report_data()))
    assert "not a medical device" in shown(*summary(replace(bare_data())))
