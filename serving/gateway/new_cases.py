"""Makes a case of what an upload holds; the model is asked while the images are stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_schemas.task_file import task_to_json
from serving.gateway.asking import AtHand
from serving.gateway.intake import Taken
from serving.gateway.prepared import Prepared
from serving.gateway.principal import Principal
from serving.gateway.problems import ProblemError
from serving.gateway.schemas.cases import Case
from serving.gateway.schemas.predictions import Declared
from serving.gateway.served_models import Current, ServedModel
from serving.gateway.storage.documents import hidden
from serving.gateway.storage.new_case import Upload

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
        sent: whether the caller is sent what the model says.
    """

    model: ServedModel
    predict: bool
    declared: Declared
    sample: bool = False
    sent: bool = True


async def new_case(
    gateway: Gateway,
    asked: NewCase,
    files: Sequence[Path | None],
    folder: Path,
    *,
    principal: Principal,
    request_id: str,
) -> Case:
    """Returns the case of files, kept; where the model server failed after it was kept, its status says so.

    What takes time goes on at once. Files are read for the version that answered last, while the model server is asked
    which one is to be asked now; it is sent what was made of them while copies are stored. A version of another
    description is sent what is made anew.

    Args:
        gateway: its parts.
        asked: what is wanted.
        files: as they were received.
        folder: receives what is made of them.
        principal: whose case it is.
        request_id: goes to the model server.

    Raises:
        ProblemError: nothing was kept: the model server is away, too many are decoding, or the files are no case.
    """
    async with _confirmed(asked, request_id) as (likely, confirming):
        with gateway.decoding.admitted():
            examples: asyncio.Future[dict[int, Prepared]] = asyncio.get_running_loop().create_future()
            asking = asyncio.create_task(_at_hand(gateway, asked, likely, confirming, examples, request_id))
            asking.add_done_callback(_seen)
            try:
                taken = await gateway.intake.take_in(
                    files,
                    folder,
                    task=None if likely is None else task_to_json(likely.description.task),
                    declared=asked.declared,
                    examples=examples,
                )
                current = await confirming
                case = await asyncio.to_thread(_kept, gateway, asked, taken, principal)
                if current is None:
                    return case
                return await asyncio.to_thread(
                    _predicted, gateway, asked, case, await asking, principal=principal, request_id=request_id
                )
            finally:
                asking.cancel()


@asynccontextmanager
async def _confirmed(
    asked: NewCase, request_id: str
) -> AsyncIterator[tuple[Current | None, asyncio.Future[Current | None]]]:
    """Yields the version that is likely to be asked, and what will be the one that is; None where none is.

    Raises:
        ProblemError: the model server is away, and no version was known.
    """
    confirming = asyncio.ensure_future(_current(asked, request_id))
    confirming.add_done_callback(_seen)
    try:
        likely = asked.model.last if asked.predict else None
        yield likely or await confirming, confirming
    finally:
        confirming.cancel()


async def _current(asked: NewCase, request_id: str) -> Current | None:
    if not asked.predict:
        return None
    try:
        return await asyncio.to_thread(asked.model.current, request_id)
    except ProblemError:
        if asked.sample:
            return None
        raise


async def _at_hand(
    gateway: Gateway,
    asked: NewCase,
    likely: Current | None,
    confirming: asyncio.Future[Current | None],
    examples: asyncio.Future[dict[int, Prepared]],
    request_id: str,
) -> AtHand | None:
    """Returns what the model says of the files; None where they were read for what it is not."""
    made, current = await examples, await asyncio.shield(confirming)
    if likely is None or current is None or current.description != likely.description:
        return None
    return await asyncio.to_thread(gateway.predictor.at_hand, asked.model, current, made, request_id)


def _seen(done: asyncio.Future[Any]) -> None:
    """Looks at an error that nobody waits for any more, because another one came first."""
    if not done.cancelled():
        done.exception()


def _kept(gateway: Gateway, asked: NewCase, taken: Taken, principal: Principal) -> Case:
    upload = Upload(
        model=asked.model.name,
        images=taken.images,
        rejected=taken.rejected,
        declared=_stated(asked.declared),
        sample=asked.sample,
        expires_at=_expiry(gateway.clock(), gateway.settings.retention_days),
    )
    return gateway.store.cases.add(principal, upload)


def _predicted(
    gateway: Gateway, asked: NewCase, case: Case, at_hand: AtHand | None, *, principal: Principal, request_id: str
) -> Case:
    """Returns the case as it is once the model was asked; that it failed is what the case says then."""
    try:
        prediction, summary = gateway.predictor.predict(
            case,
            principal,
            asked.model,
            declared=asked.declared,
            request_id=request_id,
            at_hand=at_hand,
            sent=asked.sent,
        )
    except ProblemError:
        return gateway.store.cases.get(case.id, principal, view=False)
    said = case.model_copy(update={**dict(summary), "predictions": [prediction], "blind": not asked.sent})
    return said if asked.sent else hidden(said)


def _stated(declared: Declared) -> Declared | None:
    return declared if declared != Declared() else None


def _expiry(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now + timedelta(days=days)
