"""`restored.json` beside a version that a rollback published: whose model it is, and who brought it back."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from data_schemas.errors import ModelAltered
from data_schemas.model_files import ASSETS, RESTORED_FILE


class Restored(BaseModel):
    """What a version says that restores another one's model.

    Attributes:
        restores: the version that it was copied from.
        first_version: the version that a run pushed the model as; another one where that was restored itself.
        in_place_of: the version that was the newest before.
        by, role, statement: who brought it back, as what, and why, in their words.
        at: when, in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    restores: int
    first_version: int
    in_place_of: int
    by: str
    role: str
    statement: str
    at: datetime


def read_restored(version: Path) -> Restored | None:
    """Returns what a version says of whom it restores; None of one that a run pushed.

    Args:
        version: `OUTPUT/serving/TASK/VERSION`.

    Raises:
        ModelAltered: the file cannot be read.
    """
    path = version / ASSETS / RESTORED_FILE
    try:
        return Restored.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        raise ModelAltered(
            f"{path} cannot be read ({type(error).__name__}): put the version's files back from where they were pushed"
        ) from error
