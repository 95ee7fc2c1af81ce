"""What the API says of a case that a model was asked about: findings, scope, what withholds scores, and a note."""

from __future__ import annotations

from datetime import datetime

from data_schemas.served_evaluation import ServedEvaluation
from serving.gateway.asking import Asked
from serving.gateway.findings import findings_of, highest_by_finding, scope_of
from serving.gateway.model_note import NOTE
from serving.gateway.schemas.cases import Case
from serving.gateway.schemas.models import ModelVersion
from serving.gateway.schemas.predictions import Declared, Finding, ImagePrediction, Prediction, Withheld, WithheldCode
from serving.gateway.storage.new_case import new_id
from serving.gateway.withholding import (
    ORDER,
    facts_used,
    refusal_code,
    refused_scope,
    scope_codes,
    sentence,
    withheld,
)


def prediction_of(
    asked: Asked,
    case: Case,
    declared: Declared,
    *,
    version: ModelVersion,
    evaluation: ServedEvaluation | None,
    policy: frozenset[WithheldCode],
    at: datetime,
) -> Prediction:
    """Returns the prediction that a case is given.

    Args:
        asked: what was learnt of the case.
        case: with its images.
        declared: all that was stated of it.
        version: who answered.
        evaluation: its test results; None where they are not known.
        policy: the codes that withhold scores.
        at: the time.
    """
    description = asked.current.description
    codes = _codes(asked, declared, case)
    against = codes & (policy | _never_shown(asked))
    shown = not against
    return Prediction(
        id=new_id(),
        created_at=at,
        model=version,
        unit=description.task.unit,
        withheld=_withheld(asked, against, declared, case) if against else None,
        findings=_case_findings(asked, evaluation, shown=shown),
        images=_images(asked, declared, evaluation, shown=shown),
        coverage=None if description.conformal is None else description.conformal.coverage,
        calibrated=description.calibrated,
        not_assessable=[] if evaluation is None else list(evaluation.not_assessable),
        intended_use=description.task.intended_use,
        note=_note(asked, codes - against, shown=shown),
    )


def _codes(asked: Asked, declared: Declared, case: Case) -> frozenset[WithheldCode]:
    """Returns all that speaks against the scores of a case.

    An image that the task refuses is left out where others are left, as `radflow predict` does; one that the model was
    sent and that does not fit speaks against the whole case, for its score is in it.
    """
    description = asked.current.description
    found: set[WithheldCode] = set()
    for one in asked.judged:
        found |= scope_codes(scope_of(one.row, description, facts_used(one.image, declared)))
    if not asked.judged:
        found |= {refusal_code(one.refusal) for one in asked.refused}
    if any(image.burned_in_text for image in case.image_list):
        found.add("burned_in_text")
    return frozenset(found)


def _never_shown(asked: Asked) -> frozenset[WithheldCode]:
    """Returns the codes of a case of which the model was sent nothing: whatever the policy, there are no scores."""
    return frozenset() if asked.judged else frozenset(refusal_code(one.refusal) for one in asked.refused)


def _withheld(asked: Asked, codes: frozenset[WithheldCode], declared: Declared, case: Case) -> Withheld:
    used = {fact for image in case.image_list for fact in facts_used(image, declared)}
    refusals = [one.refusal for one in asked.refused]
    return withheld(codes, asked.current.description.task, refusals=refusals, used=used)


def _case_findings(asked: Asked, evaluation: ServedEvaluation | None, *, shown: bool) -> list[Finding]:
    description = asked.current.description
    if asked.study is not None or not asked.judged:
        return findings_of(asked.study, description, evaluation, shown=shown)
    rows = [one.row for one in asked.judged]
    highest = highest_by_finding(rows, description)
    by_image = {index: findings_of(rows[index], description, evaluation, shown=shown) for index in set(highest)}
    return [by_image[index][label] for label, index in enumerate(highest)]


def _images(
    asked: Asked, declared: Declared, evaluation: ServedEvaluation | None, *, shown: bool
) -> list[ImagePrediction]:
    description = asked.current.description
    judged = [
        ImagePrediction(
            image=one.image.id,
            frame=one.frame.number,
            scope=scope_of(one.row, description, facts_used(one.image, declared)),
            findings=findings_of(one.row, description, evaluation, shown=shown),
        )
        for one in asked.judged
    ]
    refused = [
        ImagePrediction(
            image=one.image.id,
            frame=1,
            scope=refused_scope(one.refusal, description, one.image, facts_used(one.image, declared)),
            findings=[],
        )
        for one in asked.refused
    ]
    return judged + refused


def _note(asked: Asked, said: frozenset[WithheldCode], *, shown: bool) -> str:
    """Returns what is to be shown with a prediction beyond its fields."""
    task = asked.current.description.task
    parts = [NOTE]
    if asked.judged:
        parts += [f"Image {one.image.file} was left out: {one.refusal.reason}." for one in asked.refused]
    if shown:
        parts += [f"Mind that {sentence(code, task)}." for code in ORDER if code in said]
    if shown and len(asked.judged) > 1 and task.unit == "image":
        parts.append(
            "Each finding is that of the image that scores highest for it. The set's coverage and the test results "
            "hold for one image: of several, some flag is more likely than of one."
        )
    return " ".join(parts)
