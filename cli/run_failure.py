"""What to tell of a run that ended where nobody foresaw it: a full disk, a locked database, damaged records."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import RadflowError

if TYPE_CHECKING:
    from pipeline.settings import PipelineSettings

_FULL = ("No space left on device", "database or disk is full")
_LITTLE = 16 << 20
"""Bytes; a disk with less is called full."""


def failure(error: Exception, settings: PipelineSettings, run_id: str, *, log: Path) -> RadflowError:
    """Returns the error to end the run with: what happened, and what to do next; a foreseen one itself, mostly.

    Args:
        error: what ended the pipeline.
        settings: of the run.
        run_id: its name.
        log: where the whole story is.
    """
    from pipeline.metadata_client import is_held

    errors = list(_chain(error))
    if any(_disk_full(one) for one in errors):
        full = _full_folder(settings.output)
        return RadflowError(
            f"{full} is full: make room there and run again, it goes on from what is done; the full log is {log}"
        )
    if isinstance(error, RadflowError):
        return error
    if any(is_held(one) for one in errors):
        return RadflowError(f"{settings.metadata.held()}, it goes on from what is done; the full log is {log}")
    damaged = _damaged(settings, run_id)
    if damaged:
        first = damaged[0].relative_to(settings.output)
        return RadflowError(
            f"files of records were damaged since they were written: {len(damaged)}, the first is {first}; they are "
            f"set aside: run again, and the images are read anew. Is a disk failing? The full log is {log}"
        )
    return RadflowError(f"{type(error).__name__} in the pipeline; the full log is {log}")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error, what it was raised from, and what was being handled then."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _disk_full(error: BaseException) -> bool:
    number = error.errno if isinstance(error, OSError) else None
    return number in (errno.ENOSPC, errno.EDQUOT) or any(text in str(error) for text in _FULL)


def _full_folder(output: Path) -> str:
    """Returns what to call the disk that is full."""
    for folder, name in (
        (output, f"the disk of {output}"),
        (Path(tempfile.gettempdir()), "the disk of temporary files"),
    ):
        if shutil.disk_usage(folder).free < _LITTLE:
            return f"{name} ({folder})" if folder != output else name
    return f"the disk of {output}, or its quota,"


def _damaged(settings: PipelineSettings, run_id: str) -> list[Path]:
    from pipeline.damaged_examples import set_aside_unreadable

    try:
        return set_aside_unreadable(settings, run_id)
    except Exception:  # noqa: BLE001  # whatever ended the run may be in the way of this too; it is told of instead
        return []
