"""The image index: one row an image with all but its pixels, which DicomExampleGen writes and DataCheck reads.

It lies beside the ingest report as Parquet, a file a shard, so that data checks read no image again. As in records, an
image is named by its manifest row and by keyed hashes alone. A column that a file leaves out is unknown throughout.
"""

from __future__ import annotations

from data_schemas import features

FILE_PATTERN = "images-*.parquet"
"""Glob of the index's files in the ingest report's artifact."""

SPLIT = "split"
"""string: one of `features.SPLITS`."""
FILE_HASH = "file_hash"
"""string: keyed hash of the file's bytes, and of the frame where each is an image; equal for identical files."""
PIXEL_HASH = "pixel_hash"
"""string: keyed hash of the canonical image; equal for files that differ in their header or compression alone."""
PERCEPTUAL_HASH = "perceptual_hash"
"""uint64: `imaging.fingerprints.perceptual_hash`; few bits differ between images that look alike."""
THUMBNAIL = "thumbnail"
"""binary: `imaging.fingerprints.thumbnail`, which confirms that two images of a near hash look alike."""
BORDER = "border"
"""list of float32: `imaging.fingerprints.border_features`."""
TEXT_SCORE = "text_score"
"""float32: burned-in text as `imaging.burned_in_text` scores it; NaN where it was not looked for."""
PHOTOMETRIC = "photometric"
"""string: Photometric Interpretation (0028,0004); empty for other files."""
TRANSFER_SYNTAX = "transfer_syntax"
"""string: Transfer Syntax UID (0002,0010); empty for other files."""

COLUMNS: dict[str, str] = {
    features.MANIFEST_ROW: "int64",
    features.FRAME: "int64",
    SPLIT: "string",
    features.PATIENT: "string",
    features.STUDY: "string",
    features.EXAMPLE_ID: "string",
    FILE_HASH: "string",
    PIXEL_HASH: "string",
    PERCEPTUAL_HASH: "uint64",
    THUMBNAIL: "binary",
    BORDER: "list<float32>",
    TEXT_SCORE: "float32",
    features.LABEL: "string",
    features.FINDINGS: "list<int8>",
    features.SEX: "string",
    features.AGE_YEARS: "float32",
    features.AGE_GROUP: "string",
    features.MODALITY: "string",
    features.VIEW: "string",
    features.MANUFACTURER: "string",
    features.SITE: "string",
    **dict.fromkeys(features.QUALITY, "float32"),
    features.SOURCE_ROWS: "int64",
    features.SOURCE_COLUMNS: "int64",
    features.BITS_STORED: "int64",
    PHOTOMETRIC: "string",
    TRANSFER_SYNTAX: "string",
}
"""Column -> type. The task's extra columns follow as strings, named by `features.extra_column`. Missing strings are
`features.UNKNOWN` (labels: empty), missing numbers NaN."""
