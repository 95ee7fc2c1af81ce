"""What the images were like that a model was trained on: a few quantiles and shares, which lie beside the model.

External data is held against it. Nothing in it is about one patient: extremes are left out, rare values have no name.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from data_schemas import features

NUMBERS = (features.MEAN, features.STANDARD_DEVIATION, features.SHARPNESS, features.BORDER_SHARE, features.AGE_YEARS)
"""Features of which quantiles are kept; the mean and standard deviation of an image are its brightness and contrast."""
NAMES = (features.SEX, features.MANUFACTURER, features.VIEW, features.MODALITY)
"""Features of which shares are kept."""
LEVELS = tuple(level / 100 for level in range(5, 100, 5))
"""Of the quantiles: the 5 % at each end, where single patients are, are not kept."""
FEWEST = 10
"""A value of fewer patients than this is `RARE`."""
RARE = "other"


class Numbers(BaseModel):
    """One number of every image.

    Attributes:
        known: images on which it is known.
        quantiles: at `LEVELS`; empty where it is known of fewer than `FEWEST` patients.
    """

    model_config = ConfigDict(frozen=True)

    known: int
    quantiles: tuple[float, ...] = ()


class TrainingData(BaseModel):
    """The training split.

    Attributes:
        images, patients: how many.
        numbers: by feature of `NUMBERS`.
        shares: by feature of `NAMES`, each value's share of the images.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    patients: int
    numbers: dict[str, Numbers]
    shares: dict[str, dict[str, float]]
