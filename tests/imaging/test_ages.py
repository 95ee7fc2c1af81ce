from __future__ import annotations

import pytest

from imaging.ages import age_at, age_group, age_in_years


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("045Y", 45),
        ("018M", 1.5),
        ("52W", 52 * 7 / 365.25),
        ("010D", 10 / 365.25),
        ("45", 45),
        ("4.5", 4.5),
        (" 007y ", 7),
    ],
)
def test_ages_that_dicom_and_tables_hold(text: str, years: float) -> None:
    assert age_in_years(text) == pytest.approx(years)


@pytest.mark.parametrize("text", ["", "19630412", "-3", "45 years", "411Y", "131", "nan", "1e2", "Y"])
def test_what_is_no_age_is_none(text: str) -> None:
    assert age_in_years(text) is None


def test_age_at_counts_days_between_dates() -> None:
    assert age_at("20200229", "20000229") == pytest.approx(20)


@pytest.mark.parametrize(("study", "birth"), [("", "20000101"), ("20200101", ""), ("20200101", "20210101"), ("x", "y")])
def test_age_at_is_none_without_two_dates_in_order(study: str, birth: str) -> None:
    assert age_at(study, birth) is None


@pytest.mark.parametrize(
    ("age", "group"), [(0.0, "0-17"), (17.9, "0-17"), (18.0, "18-39"), (64.99, "40-64"), (65.0, "65+"), (None, "")]
)
def test_age_group_holds_its_lower_bound_and_not_its_upper(age: float | None, group: str) -> None:
    assert age_group(age, (0, 18, 40, 65)) == group


def test_age_below_the_first_bound_has_no_group() -> None:
    assert age_group(10.0, (18, 65)) == ""
