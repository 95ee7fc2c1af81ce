"""What every part of a task is made of: unknown keys refused, values that never change, numbers that are numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """A part of a task."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
