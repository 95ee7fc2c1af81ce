"""Parameters in the path of an address."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

_RANDOM = r"^[0-9a-f]{32}$"

CaseId = Annotated[str, Path(pattern=_RANDOM, description="of a case", examples=["3f0e6a1c9d5b4f7e8a2c1b0d9e8f7a6b"])]
ImageId = Annotated[
    str, Path(pattern=_RANDOM, description="of an image", examples=["a6b7c8d9e0f1a2b3c4d5e6f708192a3b"])
]
