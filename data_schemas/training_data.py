"""What the images were like that a model was trained on: a few quantiles and shares, which lie beside the model.

External data is held against it. Nothing in it is about one patient: extremes are left out, rare values have no name.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from data_schemas import features
from data_schemas.errors import ModelAltered
from data_schemas.model_files import ASSETS, TRAINING_DATA_FILE

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


def read_served_training_data(version_dir: Path) -> TrainingData | None:
    """Returns what a pushed version's training images were like; None for one that does not say.

    Args:
        version_dir: `OUTPUT/serving/TASK/VERSION`.

    Raises:
        ModelAltered: the file is there and is not what the Trainer writes.
    """
    path = version_dir / ASSETS / TRAINING_DATA_FILE
    try:
        return TrainingData.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        raise ModelAltered(
            f"{path} cannot be read ({type(error).__name__}): put the version's files back from where they were pushed"
        ) from error
