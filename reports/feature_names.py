"""What pages call the features of an image."""

from __future__ import annotations

_NAMES = {
    "mean": "brightness (mean)",
    "standard_deviation": "contrast (standard deviation)",
    "sharpness": "sharpness",
    "border_share": "border",
    "age_years": "age in years",
}


def feature_name(feature: str) -> str:
    """Returns what people call a feature of `data_schemas.features`."""
    return _NAMES.get(feature, feature.replace("_", " "))
