"""How a task's files become images: which frame, which intensities, which geometry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from data_schemas.strict import Positive, Strict, Text

FramePolicy = Literal["first", "middle", "every"]
"""Which frames of a file become examples; `every` makes one of each."""

Crop = Literal["none", "border", "collimation"]
"""What is cut off before anything else: nothing, constant borders, or what the header says that is collimated."""


class Window(Strict):
    """A CT window in Hounsfield units: shown linearly from center - width / 2 to center + width / 2."""

    center: float
    width: Positive


class Intensity(Strict):
    """How stored values become the canonical 16-bit image; `imaging.intensity` documents each policy.

    `voi` follows the file's VOI LUT or window (CR, DX, MG, XA), of several the first or the one that `voi_window` names
    by number or explanation; `full_range` stretches the stored range, `percentile` two percentiles of the image (MR,
    US); `hounsfield` keeps Hounsfield units + 32768 (CT), and the graph applies `windows`.
    """

    policy: Literal["voi", "full_range", "percentile", "hounsfield"] = "voi"
    voi_window: Annotated[int, Field(ge=1)] | Text = 1
    percentiles: tuple[Annotated[float, Field(ge=0, lt=100)], Annotated[float, Field(gt=0, le=100)]] = (1.0, 99.0)
    windows: tuple[Window, ...] = ()

    @model_validator(mode="after")
    def _windows_belong_to_hounsfield(self) -> Intensity:
        if (self.policy == "hounsfield") != bool(self.windows):
            raise ValueError(
                "`windows` belongs to `policy: hounsfield`, which needs at least one: give both or neither"
            )
        if self.percentiles[0] >= self.percentiles[1]:
            raise ValueError("`percentiles` must rise, e.g. [1, 99]")
        if self.voi_window != 1 and self.policy != "voi":
            raise ValueError("`voi_window` belongs to `policy: voi`: remove the line, or change the policy")
        return self


class Image(Strict):
    """Geometry: longest side of the canonical image, size of the network's input, frame, crop; and normalization."""

    max_side: Annotated[int, Field(ge=16, le=4096)] = 512
    size: tuple[Annotated[int, Field(ge=16, le=2048)], Annotated[int, Field(ge=16, le=2048)]] = (224, 224)
    frame: FramePolicy = "first"
    crop: Crop = "none"
    normalization: Literal["unit", "standardized"] = "unit"
