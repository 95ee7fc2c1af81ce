"""What is exported of reviewed cases, and what is compared for drift."""

import hashlib
from datetime import timedelta

import pytest

from serving.gateway.schemas.feedback import FeedbackRequest
from serving.gateway.schemas.predictions import Declared
from serving.gateway.storage import reviewed
from tests.serving.gateway.storage.examples import (
    ADMIN,
    COLLEAGUE,
    READER,
    START,
    STRANGER,
    add_case,
    finding,
    new_image,
    prediction,
    served_image,
)


def review(store, kind="agree", *, principal=READER, model="chest_model", labels=()):
    case_id = add_case(
        store, principal, new_image(b"a"), new_image(b"bc", file=2), model=model, declared=Declared(view="PA")
    )
    made = prediction(store.cases.get(case_id, principal, view=False), model=model)
    store.predictions.add(case_id, principal, made)
    seen = None if kind == "opinion" else made.id
    store.feedback.add(case_id, principal, FeedbackRequest(kind=kind, labels=list(labels), prediction=seen))
    return case_id


def test_a_reviewed_case_has_all_that_a_manifest_needs(store):
    case_id = review(store, "correct", labels=["effusion"])
    store.feedback.add(case_id, COLLEAGUE, FeedbackRequest(kind="opinion", labels=["pneumonia"]))
    (case,) = store.reviewed_cases()
    assert (case.id, case.group, case.number, case.model, case.sample) == (case_id, "chest", 1, "chest_model", False)
    assert case.declared == Declared(view="PA") and case.exported_at is None
    assert [(one.kind, one.labels, one.author) for one in case.reviews] == [
        ("correct", ["effusion"], READER.subject),
        ("opinion", ["pneumonia"], COLLEAGUE.subject),
    ]
    assert case.predictions == store.cases.get(case_id, READER).predictions
    assert case.reviews[0].prediction == case.predictions[0].id
    first, second = case.images
    assert (first.image.file, first.patient_hash, first.study_hash, first.sop_hash) == (1, "p" * 32, "s" * 32, "o" * 32)
    assert (second.sha256, second.size) == (hashlib.sha256(b"bc").hexdigest(), 2)
    assert store.images.read(case.id, second.image.id, ADMIN) == b"bc"


def test_cases_are_chosen_by_kind_model_and_time(store, clock):
    agreed = review(store, "agree", principal=STRANGER)
    opinion = review(store, "opinion")
    clock.now = START + timedelta(days=5)
    other = review(store, "disagree", model="other_model")
    add_case(store, READER)
    found = lambda **asked: [case.id for case in store.reviewed_cases(**asked)]  # noqa: E731
    assert found() == [agreed, other]
    assert found(kinds=["opinion"]) == [opinion] and found(kinds=["correct"]) == []
    assert found(model="chest_model") == [agreed]
    assert found(since=START + timedelta(days=5)) == [other]


def test_many_cases_come_in_their_order_with_their_own_parts(store, monkeypatch):
    monkeypatch.setattr(reviewed, "_BATCH", 2)
    cases = [review(store) for _ in range(5)]
    found = list(store.reviewed_cases())
    assert [case.id for case in found] == cases
    assert {(len(case.images), len(case.reviews), len(case.predictions)) for case in found} == {(2, 1, 1)}


def test_an_export_is_noted_and_audited_while_cases_are_still_being_read(store):
    first, second = review(store), review(store)
    for case in store.reviewed_cases():
        store.mark_exported([case.id], ADMIN, at=START)
    assert [case.exported_at for case in store.reviewed_cases()] == [START, START]
    exported = [(one.actor, one.subject) for one in store.audit.page().entries if one.action == "export"]
    assert exported == [("admin", first), ("admin", second)]


def test_a_served_frame_has_features_scores_flags_and_what_withheld(store):
    case_id = review(store)
    case = store.cases.get(case_id, READER)
    store.predictions.add(case_id, READER, prediction(case, version=2), [served_image(case, mean=0.25, score=0.75)])
    codes = ["out_of_distribution"]
    store.predictions.add(case_id, READER, prediction(case, version=3, codes=codes), [served_image(case, score=0.9)])
    second, third = store.served_records("chest_model")
    assert (second.version, second.features, second.scores) == (2, {"mean": 0.25, "sex": "F"}, {"pneumonia": 0.75})
    assert (second.flagged, second.withheld) == (["pneumonia"], [])
    assert (third.scores, third.flagged, third.withheld) == ({"pneumonia": 0.9}, [], codes)
    assert list(store.served_records("chest_model", version=2)) == [second]


def test_versions_that_were_asked_come_with_their_records_the_one_asked_last_first(store):
    case = store.cases.get(review(store), READER)
    for version, day in ((7, 0), (3, 5), (5, 2)):
        at = START + timedelta(days=day)
        store.predictions.add(case.id, READER, prediction(case, version=version, at=at), [served_image(case)])
    asked = store.asked_versions("chest_model")
    assert [(version, one.records, (one.last - START).days) for version, one in asked.items()] == [
        (3, 1, 5), (5, 1, 2), (7, 1, 0)
    ]  # fmt: skip
    within = store.asked_versions("chest_model", since=START + timedelta(days=1), until=START + timedelta(days=5))
    assert list(within) == [5] and store.asked_versions("other_model") == {}


def test_a_version_that_is_asked_again_counts_once(store):
    case_id = review(store)
    case = store.cases.get(case_id, READER)
    for score in (0.1, 0.9):
        store.predictions.add(case_id, READER, prediction(case), [served_image(case, score=score)])
    assert [one.scores["pneumonia"] for one in store.served_records("chest_model")] == [0.9]


def test_served_frames_are_chosen_by_time_and_model(store):
    for day in range(4):
        case_id = add_case(store, READER)
        case = store.cases.get(case_id, READER)
        at = START + timedelta(days=day)
        model = "other_model" if day == 3 else "chest_model"
        store.predictions.add(case_id, READER, prediction(case, at=at, model=model), [served_image(case)])
    days = lambda **asked: [(one.at - START).days for one in store.served_records("chest_model", **asked)]  # noqa: E731
    assert days() == [0, 1, 2]
    assert days(since=START + timedelta(days=1)) == [1, 2] and days(until=START + timedelta(days=1)) == [0]
    assert days(since=START + timedelta(days=1), until=START + timedelta(days=2)) == [1]
    assert len(list(store.served_records("other_model"))) == 1


@pytest.mark.parametrize("number", [float("nan"), float("inf"), [0.5, float("nan")]])
def test_numbers_that_are_none_are_left_out(store, number):
    case_id = review(store)
    case = store.cases.get(case_id, READER)
    store.predictions.add(
        case_id, READER, prediction(case, findings=[finding(flagged=False, probability=0.1)]),
        [served_image(case, mean=number), served_image(case, score=float("nan")), served_image(case, mean=[1, 2.5])],
    )  # fmt: skip
    first, second, third = store.served_records("chest_model")
    assert (first.features, second.scores, third.features["mean"]) == ({"sex": "F"}, {}, [1.0, 2.5])
