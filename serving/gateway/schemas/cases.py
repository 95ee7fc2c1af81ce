"""Cases and the worklist."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from serving.gateway.schemas.base import Answer, Identifier
from serving.gateway.schemas.feedback import Feedback
from serving.gateway.schemas.images import Image, RejectedFile
from serving.gateway.schemas.predictions import Declared, Prediction, WithheldCode

CaseStatus = Literal["uploaded", "predicted", "withheld", "failed", "hidden"]


class CaseSummary(Answer):
    """A row of the worklist.

    Attributes:
        number: counts the cases of a group from 1, to name one aloud.
        status: `uploaded`: not predicted yet; `withheld`: the model has no say on it; `failed`: the model server was
            away or refused; `hidden`: predicted or withheld, where `predictions=false` asked not to be told which.
        flagged: findings at or above their operating point, in the latest prediction.
        urgency: highest of score over operating point among findings, on the log-odds scale; None without scores.
        read: whether somebody left feedback.
        sample: whether the gateway itself put the case there, to try.
    """

    id: Identifier
    number: int
    created_at: datetime
    expires_at: datetime | None
    status: CaseStatus
    model: str
    modality: str
    images: int
    flagged: list[str]
    urgency: float | None
    withheld: list[WithheldCode]
    read: bool
    sample: bool = False
    thumbnail: Identifier | None = None


class Case(CaseSummary):
    """A study that was uploaded, with its images, predictions and feedback, oldest first.

    Attributes:
        predictions, feedback: with `predictions=false` no prediction, and of feedback only one's own.
        blind: whether the one who asks was never sent, this answer included, anything that a model said of the case.
    """

    image_list: list[Image]
    rejected: list[RejectedFile]
    declared: Declared | None
    predictions: list[Prediction]
    feedback: list[Feedback]
    blind: bool


class CaseList(Answer):
    """A page of the worklist; `next` is the cursor of the next one."""

    cases: list[CaseSummary]
    total: int
    next: str | None = None
