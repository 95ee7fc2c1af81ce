"""Whether what the gateway needs is there, and where its refusals are audited."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from serving.gateway.context import Gateway
from serving.gateway.middleware.refusals import Refusal
from serving.gateway.observability.health import Check
from serving.gateway.problems import UNAVAILABLE, ProblemError
from serving.gateway.storage.store import Store


def parts_checks(gateway: Gateway) -> Mapping[str, Check]:
    """Returns what `/readyz` asks."""
    # Threads of their own: those of the uploads may all be waiting.
    threads = ThreadPoolExecutor(3, thread_name_prefix="ready")

    def check(asked: Callable[[], bool]) -> Check:
        return lambda: asyncio.get_running_loop().run_in_executor(threads, asked)

    return {
        "storage": check(gateway.store.ready),
        "model_server": check(lambda: _model_server_answers(gateway)),
        "decoding": check(gateway.decoding.alive),
    }


def _model_server_answers(gateway: Gateway) -> bool:
    """Returns whether the model server answers for the model that is asked unless a request names another."""
    try:
        gateway.models.named(None).current(uuid.uuid4().hex)
    except ProblemError as error:
        return error.kind is not UNAVAILABLE
    return True


def refusal_audit(store: Store) -> Callable[[Refusal], None]:
    """Returns what writes a refusal to the audit log."""

    def audit(refusal: Refusal) -> None:
        details = {"status": refusal.status, "route": refusal.route, "request_id": refusal.request_id}
        store.audit.add(refusal.principal, "refused", "", details)

    return audit
