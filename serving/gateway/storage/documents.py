"""Rows as the API's documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from serving.gateway.principal import Principal
from serving.gateway.schemas.cases import Case, CaseStatus, CaseSummary
from serving.gateway.schemas.feedback import Feedback
from serving.gateway.schemas.images import Image, RejectedFile
from serving.gateway.schemas.predictions import Declared, Prediction
from serving.gateway.storage.tables import CaseRow, FeedbackRow, ImageRow, PredictionRow

_HIDDEN: Mapping[str, object] = {"flagged": [], "urgency": None, "withheld": []}
"""In a row without what a model said."""


def summary(row: CaseRow) -> CaseSummary:
    """Returns a case as a row of the worklist."""
    return CaseSummary.model_validate(_summary_fields(row))


def case(
    row: CaseRow,
    *,
    images: Sequence[ImageRow],
    predictions: Sequence[PredictionRow],
    feedback: Sequence[FeedbackRow],
    principal: Principal,
    blind: bool,
) -> Case:
    """Returns a case with all that belongs to it, oldest first, as `principal` sees it, who is `blind` or not."""
    return Case.model_validate(
        {
            **_summary_fields(row),
            "image_list": [image(one) for one in images],
            "rejected": [RejectedFile.model_validate(one) for one in row.rejected],
            "declared": None if row.declared is None else Declared.model_validate(row.declared),
            "predictions": [prediction(one) for one in predictions],
            "feedback": [opinion(one, principal) for one in feedback],
            "blind": blind,
        }
    )


def hidden(case: Case) -> Case:
    """Returns a case without what a model said of it, and without what others said, who may have seen that."""
    own = [one for one in case.feedback if one.mine]
    return case.model_copy(update={**_HIDDEN, "status": _hidden_status(case), "predictions": [], "feedback": own})


def hidden_summary(row: CaseSummary) -> CaseSummary:
    """Returns a row of the worklist without what a model said of the case."""
    return row.model_copy(update={**_HIDDEN, "status": _hidden_status(row)})


def tells(row: CaseSummary) -> bool:
    """Returns whether a row of the worklist tells what a model said."""
    return row.status in ("predicted", "withheld")


def _hidden_status(row: CaseSummary) -> CaseStatus:
    return "hidden" if tells(row) else row.status


def image(row: ImageRow) -> Image:
    """Returns an image, under the id that the store gave it."""
    return Image.model_validate({**row.document, "id": row.id})


def prediction(row: PredictionRow) -> Prediction:
    """Returns a prediction."""
    return Prediction.model_validate(row.document)


def opinion(row: FeedbackRow, principal: Principal) -> Feedback:
    """Returns feedback, and whether it is the principal's own."""
    return Feedback.model_validate(
        {
            "id": row.id,
            "created_at": row.created_at,
            "author": row.author,
            "mine": row.author == principal.subject,
            "kind": row.kind,
            "labels": row.labels,
            "comment": row.comment,
            "prediction": row.prediction_id,
            "blind": row.blind is True,
        }
    )


def _summary_fields(row: CaseRow) -> dict[str, object]:
    return {
        "id": row.id,
        "number": row.number,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "status": row.status,
        "model": row.model,
        "modality": row.modality,
        "images": row.image_count,
        "flagged": row.flagged,
        "urgency": row.urgency,
        "withheld": row.withheld,
        "read": row.read,
        "sample": row.sample,
        "thumbnail": row.thumbnail,
    }
