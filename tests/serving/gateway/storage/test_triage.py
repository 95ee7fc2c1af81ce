"""Urgency is worked out by hand, and the order of the worklist is as it was decided."""

import math

import pytest

from serving.gateway.storage.triage import flagged, place, urgency
from tests.serving.gateway.storage.examples import finding


def test_urgency_is_the_distance_from_the_operating_point_in_log_odds():
    assert urgency([finding(probability=0.8, operating_point=0.5)]) == pytest.approx(math.log(4))
    # 2 % at 1 %: odds 1/49 over 1/99
    assert urgency([finding(probability=0.02, operating_point=0.01)]) == pytest.approx(math.log(99 / 49))


def test_the_most_urgent_finding_counts_and_its_absence_does_not():
    findings = [finding(probability=0.6), finding(probability=0.9), finding(probability=0.99, is_finding=False)]
    assert urgency(findings) == pytest.approx(math.log(9))


def test_certainty_has_an_end():
    assert urgency([finding(probability=1.0, operating_point=0.0)]) == pytest.approx(2 * math.log(999_999))


def test_without_scores_there_is_no_urgency():
    assert urgency([]) is None
    assert urgency([finding(probability=None, flagged=None)]) is None


def test_flagged_are_findings_in_their_order():
    findings = [finding("b"), finding("none", is_finding=False), finding("a"), finding("c", flagged=False)]
    assert flagged(findings) == ["b", "a"]


def test_triage_order():
    def case(status="predicted", *, flag=False, urgency=None, read=False):
        return place(read=read, status=status, flagged=flag, urgency=urgency)

    order = [
        case(flag=True, urgency=2.0),
        case(flag=True, urgency=0.1),
        case("failed"),
        case(urgency=-3.0),
        case(read=True, flag=True, urgency=9.0),
        case("withheld", read=True),
        case("uploaded", read=True),
    ]
    assert order == sorted(order, reverse=True) and len(set(order)) == len(order)
    assert case("withheld") == case("failed") and case(urgency=-3.0) == case("uploaded") == case(urgency=-9.0)
