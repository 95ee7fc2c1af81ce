"""What a run that ended where nobody foresaw it says: what happened, and what to do next."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.run_failure import failure
from data_schemas.errors import ConfigurationError
from pipeline.metadata_database import MetadataDatabase

LOG = Path("/out/logs/run.log")


def said(error: Exception, tmp_path: Path) -> str:
    settings = SimpleNamespace(output=tmp_path, metadata=MetadataDatabase(tmp_path / "metadata.sqlite"))
    return str(failure(error, settings, "run", log=LOG))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("in a worker of Beam: [Errno 28] No space left on device [while running 'DecodeAndWrite']"),
        ValueError("INTERNAL: database or disk is full"),
    ],
)
def test_a_full_disk_is_named_whoever_noticed_it(error: Exception, tmp_path: Path) -> None:
    text = said(error, tmp_path)
    assert "full" in text and "run again" in text and str(tmp_path) in text and str(LOG) in text


def test_what_was_noticed_first_counts_not_what_went_wrong_after_it(tmp_path: Path) -> None:
    error = RuntimeError("the failure could not be recorded")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device")
    assert "full" in said(error, tmp_path)


def test_a_database_that_another_program_holds_is_named(tmp_path: Path) -> None:
    text = said(RuntimeError("Concurrent writes aborted after max number of retries."), tmp_path)
    assert "another program holds the metadata store" in text and "run again" in text


def test_anything_else_is_in_the_log(tmp_path: Path) -> None:
    assert said(KeyError("patient"), tmp_path) == f"KeyError in the pipeline; the full log is {LOG}"


def test_a_foreseen_error_stays_as_it_is_unless_a_full_disk_is_behind_it(tmp_path: Path) -> None:
    settings = SimpleNamespace(output=tmp_path, metadata=None)
    foreseen = ConfigurationError("the metadata store cannot be used")
    assert failure(foreseen, settings, "run", log=LOG) is foreseen  # type: ignore[arg-type]
    foreseen.__cause__ = RuntimeError("INTERNAL: database or disk is full")
    assert "full" in said(foreseen, tmp_path)
