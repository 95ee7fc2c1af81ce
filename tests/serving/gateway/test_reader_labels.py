"""What readers said, as labels: the last word of each, what they agree in, and who saw the model's answer first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.gateway.reader_labels import CaseLabels, case_labels, flagged_labels
from tests.serving.gateway.reviewed_cases import ANY, ONE, at, case, predicted, said

FLAGGED, NOTHING = predicted("nodule"), predicted()


def labels_of(*reviews, predictions=(FLAGGED,), names=ONE, **options):
    found = case_labels(case(*reviews, predictions=predictions), names, **options)
    return found.labels if isinstance(found, CaseLabels) else found


def test_a_correction_gives_the_labels_that_it_names() -> None:
    assert labels_of(said("a", "correct", "cavity")) == ("cavity",)
    assert labels_of(said("a", "disagree", "cavity")) == ("cavity",)
    assert labels_of(said("a", "correct", "Mass", "Effusion"), names=ANY) == ("Effusion", "Mass")
    assert labels_of(said("a", "correct"), names=ANY) == ()


def test_agreement_gives_what_the_model_flagged_or_that_there_is_nothing() -> None:
    assert labels_of(said("a", "agree")) == ("nodule",)
    assert labels_of(said("a", "agree"), predictions=[NOTHING]) == ("normal",)
    assert labels_of(said("a", "agree"), predictions=[predicted(names=ANY)], names=ANY) == ()


def test_agreement_is_with_the_prediction_that_was_seen() -> None:
    later = predicted("cavity", minutes=5, version=2)
    first = said("a", "agree", prediction=FLAGGED.id)
    found = case_labels(case(first, predictions=[FLAGGED, later]), ONE)
    assert (found.labels, found.version) == (("nodule",), 1)
    unnamed = case_labels(case(said("a", "agree", minutes=3), predictions=[FLAGGED, later]), ONE)
    assert (unnamed.labels, unnamed.version) == (("nodule",), 1)


def test_what_gives_no_label_says_why() -> None:
    assert labels_of(said("a", "disagree")) == "disagree without labels"
    assert labels_of(said("a", "agree"), predictions=[predicted(withheld=True)]) == "agree, where no scores were shown"
    assert labels_of(said("a", "agree"), predictions=[]) == "agree, where no scores were shown"
    both = predicted("nodule", "cavity")
    assert labels_of(said("a", "agree"), predictions=[both]) == "agree, with no label or several flagged"
    assert labels_of(said("a", "correct", "wart")) == "labels that the task does not know"
    assert labels_of(said("a", "correct", "nodule", "cavity")) == "labels that the task does not know"
    assert labels_of(said("a", "correct")) == "labels that the task does not know"
    assert labels_of(said("a", "agree"), use="blind") == "no opinion before the model's"
    assert labels_of(said("a", "agree", minutes=10), since=at(11)) == "no review in the time"


def test_a_readers_last_word_counts() -> None:
    assert labels_of(said("a", "agree", minutes=3), said("a", "correct", "cavity", minutes=4)) == ("cavity",)
    assert labels_of(said("a", "correct", "cavity", minutes=4), said("a", "agree", minutes=3)) == ("cavity",)
    assert labels_of(said("a", "agree", minutes=3), said("a", "correct", "cavity", minutes=9), until=at(9)) == (
        "nodule",
    )


def test_an_opinion_given_blind_is_marked_and_kept_beside_the_last_word() -> None:
    opinion, last = said("a", "opinion", "cavity", minutes=0, blind=True), said("a", "agree", minutes=5)
    found = case_labels(case(opinion, last, predictions=[FLAGGED]), ONE)
    assert (found.labels, found.blind, found.opinion, found.basis) == (("nodule",), False, ("cavity",), "agree")
    alone = case_labels(case(opinion, predictions=[FLAGGED]), ONE)
    assert (alone.labels, alone.blind, alone.basis, alone.version) == (("cavity",), True, "opinion", None)
    blind = case_labels(case(opinion, last, predictions=[FLAGGED]), ONE, use="blind")
    assert (blind.labels, blind.blind) == (("cavity",), True)


def test_an_opinion_that_is_not_known_to_be_blind_is_a_label_and_no_blind_one() -> None:
    opinion, last = said("a", "opinion", "cavity", minutes=0), said("a", "agree", minutes=5)
    alone = case_labels(case(opinion, predictions=[FLAGGED]), ONE)
    assert (alone.labels, alone.blind, alone.opinion, alone.basis) == (("cavity",), False, None, "opinion")
    found = case_labels(case(opinion, last, predictions=[FLAGGED]), ONE)
    assert (found.labels, found.blind, found.opinion) == (("nodule",), False, None)
    assert labels_of(opinion, last, use="blind") == "no opinion before the model's"
    colleague = said("b", "opinion", "nodule", minutes=9, blind=True)
    assert labels_of(opinion, colleague, use="blind") == ("nodule",)


@pytest.mark.parametrize("blind", [True, False])
def test_who_disagrees_without_a_word_stands_by_the_opinion_given_before(blind) -> None:
    opinion, last = said("a", "opinion", "cavity", minutes=0, blind=blind), said("a", "disagree", minutes=5)
    found = case_labels(case(opinion, last, predictions=[FLAGGED]), ONE)
    assert (found.labels, found.blind, found.basis, found.version) == (("cavity",), blind, "opinion", 1)


def test_an_opinion_that_came_after_a_disagreement_says_nothing_of_it() -> None:
    last, later = said("a", "disagree", minutes=5), said("a", "opinion", "cavity", minutes=6)
    assert labels_of(last, later) == "disagree without labels"
    assert labels_of(last, later, use="blind") == "no opinion before the model's"
    between = [said("a", "opinion", "nodule", minutes=2, blind=True), last, later]
    assert labels_of(*between) == ("nodule",)
    assert labels_of(*between, use="blind") == ("nodule",)


def test_of_readers_who_agree_the_latest_says_whether_the_labels_are_blind() -> None:
    blind, seen = said("a", "opinion", "nodule", minutes=8, blind=True), said("b", "agree", minutes=9)
    found = case_labels(case(blind, seen, predictions=[FLAGGED]), ONE)
    assert (found.labels, found.blind, found.opinion, found.readers) == (("nodule",), False, None, 2)


def test_readers_who_disagree_are_left_out_or_outvoted() -> None:
    two = [said("a", "correct", "cavity"), said("b", "correct", "nodule")]
    assert labels_of(*two) == "readers disagree"
    assert labels_of(*two, conflicts="majority") == "readers disagree"  # one of two is no majority
    three = [*two, said("c", "agree", minutes=20)]
    assert labels_of(*three) == "readers disagree"
    found = case_labels(case(*three, predictions=[FLAGGED]), ONE, conflicts="majority")
    assert (found.labels, found.readers, found.others, found.at) == (("nodule",), 2, 1, at(20))


def test_a_disagreement_without_labels_contradicts_whoever_confirms_them_alone() -> None:
    assert labels_of(said("a", "agree"), said("b", "disagree")) == "readers disagree"
    assert labels_of(said("a", "correct", "cavity"), said("b", "disagree")) == ("cavity",)
    outvoted = [said("a", "agree"), said("b", "disagree"), said("c", "correct", "nodule")]
    assert labels_of(*outvoted, conflicts="majority") == ("nodule",)


@pytest.mark.parametrize(("names", "labels"), [(ONE, ("normal", "nodule", "cavity")), (ANY, ("Effusion", "Mass"))])
@given(data=st.data())
def test_labels_are_the_tasks_in_its_order_and_do_not_depend_on_the_readers_order(names, labels, data) -> None:
    reviews = data.draw(
        st.lists(
            st.builds(
                lambda author, kind, given, minutes, blind: said(author, kind, *given, minutes=minutes, blind=blind),
                st.sampled_from("abc"),
                st.sampled_from(["opinion", "agree", "disagree", "correct"]),
                st.lists(st.sampled_from([*labels, "wart"]), max_size=3),
                st.integers(2, 1000),
                st.booleans(),
            ),
            unique_by=lambda review: review.created_at,
        )
    )
    predictions = [predicted(*data.draw(st.lists(st.sampled_from(labels), max_size=2)), names=names)]
    for conflicts in ("leave-out", "majority"):
        found = case_labels(case(*reviews, predictions=predictions), names, conflicts=conflicts)
        again = case_labels(case(*reversed(reviews), predictions=predictions), names, conflicts=conflicts)
        assert found == again or (isinstance(found, str) and isinstance(again, str))
        if isinstance(found, CaseLabels):
            assert list(found.labels) == [name for name in names.names if name in found.labels]
            assert names.type == "multi_label" or len(found.labels) == 1
            assert found.readers >= 1 and found.readers + found.others <= 3


def test_flags_of_labels_without_a_no_finding_say_nothing_where_none_is_raised() -> None:
    names = ONE.model_copy(update={"no_finding": None})
    assert flagged_labels(predicted(names=names).findings, names) is None
