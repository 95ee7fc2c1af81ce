"""What readers said of a case, as the labels to train on: of each reader the last word, of several what they agree in.

A label that was given with the model's answer in view is not independent of it; `blind` says which is known not to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from data_schemas.task import Labels
from serving.gateway.schemas.predictions import Finding, Prediction
from serving.gateway.storage.reviewed import Review, ReviewedCase

Basis = Literal["correct", "agree", "disagree", "opinion"]
Use = Literal["final", "blind"]
Conflicts = Literal["leave-out", "majority"]
LeftOut = Literal[
    "disagree without labels", "agree, where no scores were shown", "agree, with no label or several flagged",
    "labels that the task does not know", "readers disagree", "no opinion before the model's", "no review in the time",
]  # fmt: skip
"""Why a case has no labels."""


@dataclass(frozen=True)
class CaseLabels:
    """The labels of a case.

    Attributes:
        labels: names of those that hold, in the task's order; exactly one of labels that exclude each other.
        basis: of the review that they are taken from, the latest of those that agree.
        blind: whether they are those of a blind opinion: given before the model's answer was sent to the reader.
        opinion: the same reader's blind opinion; None where there is none.
        at: when they were given.
        version: of the model that was judged; None for an opinion, which judges none.
        readers: how many gave these labels; `others`: how many gave another or none.
    """

    labels: tuple[str, ...]
    basis: Basis
    blind: bool
    opinion: tuple[str, ...] | None
    at: datetime
    version: int | None
    readers: int
    others: int = 0


@dataclass(frozen=True)
class _Word:
    """One reader's: labels, or why there are none.

    Attributes:
        review: that says it last.
        source: that the labels are of: the same, but of a disagreement without labels the opinion before it.
        opinion: the labels of the reader's blind opinion.
        denied: those that a disagreement rules out.
    """

    labels: tuple[str, ...] | None
    review: Review
    source: Review
    why_not: LeftOut | None = None
    opinion: tuple[str, ...] | None = None
    denied: tuple[str, ...] | None = None


def case_labels(
    case: ReviewedCase,
    task_labels: Labels,
    *,
    use: Use = "final",
    conflicts: Conflicts = "leave-out",
    since: datetime | None = None,
    until: datetime | None = None,
) -> CaseLabels | LeftOut:
    """Returns a case's labels, or why it has none.

    `correct` gives the labels that it names, and so does `disagree` where it names some. `agree` gives what the model
    flagged. An opinion is used where its reader said no more, or disagreed after it without a word on what is right.

    Args:
        case: with reviews and predictions.
        task_labels: the task's.
        use: `blind` takes blind opinions alone, which no answer of the model has touched.
        conflicts: between readers: `leave-out` the case, or take what the `majority` of all of them says.
        since: only what was said from then on.
        until: only what was said before.
    """
    reviews = [one for one in case.reviews if _within(one.created_at, since, until)]
    if not reviews:
        return "no review in the time"
    by_reader: dict[str, list[Review]] = {}
    for review in sorted(reviews, key=lambda one: one.created_at):
        by_reader.setdefault(review.author, []).append(review)
    words = [_last_word(said, case.predictions, task_labels, use) for said in by_reader.values()]
    return _together([word for word in words if word is not None], case.predictions, conflicts)


def _within(at: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)


def _last_word(said: Sequence[Review], predictions: Sequence[Prediction], names: Labels, use: Use) -> _Word | None:
    """Returns what a reader said last; `said` is oldest first. None where blind ones are asked for, and there is none.

    Opinions that came after a judgement, or several of a reader, are from before the gateway refused them.
    """
    opinions = [one for one in said if one.kind == "opinion"]
    blind = next((_word_of_labels(one, names) for one in opinions if one.blind), None)
    if use == "blind":
        found = blind
    else:
        judged = [one for one in said if one.kind != "opinion"]
        last = (judged or opinions)[-1]
        before = [one for one in opinions if one.created_at < last.created_at]
        found = _word(last, before[-1] if before else None, predictions, names)
    return None if found is None else replace(found, opinion=None if blind is None else blind.labels)


def _word(last: Review, before: Review | None, predictions: Sequence[Prediction], names: Labels) -> _Word:
    """Returns what a review says; `before` is the opinion that the same reader gave before it."""
    if last.kind == "agree":
        return _agreed(last, _seen(last, predictions), names)
    if last.kind == "disagree" and not last.labels:
        return _disagreed(last, before, _seen(last, predictions), names)
    return _word_of_labels(last, names)


def _word_of_labels(review: Review, names: Labels) -> _Word:
    given = tuple(name for name in names.names if name in review.labels)
    known = len(given) == len(set(review.labels))
    if not known or (names.type == "multi_class" and len(given) != 1):
        return _Word(None, review, review, "labels that the task does not know")
    return _Word(given, review, review)


def _agreed(review: Review, seen: Prediction | None, names: Labels) -> _Word:
    if seen is None or _withheld(seen):
        return _Word(None, review, review, "agree, where no scores were shown")
    labels = flagged_labels(seen.findings, names)
    if labels is None:
        return _Word(None, review, review, "agree, with no label or several flagged")
    return _Word(labels, review, review)


def _disagreed(review: Review, before: Review | None, seen: Prediction | None, names: Labels) -> _Word:
    denied = None if seen is None or _withheld(seen) else flagged_labels(seen.findings, names)
    own = None if before is None else _word_of_labels(before, names).labels
    if before is None or own is None:
        return _Word(None, review, review, "disagree without labels", denied=denied)
    return _Word(own, review, before, denied=denied)


def flagged_labels(findings: Sequence[Finding], names: Labels) -> tuple[str, ...] | None:
    """Returns the labels that a model's flags say hold.

    Of labels that exclude each other: the one that is flagged, or "no finding" where none is; None where several are,
    or none and the task has no such label.
    """
    flagged = {one.name for one in findings if one.flagged and one.name in names.findings}
    labels = tuple(name for name in names.names if name in flagged)
    if names.type == "multi_label" or len(labels) == 1:
        return labels
    return (names.no_finding,) if not labels and names.no_finding is not None else None


def _withheld(prediction: Prediction) -> bool:
    return prediction.withheld is not None


def _seen(review: Review, predictions: Sequence[Prediction]) -> Prediction | None:
    """Returns the prediction that a review names, or else the last one before it."""
    named = [one for one in predictions if one.id == review.prediction]
    before = [one for one in predictions if one.created_at <= review.created_at]
    return next(iter(named or before[-1:]), None)


def _together(words: Sequence[_Word], predictions: Sequence[Prediction], conflicts: Conflicts) -> CaseLabels | LeftOut:
    """Returns what readers agree in; one who disagrees with the very labels that another confirms contradicts them."""
    if not words:
        return "no opinion before the model's"
    votes = Counter(word.labels for word in words if word.labels is not None)
    if not votes:
        return next(word.why_not for word in words if word.why_not is not None)
    labels, count = votes.most_common(1)[0]
    against = len(words) - count
    contradicted = len(votes) > 1 or any(word.labels is None and word.denied == labels for word in words)
    if contradicted and (conflicts == "leave-out" or 2 * count <= len(words)):
        return "readers disagree"
    chosen = max((word for word in words if word.labels == labels), key=lambda word: word.review.created_at)
    review = chosen.review
    seen = None if review.kind == "opinion" else _seen(review, predictions)
    return CaseLabels(
        labels=labels,
        basis=chosen.source.kind,
        blind=chosen.source.blind,
        opinion=chosen.opinion,
        at=review.created_at,
        version=None if seen is None else seen.model.version,
        readers=count,
        others=against,
    )
