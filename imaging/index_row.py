"""One row of the image index (`data_schemas.image_index`): a record without its pixels, and fingerprints of those."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas import features, image_index
from data_schemas.wire import example_pb2
from imaging.burned_in_text import AT_RISK, text_score
from imaging.content_hash import content_hash
from imaging.defined_terms import PHOTOMETRIC_INTERPRETATIONS
from imaging.fingerprints import border_features, perceptual_hash, shrunk_to_compare, thumbnail
from imaging.pseudonyms import Pseudonyms
from imaging.source import SourceHeader

IndexRow = dict[str, Any]

_LISTS = (features.FINDINGS,)


def index_row(
    example: example_pb2.Example,
    image: NDArray[np.uint16],
    *,
    header: SourceHeader,
    split: str,
    file_hash: str,
    pseudonyms: Pseudonyms,
) -> IndexRow:
    """Returns the row of one record.

    Args:
        example: the record, complete.
        image: its canonical image, (rows, columns).
        header: of its source.
        split: the split that it is in.
        file_hash: keyed hash of the file's bytes, and of the frame where each is an image.
        pseudonyms: keys the hash of the pixels too: a plain one would tell whoever has an image that it is in the data.
    """
    found = example.features.feature
    copied = {name: _value(name, found[name]) for name in found if name in image_index.COLUMNS or _is_extra(name)}
    small = shrunk_to_compare(image)
    pixels = content_hash(found[features.IMAGE].bytes_list.value[0])
    return copied | {
        image_index.SPLIT: split,
        image_index.FILE_HASH: file_hash,
        image_index.PIXEL_HASH: pseudonyms.pseudonym("pixels", pixels),
        image_index.PERCEPTUAL_HASH: perceptual_hash(small),
        image_index.THUMBNAIL: thumbnail(small),
        image_index.BORDER: border_features(image),
        image_index.TEXT_SCORE: text_score(image) if copied[features.MODALITY] in AT_RISK else None,
        image_index.PHOTOMETRIC: header.photometric if header.photometric in PHOTOMETRIC_INTERPRETATIONS else "",
        image_index.TRANSFER_SYNTAX: header.transfer_syntax,
    }


def _is_extra(name: str) -> bool:
    return name.startswith(features.extra_column(""))


def _value(name: str, feature: example_pb2.Feature) -> Any:
    """Returns a feature's value: its only one, None where there is none, or the list of those that are lists."""
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    if name in _LISTS:
        return values
    if not values:
        return None
    return values[0].decode("utf-8") if isinstance(values[0], bytes) else values[0]
