"""What readers say of a case."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from serving.gateway.schemas.base import Answer, Asked, Identifier


class FeedbackRequest(Asked):
    """What a reader says of a case.

    Attributes:
        kind: `opinion`: one's own `labels`, once and before all other feedback (`Feedback.blind` says whether before
            the model's say too); `agree`, `disagree`: with the
            prediction; `correct`: `labels` are the true ones.
        labels: names of the task's labels; of labels that exclude each other exactly one.
        prediction: the one that was seen; None for an opinion.
    """

    kind: Literal["opinion", "agree", "disagree", "correct"]
    labels: Annotated[list[str], Field(max_length=64)] = []  # noqa: RUF012  # pydantic copies it
    comment: Annotated[str, Field(max_length=2000)] = ""
    prediction: Identifier | None = None


class Feedback(Answer):
    """Feedback as it is kept; `author` is a keyed hash unless it is one's own.

    Attributes:
        blind: of an opinion whether nothing that a model said of the case had been sent to its author before; False
            also where that is not known.
    """

    id: Identifier
    created_at: datetime
    author: str
    mine: bool
    kind: Literal["opinion", "agree", "disagree", "correct"]
    labels: list[str]
    comment: str
    prediction: Identifier | None
    blind: bool
