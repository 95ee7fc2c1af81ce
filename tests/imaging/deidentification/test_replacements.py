from __future__ import annotations

import datetime as dt
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from imaging.deidentification.replacements import Replacements, capped_age, cleaned_text, dummy, shifted
from imaging.pseudonyms import Pseudonyms

ONE, OTHER = Replacements(Pseudonyms(bytes(32))), Replacements(Pseudonyms(bytes([1] * 32)))
UIDS = st.from_regex(r"1\.2\.(3|4|5)(\.[1-9][0-9]{0,8}){1,4}", fullmatch=True)
DATES = st.dates(dt.date(1930, 1, 1), dt.date(2030, 1, 1))


@given(UIDS, UIDS)
def test_a_uid_has_one_valid_successor_under_one_key(uid: str, another: str) -> None:
    assert UID(ONE.uid(uid)).is_valid and ONE.uid(uid).startswith("2.25.")
    assert (ONE.uid(uid) == ONE.uid(another)) == (uid == another)
    assert ONE.uid(uid) != OTHER.uid(uid)


def test_a_uid_that_dicom_defines_stays() -> None:
    assert ONE.uid("1.2.840.10008.1.4.1.1") == "1.2.840.10008.1.4.1.1"  # a well-known frame of reference
    assert ONE.uid("") == ""


@given(DATES, DATES, st.text(min_size=1))
def test_the_time_between_two_dates_of_a_patient_stays(one: dt.date, other: dt.date, key: str) -> None:
    days = ONE.days(key)
    moved = [dt.datetime.strptime(shifted(f"{date:%Y%m%d}", days), "%Y%m%d").date() for date in (one, other)]  # noqa: DTZ007
    assert moved[1] - moved[0] == other - one
    assert 1 <= days <= 3650 and moved[0] == one - dt.timedelta(days=days)


def test_the_time_of_day_and_the_offset_of_a_datetime_stay() -> None:
    assert shifted("20240301123456.789+0100", 1) == "20240229123456.789+0100"


@pytest.mark.parametrize("value", ["", "2024", "20241301", "today", "00010101", "2024.03.01"])
def test_what_is_no_date_is_emptied(value: str) -> None:
    assert shifted(value, 10) == ""


@pytest.mark.parametrize(
    ("age", "told"),
    [
        ("089Y", "089Y"),
        ("090Y", "090Y"),
        ("091Y", "090Y"),
        ("120Y", "090Y"),
        ("999Y", "090Y"),
        ("018M", "018M"),
        ("old", ""),
    ],
)
def test_an_age_above_89_years_is_capped(age: str, told: str) -> None:
    assert capped_age(age) == told


def test_a_description_keeps_plain_words_alone() -> None:
    assert cleaned_text("CT Chest w/o contrast, Dr. Smith, 12345") == "CT CHEST CONTRAST"
    assert cleaned_text("Smith") == ""


@given(st.text())
def test_cleaning_never_adds_and_leaves_no_digit(value: str) -> None:
    words = cleaned_text(value).split()
    assert all(word in value.upper() for word in words) and not re.search(r"\d", cleaned_text(value))


def test_dummies_have_the_form_of_their_vr() -> None:
    assert (dummy("DA"), dummy("AS"), dummy("US")) == ("19700101", "000Y", 0)
    assert UID(dummy("UI", "x")).is_valid and dummy("UI", "x") != dummy("UI", "y")
