"""Keeps what an upload holds as a case, and asks the model about it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from serving.gateway.intake import Taken
from serving.gateway.predictor import AtHand
from serving.gateway.principal import Principal
from serving.gateway.problems import ProblemError
from serving.gateway.schemas import Case, Declared
from serving.gateway.served_models import Current, ServedModel

if TYPE_CHECKING:
    from serving.gateway.context import Gateway


@dataclass(frozen=True)
class NewCase:
    """What is wanted of an upload.

    Attributes:
        model: the one to ask, now or later.
        predict: whether it is asked now.
        declared: what the caller states.
        sample: whether the gateway itself puts it in.
    """

    model: ServedModel
    predict: bool
    declared: Declared
    sample: bool = False


def keep_and_predict(
    gateway: Gateway, asked: NewCase, taken: Taken, current: Current | None, *, principal: Principal, request_id: str
) -> Case:
    """Returns the case; where the model server failed after it was kept, its status says so.

    Args:
        gateway: its parts.
        asked: what is wanted.
        taken: the images.
        current: the version that they were prepared for; None where no model is asked.
        principal: whose case it is.
        request_id: goes to the model server.
    """
    case_id = gateway.store.add_case(
        principal,
        model=asked.model.name,
        images=taken.images,
        rejected=taken.rejected,
        declared=_stated(asked.declared),
        sample=asked.sample,
        expires_at=_expiry(gateway.clock(), gateway.settings.retention_days),
    )
    case = gateway.store.case(case_id, principal, view=False)
    if current is None:
        return case
    at_hand = AtHand(current, taken.prepared)
    with suppress(ProblemError):  # the images are kept, and the case says that the prediction failed
        gateway.predictor.predict(
            case, principal, asked.model, declared=asked.declared, request_id=request_id, at_hand=at_hand
        )
    return gateway.store.case(case_id, principal, view=False)


def _stated(declared: Declared) -> Declared | None:
    return declared if declared != Declared() else None


def _expiry(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now + timedelta(days=days)
