"""Opinions: once a reader, and blind where the gateway never sent that reader what a model said of the case."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import text

from serving.gateway.problems import CONFLICT, INVALID, ProblemError
from serving.gateway.schemas.feedback import FeedbackRequest
from serving.gateway.storage.database import Database, parsed_url
from serving.gateway.storage.schema_version import migrate
from serving.gateway.storage.store import Store
from tests.serving.gateway.storage.examples import ADMIN, COLLEAGUE, READER, add_case, prediction

OPINION = FeedbackRequest(kind="opinion", labels=["pneumonia"])


@pytest.fixture
def case_id(store):
    """A case that was predicted by a program of its own."""
    made = add_case(store, READER)
    store.predictions.add(made, ADMIN, prediction(store.cases.get(made, ADMIN, view=False)))
    return made


def opinion_of(store, case_id, reader=READER):
    return store.feedback.add(case_id, reader, OPINION)


def test_an_opinion_before_anything_was_sent_is_blind(store, case_id):
    store.cases.get(case_id, READER, view=False)
    assert store.cases.get(case_id, READER, predictions=False).blind
    store.cases.page(READER, order="newest", predictions=False)
    said = opinion_of(store, case_id)
    assert said.blind and store.cases.get(case_id, READER).feedback == [said]
    (entry,) = [one for one in store.audit.page().entries if one.action == "feedback"]
    assert entry.details["blind"] is True


@pytest.mark.parametrize(
    "look",
    [
        lambda store, case: store.cases.get(case, READER),
        lambda store, case: store.cases.get(case, READER).predictions,
        lambda store, case: store.cases.page(READER),
        lambda store, case: store.cases.page(READER, order="newest"),
        lambda store, case: store.audit.page(principal=READER),
        lambda store, case: store.cases.note_shown([case], READER),
        lambda store, case: store.predictions.add(case, READER, prediction(store.cases.get(case, READER, view=False))),
    ],
    ids=["case", "predictions", "worklist", "newest", "audit log", "heatmap", "asked"],
)
def test_an_opinion_after_what_tells_of_a_prediction_is_not_blind(store, case_id, look):
    look(store, case_id)
    assert not store.cases.get(case_id, READER, view=False).blind
    assert not opinion_of(store, case_id).blind


def test_what_one_reader_was_sent_leaves_another_blind(store, case_id):
    store.cases.get(case_id, READER)
    opinion_of(store, case_id)
    assert opinion_of(store, case_id, COLLEAGUE).blind
    assert [one.blind for one in store.cases.get(case_id, READER).feedback] == [False, True]
    (case,) = store.reviewed_cases(kinds=["opinion"])
    assert [(one.author, one.blind) for one in case.reviews] == [(READER.subject, False), (COLLEAGUE.subject, True)]


def test_who_asked_a_model_without_being_sent_what_it_said_is_blind(store, case_id):
    store.predictions.add(case_id, READER, prediction(store.cases.get(case_id, READER, view=False)), sent=False)
    assert opinion_of(store, case_id).blind


def test_a_case_without_a_prediction_tells_nothing(store):
    case_id = add_case(store, READER)
    assert store.cases.get(case_id, READER).blind
    store.predictions.set_failed(case_id, READER)
    store.cases.page(READER)
    assert store.cases.get(case_id, READER).blind and opinion_of(store, case_id).blind


def test_a_view_says_in_the_audit_log_whether_predictions_were_in_it(store, case_id):
    store.cases.get(case_id, READER, predictions=False)
    store.cases.get(case_id, READER)
    assert [one.details for one in store.audit.page().entries if one.action == "view"] == [
        {"predictions": False}, {"predictions": True},
    ]  # fmt: skip


@pytest.mark.parametrize("codes", [(), ("view_unknown",)])
def test_without_predictions_a_case_and_its_row_tell_nothing_that_a_model_or_another_reader_said(store, codes):
    case_id = add_case(store, READER)
    made = prediction(store.cases.get(case_id, READER, view=False), codes=codes)
    store.predictions.add(case_id, ADMIN, made)
    store.feedback.add(case_id, COLLEAGUE, FeedbackRequest(kind="correct", labels=["pneumonia"], prediction=made.id))
    own = opinion_of(store, case_id, READER)
    case = store.cases.get(case_id, READER, predictions=False)
    (row,) = store.cases.page(READER, order="newest", predictions=False).cases
    for one in (case, row):
        assert (one.status, one.flagged, one.urgency, one.withheld) == ("hidden", [], None, [])
    assert case.predictions == [] and case.feedback == [own] and case.blind and len(case.image_list) == 1
    assert made.id not in case.model_dump_json()


def test_the_order_of_triage_is_not_given_without_predictions(store, case_id):
    with pytest.raises(ProblemError, match="order=newest") as refused:
        store.cases.page(READER, predictions=False)
    assert refused.value.kind == INVALID
    assert store.cases.get(case_id, READER, view=False).blind


@pytest.mark.parametrize("first", ["opinion", "agree", "disagree", "correct"])
def test_an_opinion_is_refused_where_its_reader_left_feedback_before(store, case_id, first):
    seen = None if first == "opinion" else store.cases.get(case_id, READER).predictions[0].id
    kept = store.feedback.add(case_id, READER, FeedbackRequest(kind=first, labels=["effusion"], prediction=seen))
    with pytest.raises(ProblemError, match="once") as refused:
        opinion_of(store, case_id)
    assert refused.value.kind == CONFLICT
    assert store.cases.get(case_id, READER).feedback == [kept]
    assert [one.action for one in store.audit.page().entries].count("feedback") == 1


def test_of_opinions_at_once_one_is_kept_and_the_rest_refused(store, case_id):
    ready, outcomes = threading.Barrier(6), []

    def give():
        ready.wait()
        try:
            outcomes.append(opinion_of(store, case_id).blind)
        except ProblemError as error:
            outcomes.append(error.kind.name)

    threads = [threading.Thread(target=give) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str) == [True, *["conflict"] * 5]
    assert len(store.cases.get(case_id, READER).feedback) == 1


def test_an_opinion_beside_a_view_is_blind_only_where_it_was_first(store):
    for _ in range(8):
        case_id = add_case(store, READER)
        store.predictions.add(case_id, ADMIN, prediction(store.cases.get(case_id, ADMIN, view=False)))
        ready, said = threading.Barrier(2), []

        def give(case_id=case_id, ready=ready, said=said):
            ready.wait()
            said.append(opinion_of(store, case_id))

        thread = threading.Thread(target=give)
        thread.start()
        ready.wait()
        store.cases.get(case_id, READER)
        thread.join()
        order = [one.action for one in store.audit.page(limit=1000).entries if one.subject == case_id][-2:]
        assert said[0].blind == (order == ["feedback", "view"])


def test_what_is_noted_goes_with_the_case_and_is_noted_once(store, case_id):
    store.cases.get(case_id, READER)
    store.cases.page(READER)
    store.cases.note_shown([case_id, "0" * 32], READER)
    count = "SELECT count(*) FROM shown"
    with store._database.reading() as session:
        assert session.execute(text(count)).scalar() == 2  # the reader, and who had it predicted
    store.cases.delete(case_id, READER)
    with store._database.reading() as session:
        assert session.execute(text(count)).scalar() == 0


def test_of_what_is_from_before_it_was_noted_nothing_counts_as_blind(empty_database_url, tmp_path):
    url = parsed_url(empty_database_url)
    store = Store.open(empty_database_url, str(tmp_path / "images"))
    old, unasked = (add_case(store, READER) for _ in range(2))
    store.predictions.add(old, ADMIN, prediction(store.cases.get(old, ADMIN, view=False)))
    opinion_of(store, old)
    store.close()
    migrate(url, "0002")
    migrate(url)
    store = Store.open(empty_database_url, str(tmp_path / "images"))
    assert [one.blind for one in store.cases.get(old, READER, predictions=False).feedback] == [False]
    assert not opinion_of(store, old, COLLEAGUE).blind
    store.predictions.add(unasked, ADMIN, prediction(store.cases.get(unasked, ADMIN, view=False)))
    assert opinion_of(store, unasked, COLLEAGUE).blind
    store.close()


def test_a_worklist_that_tells_nothing_new_writes_nothing(store, case_id, monkeypatch):
    store.cases.page(READER)
    monkeypatch.setattr(Database, "writing", lambda self: pytest.fail("it was noted before"))
    store.cases.page(READER)
