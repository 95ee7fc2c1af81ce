"""Counts two samples in the same bins: numbers at quantiles, names by value; the first may be known by those alone."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_schemas.features import UNKNOWN
from data_schemas.training_data import LEVELS, RARE, Numbers
from evaluation.divergence import Counts

BINS = 10


@dataclass(frozen=True)
class Table:
    """Two samples in the same bins.

    Attributes:
        bins: what each bin is called.
        first, second: int (bins,).
        edges: of numbers, the upper edge of each bin but the last.
    """

    bins: tuple[str, ...]
    first: Counts
    second: Counts
    edges: tuple[float, ...] = ()

    @property
    def totals(self) -> tuple[int, int]:
        """How many cases each sample has."""
        return int(self.first.sum()), int(self.second.sum())

    @property
    def shares(self) -> tuple[dict[str, float], dict[str, float]]:
        """Each sample's shares by bin; empty for a sample without cases."""
        first, second = (
            dict(zip(self.bins, (counts / counts.sum()).tolist(), strict=True)) if counts.sum() else {}
            for counts in (self.first, self.second)
        )
        return first, second


NOTHING = Table((), np.zeros(0, np.int64), np.zeros(0, np.int64))


def one_each(patients: NDArray[Any], *, seed: int = 0) -> NDArray[np.int64]:
    """Returns the index of one case of every patient, drawn at random; the same for the same seed and order."""
    order = np.random.default_rng(seed).permutation(len(patients))
    _, first = np.unique(patients[order], return_index=True)
    return np.sort(order[first])


def binned(first: NDArray[Any], second: NDArray[Any], *, bins: int = BINS) -> Table:
    """Returns numbers in bins of about equally many of both samples together; those that are not known are left out.

    The bins depend on the samples put together alone, as the permutation test wants.

    Args:
        first: float (cases,).
        second: float (cases,).
        bins: at most; fewer where many values are one.
    """
    first, second = first[np.isfinite(first)], second[np.isfinite(second)]
    together = np.concatenate([first, second])
    if not together.size:
        return NOTHING
    inner = np.quantile(together, np.arange(1, bins) / bins, method="lower")
    edges = np.unique(inner[inner < together.max()])
    return Table(_intervals(edges), _counted(first, edges), _counted(second, edges), tuple(edges.tolist()))


def binned_at_quantiles(first: Numbers, patients: float, second: NDArray[Any]) -> Table:
    """Returns numbers in the bins that a sample's published quantiles part it by.

    Args:
        first: quantiles of a sample; its counts are their levels' differences.
        patients: that it is worth.
        second: float (cases,); what is not known is left out.
    """
    second = second[np.isfinite(second)]
    if not first.quantiles:
        return NOTHING
    # Every other quantile: tenths. A value that many share is one step of both; what lies beside it is not known.
    kept = [
        (level, value)
        for level, value in list(zip(LEVELS, first.quantiles, strict=True))[1::2]
        if first.quantiles.count(value) == 1
    ]
    edges = np.array([value for _, value in kept])
    below = np.array([0.0, *(level for level, _ in kept), 1.0])
    cumulated = np.rint(below * patients).astype(np.int64)
    return Table(_intervals(edges), np.diff(cumulated), _counted(second, edges), tuple(edges.tolist()))


def valued(first: NDArray[Any], second: NDArray[Any], *, fewest: int) -> Table:
    """Returns names by value; what fewer than `fewest` of the first sample have is `RARE`, what is unknown is left out.

    Args:
        first: text (cases,).
        second: text (cases,).
        fewest: of the first sample, for a value to be named.
    """
    first, second = _known(first), _known(second)
    values, counts = np.unique(first, return_counts=True)
    named = [str(value) for value in values[counts >= fewest]]
    return _by_value(named, _occurrences(first, named), second)


def valued_by_shares(first: Mapping[str, float], patients: float, second: NDArray[Any]) -> Table:
    """Returns names by value, of a sample whose shares are published.

    Args:
        first: each value's share, `unknown` among them.
        patients: that the whole sample is worth.
        second: text (cases,).
    """
    named = [value for value in first if value not in (UNKNOWN, RARE)]
    counts = np.rint(np.array([first[value] for value in named] + [first.get(RARE, 0.0)]) * patients).astype(np.int64)
    return _by_value(named, counts, _known(second))


def _by_value(named: Sequence[str], first: Counts, second: NDArray[Any]) -> Table:
    counts = _occurrences(second, named)
    used = (first + counts) > 0
    bins = np.array([*named, RARE])[used]
    return Table(tuple(bins.tolist()), first[used], counts[used])


def _occurrences(values: NDArray[Any], named: Sequence[str]) -> Counts:
    """Returns how often each named value occurs, and then all others together."""
    counts = [int(np.count_nonzero(values == name)) for name in named]
    return np.array([*counts, len(values) - sum(counts)], np.int64)


def _known(values: NDArray[Any]) -> NDArray[Any]:
    text = np.asarray(values).astype(str)
    known: NDArray[Any] = text[text != UNKNOWN]
    return known


def _counted(values: NDArray[Any], edges: NDArray[Any]) -> Counts:
    """Returns how many values lie in each bin; a bin holds its upper edge."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)


def _intervals(edges: NDArray[Any]) -> tuple[str, ...]:
    """Returns the bins' names, with as many digits as tell them apart to a reader."""
    if not len(edges):
        return ("all",)
    shown = [f"{edge:.3g}" for edge in edges]
    between = [f"{low} to {high}" for low, high in itertools.pairwise(shown)]
    return (f"to {shown[0]}", *between, f"above {shown[-1]}")
