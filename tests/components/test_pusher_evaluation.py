"""evaluation.json: the Evaluator's numbers as they are, verdicts as sentences, and for whom nothing is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.evaluator.results import write_results
from components.pusher.evaluation import not_assessable, served_evaluation
from data_schemas.served_evaluation import METRICS, ServedEstimate, ServedEvaluation
from data_schemas.task import Task
from evaluation.gate_results import GateResult
from tests.components.judged_records import judged_records
from tests.models.tasks import demo_task
from tests.reports.sample_report import GATES, description, estimates, evaluation, summary

GATE = ({"name": "AUROC", "metric": "auroc", "min": 0.5},)
FEW = {"nodule": estimates(None), "cavity": estimates(None)}


def sliced_task(**sections: Any) -> Task:
    """Returns the demo's task with other slices, and without gates that are about one of its own."""
    return demo_task(gates=GATE, **sections)


def _written(folder: Path, **changes: Any) -> str:
    gates = changes.pop("gates", GATES)
    judgement = {"evaluation": evaluation(**changes).to_json(), "gates": [one.to_json() for one in gates]}
    write_results(str(folder), judgement=judgement, cases=judged_records().arrays())
    return str(folder)


def test_numbers_are_those_of_the_test_split_with_their_intervals(tmp_path: Path) -> None:
    found = served_evaluation(_written(tmp_path), description())
    assert (found.unit, found.cases, found.patients) == ("image", 60, 40)
    assert list(found.findings) == ["nodule", "cavity"]
    nodule = found.findings["nodule"]
    assert (nodule.operating_point, nodule.patients_with, nodule.patients_without) == (0.123, 15, 25)
    assert set(nodule.metrics) == set(METRICS)
    assert nodule.metrics["sensitivity"] == ServedEstimate(value=0.93, lower=0.88, upper=0.97, patients=15)
    assert ServedEvaluation.model_validate_json(found.model_dump_json()) == found


def test_how_scores_of_images_were_distributed_is_kept_for_what_is_served_later(tmp_path: Path) -> None:
    records = judged_records()
    nodule = served_evaluation(_written(tmp_path), description()).scores["nodule"]
    place = description().task.labels.names.index("nodule")
    assert nodule.patients == 40 and len(nodule.quantiles) == 19
    assert nodule.quantiles[9] == pytest.approx(np.median(records.scores[:, place]))
    assert nodule.flagged == pytest.approx((records.scores[:, place] >= 0.123).mean())


def test_scores_of_a_few_patients_are_not_told(tmp_path: Path) -> None:
    folder = Path(_written(tmp_path))
    write_results(
        str(folder),
        judgement={"evaluation": evaluation().to_json(), "gates": []},
        cases=judged_records(patients=9).arrays(),
    )
    assert served_evaluation(str(folder), description()).scores["nodule"].quantiles == ()


def test_gates_are_sentences_and_whether_they_passed(tmp_path: Path) -> None:
    found = served_evaluation(_written(tmp_path), description())
    assert found.gates[0] == "nodule AUROC: unmet; its lower limit is 0.800, at least 0.850 was asked"
    assert not found.gates_passed
    met = [GateResult("AUROC", "auroc", verdict="met", passed=True, reason="it is 0.9")]
    assert served_evaluation(_written(tmp_path, gates=met), description()).gates_passed


def test_a_group_with_too_few_patients_and_one_with_none_are_named() -> None:
    task = sliced_task(slices=(("sex",), ("sex", "age_group")))
    said = not_assessable(evaluation(), [], task)
    assert said == ["sex M: no test patient", "sex O: too few test patients to say anything (40)"]


def test_an_attribute_that_no_patient_has_is_named_once() -> None:
    task = sliced_task(slices=(("site",), ("view",)))
    slices = {(("view", "unknown"),): summary()}
    assert not_assessable(evaluation(slices=slices), [], task) == [
        "site: not known of any test patient",
        "view: not known of any test patient",
    ]


def test_a_gate_that_the_data_cannot_answer_is_named_with_its_reason() -> None:
    gate = GateResult("sex gap", "auroc", verdict="not_assessable", passed=True, reason="the films carry no sex")
    assert not_assessable(evaluation(), [gate], sliced_task(slices=())) == ["sex gap: the films carry no sex"]


def test_age_groups_are_missed_only_where_the_model_is_for_them() -> None:
    slices = {(("age_group", "40-64"),): summary()}
    task = sliced_task(slices=(("age_group",),), age_groups=(0, 18, 40, 65), decisions={"age_range": (20, 64)})
    assert not_assessable(evaluation(slices=slices), [], task) == ["age group 18-39: no test patient"]
    anyone = sliced_task(slices=(("age_group",),), age_groups=(0, 18, 40, 65))
    assert not_assessable(evaluation(slices=slices), [], anyone) == [
        "age group 0-17: no test patient",
        "age group 18-39: no test patient",
        "age group 65+: no test patient",
    ]


def test_views_and_modalities_that_the_task_takes_and_nobody_tested_are_named() -> None:
    slices = {(("view", "PA"),): summary(), (("modality", "DX"),): summary(**FEW)}
    task = sliced_task(slices=(("view",), ("modality",)))
    assert not_assessable(evaluation(slices=slices), [], task) == [
        "view AP: no test patient",
        "modality CR: no test patient",
        "modality DX: too few test patients to say anything (40)",
    ]
