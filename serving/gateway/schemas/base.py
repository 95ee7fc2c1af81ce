"""What every message of the API is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""Random, so that it tells nothing of what it names."""
Check = Literal["match", "mismatch", "unknown"]


class Answer(BaseModel):
    """Root of everything that is answered."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(BaseModel):
    """Root of everything that is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Interval(Answer):
    """An estimate with its 95 % interval over patients; where `value` is None, `note` says why."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    patients: int | None = None
    note: str = ""
