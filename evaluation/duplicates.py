"""Images that stand in a data set more than once: the same, or nearly the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MAX_DISTANCE = 4
"""Bits of a perceptual hash. Of films saved again as JPEG, halved, noisier or brighter, 99 % differ in 2 at most."""
MIN_CORRELATION = 0.99
"""Of two thumbnails. Among 13.7 million pairs of different chest films (Kermany et al. 2018), it is 0.988 at most where
the hashes differ in 10 bits or fewer; of one film saved twice, it is 0.9999."""

_HASH_BITS = 64
_PAIRS_AT_ONCE = 4_000_000
_BITS_SET = np.array([number.bit_count() for number in range(2**16)], np.uint8)

Group = tuple[int, ...]
"""Positions of images that are one, rising."""


def equal_groups(keys: Sequence[str]) -> list[Group]:
    """Returns the groups of two images or more that have the same key, in the order of their first image.

    Args:
        keys: (images,), a hash each.
    """
    places: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return [tuple(found) for found in places.values() if len(found) > 1]


def near_groups(hashes: NDArray[np.uint64], thumbnails: NDArray[np.uint8]) -> list[Group]:
    """Returns the groups of two images or more that look the same, in the order of their first image.

    Two images do whose hashes differ in `MAX_DISTANCE` bits at most and whose thumbnails correlate with
    `MIN_CORRELATION` at least; a group holds all that are connected by such pairs. Hashes so near agree in at least one
    of five bands of bits, so only images that share a band are compared: 100,000 take seconds.

    Args:
        hashes: uint64 (images,).
        thumbnails: uint8 (images, pixels); one without contrast resembles none.
    """
    unit = _unit(thumbnails)
    pairs = [_confirmed(pair, hashes, unit) for pair in _candidates(hashes)]
    found = np.concatenate([*pairs, np.empty((0, 2), np.int64)])
    return _components(found, len(hashes))


def merged(*groupings: Sequence[Group], count: int) -> list[Group]:
    """Returns the groups that several groupings of `count` images make together."""
    pairs = [(group[0], other) for groups in groupings for group in groups for other in group[1:]]
    return _components(np.array(pairs, np.int64).reshape(-1, 2), count)


def _unit(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    centered = thumbnails.astype(np.float32)
    centered -= centered.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centered, axis=1, keepdims=True)
    return np.divide(centered, length, out=np.zeros_like(centered), where=length > 0)


def _candidates(hashes: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """Yields pairs (pairs, 2) of images whose hashes agree in a band; a pair may come more than once."""
    bands = MAX_DISTANCE + 1
    for band in range(bands):
        mask = sum(1 << bit for bit in range(band, _HASH_BITS, bands))
        keys = hashes & np.uint64(mask)
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order]) != 0) + 1
        yield from _pairs_within([bucket for bucket in np.split(order, starts) if len(bucket) > 1])


def _pairs_within(buckets: Sequence[NDArray[np.int64]]) -> Iterator[NDArray[np.int64]]:
    """Yields the pairs of each bucket's members, some millions at a time however large a bucket is."""
    waiting, size = [], 0
    for bucket in buckets:
        rows = max(1, _PAIRS_AT_ONCE // len(bucket))
        for start in range(0, len(bucket) - 1, rows):
            first, second = np.triu_indices(min(rows, len(bucket) - start), 1, len(bucket) - start)
            waiting.append(np.column_stack([bucket[start + first], bucket[start + second]]))
            size += len(first)
            if size >= _PAIRS_AT_ONCE:
                yield np.concatenate(waiting)
                waiting, size = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _confirmed(pairs: NDArray[np.int64], hashes: NDArray[np.uint64], unit: NDArray[np.float32]) -> NDArray[np.int64]:
    differing = (hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]).view(np.uint16).reshape(-1, 4)
    near = pairs[_BITS_SET[differing].sum(axis=1) <= MAX_DISTANCE]
    correlation = np.einsum("ij,ij->i", unit[near[:, 0]], unit[near[:, 1]])
    confirmed: NDArray[np.int64] = near[correlation >= MIN_CORRELATION]
    return confirmed


def _components(pairs: NDArray[np.int64], count: int) -> list[Group]:
    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    places: dict[int, list[int]] = {}
    for place in np.unique(pairs):
        places.setdefault(int(component[place]), []).append(int(place))
    return sorted(tuple(found) for found in places.values())
