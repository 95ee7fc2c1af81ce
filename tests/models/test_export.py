"""What the exported graph reads of a record beside its image."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.export import _headers


def _record(*ages: float, **texts: str) -> bytes:
    example = tf.train.Example()
    example.features.feature["age_years"].float_list.value.extend(ages)
    for name, text in texts.items():
        example.features.feature[name].bytes_list.value.append(text.encode())
    return example.SerializeToString()


@pytest.mark.parametrize(
    "ages", [[(5.0,), ()], [(), (5.0,)], [(), ()], [()], [(), (), (7.0,), ()], [(3.0, 4.0), ()]], ids=str
)
def test_every_record_has_one_age_or_none(ages: list[tuple[float, ...]]) -> None:
    read = tf.function(_headers)
    found = read(tf.constant([_record(*own) for own in ages]))["age_years"].numpy()
    np.testing.assert_array_equal(found, [own[0] if own else np.nan for own in ages])


def test_a_record_without_the_features_is_unknown() -> None:
    found = _headers(tf.constant([tf.train.Example().SerializeToString(), _record(modality="CR", view="PA")]))
    assert found["modality"].numpy().tolist() == [b"unknown", b"CR"]
    assert found["view"].numpy().tolist() == [b"unknown", b"PA"]
    assert np.isnan(found["age_years"].numpy()).all()
