import hashlib
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_schemas.audit_chain import GENESIS, AuditEntry, check_chain, sealed
from data_schemas.errors import AuditBroken

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


def chain(length: int) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number in range(length):
        last = entries[-1] if entries else None
        at = NOON + timedelta(seconds=number)
        entries.append(
            sealed(last, at=at, actor="someone", action="read", subject=f"case {number}", details={"n": number})
        )
    return entries


def test_an_empty_log_is_unbroken():
    assert check_chain([]) is None


def test_the_last_entry_of_an_unbroken_chain_is_returned():
    entries = chain(3)
    assert entries[0].previous == GENESIS
    assert check_chain(entries) == entries[2]


def test_the_hash_is_the_sha256_of_the_canonical_json():
    written = (
        '{"action":"b","actor":"a","at":"2026-01-02T12:00:00.000000+00:00","details":{},"number":1,'
        f'"previous":"{"0" * 64}","subject":"c"}}'
    )
    entry = sealed(None, at=NOON, actor="a", action="b", subject="c", details={})
    assert entry.hash == hashlib.sha256(written.encode()).hexdigest()


@pytest.mark.parametrize("change", [{"actor": "other"}, {"details": {}}, {"at": NOON}, {"hash": "f" * 64}])
def test_a_changed_entry_breaks_the_chain(change):
    entries = chain(4)
    entries[2] = entries[2].model_copy(update=change)
    with pytest.raises(AuditBroken, match="entry 3 was changed"):
        check_chain(entries)


def test_a_changed_entry_sealed_anew_breaks_the_next_one():
    entries = chain(4)
    entries[1] = sealed(entries[0], at=NOON, actor="other", action="read", subject="x", details={})
    with pytest.raises(AuditBroken, match="entry 3 does not follow"):
        check_chain(entries)


def test_a_removed_entry_breaks_the_chain():
    entries = chain(4)
    del entries[1]
    with pytest.raises(AuditBroken, match="entry 2 is missing"):
        check_chain(entries)


@given(st.lists(st.tuples(st.text(), st.dictionaries(st.text(), st.integers() | st.text() | st.none())), max_size=5))
def test_entries_survive_a_round_trip_through_json(written):
    entries: list[AuditEntry] = []
    for subject, details in written:
        last = entries[-1] if entries else None
        entries.append(sealed(last, at=NOON, actor="a", action="b", subject=subject, details=details))
    read = [AuditEntry.model_validate_json(entry.model_dump_json()) for entry in entries]
    assert check_chain(read) == (entries[-1] if entries else None)
