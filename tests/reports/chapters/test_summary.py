"""The first screen: what it says follows from numbers and task, and nothing is said that they do not have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluation.fairness import Fairness
from evaluation.intervals import Estimate
from reports.chapters.summary import (
    calibrated,
    disparities,
    for_whom_not,
    how_good,
    looks,
    not_assessable,
    summary,
    verdict,
)
from reports.report_data import Canary
from tests.models.tasks import demo_task
from tests.reports.page_text import shown
from tests.reports.sample_report import GAP, GATES, GROUPS, bare_data, description, estimates, evaluation, report_data
from tests.reports.sample_report import summary as made


def test_a_refused_model_says_which_gate_and_why() -> None:
    said = verdict(report_data())
    assert (said.word, said.tone) == ("Refused", "bad")
    assert "1 gate of 5 refused it" in said.text
    assert said.reasons == ["nodule AUROC, unmet: its lower limit is 0.800, at least 0.850 was asked."]


def test_a_model_that_passed_with_open_gates_says_which() -> None:
    passed = [gate for gate in GATES if gate.passed]
    said = verdict(report_data(gates=passed, blessed=True))
    assert (said.word, said.tone) == ("Passed, with open questions", "warn")
    assert "1 of 4 gates met; undecided: sex gap; not assessable: site gap" in said.text


def test_a_model_that_passed_without_open_gates_passed() -> None:
    assert verdict(report_data(gates=[GATES[1]], blessed=True)).word == "Passed"


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
    assert text.index("nodule:") < text.index("cavity:"), "findings stand in the task's order"


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


def test_only_the_weakest_of_many_findings_are_told_in_the_tasks_order() -> None:
    aurocs = {f"f{index}": 0.5 + (index * 4 % 9) / 20 for index in range(9)}  # f0, f7, f5, f3, f1, ... from low to high
    many = {name: estimates(auroc=Estimate(value, 0.4, 1.0, 9)) for name, value in aurocs.items()}
    task = demo_task(labels={"names": ("normal", *many)}, gates=[{"name": "g", "metric": "auroc", "min": 0.5}])
    points = dict.fromkeys(many, 0.5)
    described = description(task=task, operating_points=points, prevalence=dict.fromkeys(("normal", *many), 0.1))
    said = how_good(report_data(description=described, evaluation=evaluation(overall=made(**many))))
    assert [one.split(":")[0] for one in said if one.startswith("f")] == ["f0", "f3", "f5", "f7"]
    assert "lowest AUROC of 9 findings" in " ".join(said)


def test_for_whom_not_names_scope_and_limits() -> None:
    task = demo_task(decisions={"age_range": (18, 90)}, limitations=("Declared.",))
    text = " ".join(for_whom_not(report_data(description=description(task=task))))
    assert "other than CR, DX in the views PA, AP" in text and "below 18 or above 90 years" in text
    assert "Declared." in text and "for all groups: sex gap (undecided)." in text


def test_attributes_that_cannot_be_assessed_are_named() -> None:
    assert not_assessable(report_data()) == [
        "site gap: the data has one site",
        "site: not known of any image.",
        "Groups with too few test patients (in brackets) to be judged: sex O (40).",
    ]
    everyone = evaluation(slices={(("sex", "F"),): made()})
    whole = report_data(gates=[GATES[1]], groups=GROUPS[:3], evaluation=everyone)
    assert not_assessable(whole)[0].endswith("every group has enough test patients for an AUROC.")
    assert not_assessable(bare_data()) == ["This run does not say."]


def test_a_group_that_is_too_small_for_one_finding_is_named_with_it() -> None:
    half = made(nodule=estimates(), cavity=estimates(None))
    said = not_assessable(report_data(evaluation=evaluation(slices={(("age_group", "0-17"),): half})))
    assert said[-1] == "Groups with too few test patients (in brackets) to be judged: age group 0-17 (40) for cavity."


def test_disparities_stand_on_the_first_screen_and_what_cannot_be_excluded_where_there_are_none() -> None:
    said = shown(*summary(report_data()))
    assert "More than chance: false-negative rate of nodule by sex (F fares worst): 0.200, at most 0.310." in said
    chance = evaluation(fairness=Fairness((replace(GAP, p_holm=0.4),), {}))
    assert (
        "not excluded is false-negative rate of nodule by sex: 0.200, at most 0.310."
        in disparities(report_data(evaluation=chance))[0]
    )
    nobody = report_data(evaluation=evaluation(fairness=Fairness((), {})))
    assert disparities(nobody) == ["None could be looked for: no attribute has two groups with enough test patients."]
    assert disparities(bare_data()) == []


@pytest.mark.parametrize(
    ("slope", "says"),
    [
        (Estimate(0.6, 0.4, 0.8, 40), "Poor calibration slope (1 is right): nodule 0.600 (0.400 to 0.800), its probab"),
        (Estimate(1.9, 1.3, 2.5, 40), "nodule 1.900 (1.300 to 2.500), its probabilities are too near to each other."),
        (Estimate(0.9, 0.3, 1.5, 40), "differs from 1 with confidence; the least sure is that of nodule, 0.900 ("),
        (Estimate(None, note="perfect separation"), "No calibration slope can be told: perfect separation."),
    ],
)
def test_a_poor_calibration_slope_stands_on_the_first_screen(slope: Estimate, says: str) -> None:
    overall = made(nodule=estimates(calibration_slope=slope))
    assert says in shown(*summary(report_data(evaluation=evaluation(overall=overall))))
    assert calibrated(bare_data()) == []


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (0, "No other model was judged"),
        (1, "1 other model was judged before"),
        (2, "2 other models were judged before"),
    ],
)
def test_earlier_looks_are_counted(count: int, says: str) -> None:
    assert says in looks(report_data(evaluation=evaluation(looks=count)))


def test_the_first_screen_says_that_it_is_no_medical_device() -> None:
    assert "not a medical device" in shown(*summary(report_data()))
    assert "not a medical device" in shown(*summary(replace(bare_data())))
