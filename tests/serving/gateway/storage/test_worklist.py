"""The worklist's order, its pages, and that a page stays quick however long it is."""

import base64
import json
import time
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert

from serving.gateway.problems import BAD_REQUEST, ProblemError
from serving.gateway.schemas.feedback import FeedbackRequest
from serving.gateway.storage import worklist
from serving.gateway.storage.tables import CaseRow, GroupRow
from tests.serving.gateway.storage.examples import (
    ADMIN,
    READER,
    START,
    STRANGER,
    add_case,
    finding,
    prediction,
)


def add(store, probability=None, *, codes=(), failed=False, read=False, principal=READER):
    case_id = add_case(store, principal)
    case = store.cases.get(case_id, principal, view=False)
    if probability is not None or codes:
        findings = None if codes else [finding(probability=probability, flagged=probability >= 0.5)]
        store.predictions.add(case_id, principal, prediction(case, findings=findings, codes=codes))
    if failed:
        store.predictions.set_failed(case_id, principal)
    if read:
        store.feedback.add(case_id, principal, FeedbackRequest(kind="opinion"))
    return case_id


def walk(store, principal, **asked):
    """Returns the ids of all pages, in their order."""
    found, cursor = [], None
    while True:
        page = store.cases.page(principal, cursor=cursor, **asked)
        found += [case.id for case in page.cases]
        cursor = page.next
        if cursor is None:
            return found


def test_triage_puts_first_what_needs_a_human_first(store):
    quiet = add(store, 0.2)
    read_and_flagged = add(store, 0.99, read=True)
    mild = add(store, 0.6)
    withheld = add(store, codes=["age_mismatch"])
    urgent = add(store, 0.9)
    failed = add(store, failed=True)
    new = add(store)
    expected = [urgent, mild, failed, withheld, new, quiet, read_and_flagged]
    assert walk(store, READER, order="triage", limit=100) == expected
    assert walk(store, READER, order="triage", limit=2) == expected
    by_age = [new, failed, urgent, withheld, mild, read_and_flagged, quiet]
    assert walk(store, READER, order="newest", limit=1) == by_age


def test_a_reader_sees_the_own_group_and_an_admin_all(store):
    ours, theirs = add(store), add(store, principal=STRANGER)
    assert walk(store, READER, limit=1) == [ours] and store.cases.page(READER).total == 1
    assert walk(store, STRANGER, limit=1) == [theirs]
    assert walk(store, ADMIN, limit=1) == [theirs, ours] and store.cases.page(ADMIN).total == 2


def test_pages_go_on_where_the_one_before_ended_though_cases_came_and_went(store):
    cases = [add(store) for _ in range(6)]
    first = store.cases.page(READER, order="newest", limit=2)
    add(store)
    store.cases.delete(cases[4], READER)
    second = store.cases.page(READER, order="newest", limit=10, cursor=first.next)
    assert [case.id for case in second.cases] == cases[3::-1] and second.next is None


def test_the_limit_is_kept_within_its_bounds(store):
    add(store), add(store)
    assert len(store.cases.page(READER, limit=0).cases) == 1
    assert len(store.cases.page(READER, limit=10**9).cases) == 2


def packed(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "a" * 5000,
        packed([]),
        packed({"a": 1}),
        packed(["newest", "2026-01-01T00:00:00+00:00", "0" * 32]),  # of the other order
        packed(["triage", 1, 0.0, "2026-01-01T00:00:00", "0" * 32]),  # no zone
        packed(["triage", 1, 0.0, "yesterday", "0" * 32]),
        packed(["triage", "1", 0.0, "2026-01-01T00:00:00+00:00", "0" * 32]),
        packed(["triage", 1, float("nan"), "2026-01-01T00:00:00+00:00", "0" * 32]),
        packed(["triage", 10**30, 0.0, "2026-01-01T00:00:00+00:00", "0" * 32]),
        packed(["triage", 1, 0.0, "2026-01-01T00:00:00+00:00", "a\0b"]),
        packed(["triage", 1, 0.0, "2026-01-01T00:00:00+00:00", 7]),
        packed(["triage", 1, 0.0, "0001-01-01T00:00:00+23:00", "0" * 32]),  # before the first year in UTC
    ],
)
def test_a_cursor_that_is_none_is_refused(store, cursor):
    with pytest.raises(ProblemError) as refused:
        store.cases.page(READER, order="triage", cursor=cursor)
    assert refused.value.kind == BAD_REQUEST


