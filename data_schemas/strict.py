"""What every part of a task is made of: unknown keys refused, values that never change, numbers that are numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

Path = tuple[str | int, ...]
"""Keys and places in lists that lead to a value, e.g. `("gates", 0, "min")`."""


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank; write something")
    return text


Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Text = Annotated[str, AfterValidator(_not_blank)]


@dataclass(frozen=True)
class Problem:
    """Values that are each what they should be, and do not go together.

    Attributes:
        path: of the one to change.
        message: what is wrong, and how to mend it.
        about: paths of everything that the message rests on, besides `path`.
    """

    path: Path
    message: str
    about: tuple[Path, ...] = ()

    def beneath(self, *parents: str | int) -> Problem:
        """Returns the same problem as it is seen from further up."""
        return Problem((*parents, *self.path), self.message, tuple((*parents, *path) for path in self.about))


class ClashError(ValueError):
    """One or more problems, all at once."""

    def __init__(self, found: Sequence[Problem]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(problem.message for problem in found))


class Strict(BaseModel):
    """A part of a task."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


APART: dict[str, Any] = {"apart": True}
"""Context of a validation that looks at each value for itself, and lets pass what does not go together."""


def refuse(found: Sequence[Problem], info: ValidationInfo) -> None:
    """Refuses what does not go together, unless values are looked at apart.

    Raises:
        ClashError: all of them.
    """
    if found and info.context is not APART:
        raise ClashError(found)
