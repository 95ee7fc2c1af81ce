"""Names of the features of a serialized `tf.Example`, the one record that training and serving share.

`imaging.example` writes them, `data_schemas/base_schema.pbtxt` constrains them, `models.preprocessing` reads them.
Strings are UTF-8 bytes; a string that is not known is `UNKNOWN`, a number that is not known is an empty list.
"""

IMAGE = "image"
"""bytes [1]: the canonical image, a 16-bit grayscale PNG, (rows, columns) uint16, longest side at most `max_side`."""

EXAMPLE_ID = "example_id"
"""bytes [1]: keyed hash of the image's identity; what logs, metrics and reports call an image."""
MANIFEST_ROW = "manifest_row"
"""int64 [1]: the row of the manifest (the first data row is 1), 0 when serving."""
FRAME = "frame"
"""int64 [1]: the frame of the file, as DICOM counts them (0008,1160): the first is 1."""
PATIENT = "patient"
"""bytes [1]: keyed pseudonym of the patient key."""
STUDY = "study"
"""bytes [1]: keyed pseudonym of the study."""

LABEL = "label"
"""bytes [1], multi-class tasks: the label's name. Absent when serving."""
FINDINGS = "findings"
"""int64 [labels], multi-label tasks: 1 present, 0 absent, -1 unknown, in the task's order. Absent when serving."""

SEX = "sex"
"""bytes [1]: M, F, O or unknown (DICOM 0010,0040)."""
AGE_YEARS = "age_years"
"""float [0..1]: age in years (DICOM 0010,1010)."""
AGE_GROUP = "age_group"
"""bytes [1]: `[lower, upper)` years as the task bounds them, e.g. `40-64`, `65+`, or unknown."""
MODALITY = "modality"
"""bytes [1]: DICOM 0008,0060."""
VIEW = "view"
"""bytes [1]: DICOM View Position 0018,5101."""
MANUFACTURER = "manufacturer"
"""bytes [1]: DICOM 0008,0070, upper case."""
SITE = "site"
"""bytes [1]: the manifest's site."""

MEAN = "mean"
"""float [1]: mean of the canonical image, 0..1 (65535 is 1)."""
STANDARD_DEVIATION = "standard_deviation"
"""float [1]: standard deviation of the canonical image, in the same unit."""
CHANNEL_MEAN = "channel_mean"
"""float [channels]: mean of each network channel (each CT window, else the one image), 0..1, before padding."""
CHANNEL_MEAN_SQUARE = "channel_mean_square"
"""float [channels]: mean of the squares of each network channel, 0..1, before padding."""
SATURATION = "saturation"
"""float [1]: share of pixels at the canonical image's own minimum or maximum, 0..1."""
BORDER_SHARE = "border_share"
"""float [1]: share of rows and columns at the edges that are constant, 0..1."""
SHARPNESS = "sharpness"
"""float [1]: standard deviation of the Laplacian of the canonical image, scaled by 65535."""
SOURCE_ROWS = "source_rows"
"""int64 [1]: rows of the source image, before the resize to `max_side`."""
SOURCE_COLUMNS = "source_columns"
"""int64 [1]: columns of the source image, before the resize to `max_side`."""
BITS_STORED = "bits_stored"
"""int64 [1]: bits stored of the source image (DICOM 0028,0101; the sample depth of a PNG or JPEG)."""

UNKNOWN = "unknown"

HEADER_SLICES = (SEX, AGE_GROUP, MANUFACTURER, MODALITY, SITE, VIEW)
"""Features that a task may slice by without naming a manifest column."""

QUALITY = (MEAN, STANDARD_DEVIATION, SATURATION, BORDER_SHARE, SHARPNESS)
"""Scalar float features of every image."""

TRANSFORMED_IMAGE = "image_xf"
"""float32 (rows, columns, channels), 0..1 or standardized: what the network sees."""
TRANSFORMED_LABEL = "label_xf"
"""int64 [1] index into the task's labels (multi-class) or float32 [labels], -1 unknown (multi-label)."""

SPLITS = ("train", "eval", "calibration", "test")
"""Disjoint by patient: train fits, eval stops and tunes, calibration calibrates, test judges."""


def extra_column(name: str) -> str:
    """Returns the feature that holds the manifest column `name`, for columns that a task names in its slices."""
    return f"column_{name}"


def slice_feature(name: str) -> str:
    """Returns the feature that a task's slice `name` reads: a header feature, or a manifest column."""
    return name if name in HEADER_SLICES else extra_column(name)