@settings(max_examples=300, deadline=None)
@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_no_cursor_breaks_the_reader_of_cursors(cursor):
    with pytest.raises(ProblemError, match="the cursor is none"):
        worklist._read_cursor(cursor, "triage")


def fill(store, count):
    """Writes cases straight into the table, a third flagged, half of them read, in two groups."""
    rows = [
        {
            "id": f"{number:032x}", "group": "chest" if number % 2 else "bones", "number": number,
            "created_at": START + timedelta(seconds=number), "created_by": "x", "status": "predicted",
            "model": "chest_model", "modality": "DX", "image_count": 1, "flagged": [], "withheld": [],
            "read": number % 4 > 1, "sample": False, "priority": number % 6, "sort_urgency": (number * 7919 % 100) / 10,
            "rejected": [],
        }
        for number in range(count)
    ]  # fmt: skip
    with store._database.writing() as session:
        session.execute(insert(GroupRow), [{"name": name, "last_number": count} for name in ("chest", "bones")])
        session.execute(insert(CaseRow).returning(CaseRow.id), rows)  # so that SQLAlchemy sends many at once
    return rows


def test_a_page_of_ten_thousand_cases_is_a_walk_along_an_index(store):
    rows = fill(store, 10_000)
    if store._database.engine.dialect.name == "postgresql":
        with store._database.writing() as session:
            session.connection().exec_driver_sql("ANALYZE cases")
    ours = [row for row in rows if row["group"] == "chest"]
    for order, keys in (("triage", ("priority", "sort_urgency", "created_at")), ("newest", ("created_at",))):
        assert_walks_an_index(store, ADMIN, order, [row["id"] for row in sorted_by(keys, rows)])
        assert_walks_an_index(store, READER, order, [row["id"] for row in sorted_by(keys, ours)])


def sorted_by(keys, rows):
    return sorted(rows, key=lambda row: [row[key] for key in (*keys, "id")], reverse=True)


def assert_walks_an_index(store, principal, order, expected):
    assert walk(store, principal, order=order, limit=500) == expected
    first = store.cases.page(principal, order=order, limit=50)
    assert first.total == len(expected)

    def second_page():
        store.cases.page(principal, order=order, limit=50, cursor=first.next)

    (page,) = [one for one in seen(store, second_page) if "ORDER BY" in one[0]]
    plan = explained(store, *page)
    assert f"ix_cases_{order}" in plan and "SCAN cases\n" not in plan and "Sort" not in plan, plan
    assert best_of(5, second_page) < 0.1


def seen(store, ask):
    """Returns the statements, with their parameters, that a question leads to."""
    found = []

    def note(_, __, statement, parameters, ___, ____):
        found.append((statement, parameters))

    event.listen(store._database.engine, "before_cursor_execute", note)
    ask()
    event.remove(store._database.engine, "before_cursor_execute", note)
    return found


def explained(store, statement, parameters):
    """Returns the database's plan of a statement, a step a line."""
    sqlite = store._database.engine.dialect.name == "sqlite"
    with store._database.reading() as session:
        words = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
        rows = session.connection().exec_driver_sql(words + statement, parameters).all()
    return "".join(f"{row[-1]}\n" for row in rows)


def best_of(times, ask):
    took = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        took.append(time.perf_counter() - began)
    return min(took)
