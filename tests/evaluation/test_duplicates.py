from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evaluation.duplicates import MAX_DISTANCE, equal_groups, merged, near_groups

RNG = np.random.default_rng(1)


def _thumbnails(count: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (count, 256)).astype(np.uint8)


def test_equal_keys_are_grouped_in_the_order_of_their_first() -> None:
    assert equal_groups(["b", "a", "c", "a", "b", "a"]) == [(0, 4), (1, 3, 5)]


def test_a_near_hash_and_an_alike_thumbnail_make_a_group() -> None:
    hashes = np.array([0xFFFF, 0xFFFF ^ 0b1111, 0xFFFF ^ 0b11111, 2**63], np.uint64)
    thumbnails = _thumbnails(4)
    thumbnails[1] = thumbnails[0] // 2 + 30  # half the contrast correlates all the same
    thumbnails[2] = thumbnails[0]  # five bits away
    assert near_groups(hashes, thumbnails) == [(0, 1, 2)]  # the second and the third are one bit apart
    assert near_groups(hashes[[0, 2]], thumbnails[[0, 2]]) == []


def test_a_near_hash_alone_is_no_likeness() -> None:
    assert near_groups(np.zeros(5, np.uint64), _thumbnails(5)) == []


def test_images_without_contrast_resemble_none() -> None:
    assert near_groups(np.zeros(3, np.uint64), np.full((3, 256), 9, np.uint8)) == []


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=MAX_DISTANCE))
def test_no_pair_within_the_distance_is_missed(number: int, flipped: set[int]) -> None:
    other = number ^ sum(1 << bit for bit in flipped)
    thumbnail = _thumbnails(1)
    assert near_groups(np.array([number, other], np.uint64), np.concatenate([thumbnail, thumbnail])) == [(0, 1)]


def test_candidates_agree_with_comparing_every_pair() -> None:
    hashes = RNG.integers(0, 16, 300).astype(np.uint64) << np.uint64(20)  # sixteen hashes, at most four bits apart
    thumbnails = np.repeat(_thumbnails(100), 3, axis=0)
    assert near_groups(hashes, thumbnails) == [(n, n + 1, n + 2) for n in range(0, 300, 3)]


def test_no_image_has_no_group() -> None:
    assert near_groups(np.empty(0, np.uint64), np.empty((0, 256), np.uint8)) == []


def test_groups_that_share_an_image_are_merged() -> None:
    assert merged([(0, 1), (4, 5)], [(1, 2)], count=6) == [(0, 1, 2), (4, 5)]
