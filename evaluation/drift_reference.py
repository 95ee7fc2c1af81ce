"""What served images are held against: what the version tells of its training and test images, or earlier images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from data_schemas.served_evaluation import ServedScores
from data_schemas.training_data import FEWEST, NAMES, Numbers, TrainingData
from evaluation.binning import NOTHING, Table, binned, binned_at_quantiles, valued, valued_by_shares
from evaluation.drift_sample import Sample, Values, as_served_age, rate
from evaluation.intervals import Estimate, clopper_pearson, estimate

SCORE_BINS = 20
FLAGGED = ("flagged", "not flagged")


class Reference(Protocol):
    """What served images are held against; each method counts both in the same bins, one case a patient."""

    def feature(self, name: str, served: Values) -> Table:
        """Returns a feature of the training images, then of what is served."""

    def scores(self, finding: str, served: Values) -> Table:
        """Returns a finding's scores on the test split, then of what is served."""

    def flags(self, finding: str, served: Values) -> Table:
        """Returns patients who are flagged and who are not."""

    def flag_rate(self, finding: str) -> Estimate:
        """Returns the share that is flagged on the test split, with its interval."""


class KnownReference:
    """Images and cases each of which is known, such as those that were served in an earlier time.

    Args:
        training: features of the training images; its cases are not looked at.
        tested: the test split's cases, with scores and flags; its images are not looked at.
    """

    def __init__(self, training: Sample, tested: Sample) -> None:
        self._all = tested
        self._training, self._tested = training.one_a_patient(), tested.one_a_patient()

    def feature(self, name: str, served: Values) -> Table:
        """Returns a feature of the training images, then of what is served."""
        values = self._training.columns[name]
        return valued(values, served, fewest=FEWEST) if name in NAMES else binned(values, served)

    def scores(self, finding: str, served: Values) -> Table:
        """Returns a finding's scores on the test split, then of what is served."""
        return binned(self._tested.scores[finding], served, bins=SCORE_BINS)

    def flags(self, finding: str, served: Values) -> Table:
        """Returns patients who are flagged and who are not."""
        return Table(FLAGGED, yes_and_no(self._tested.flags[finding]), yes_and_no(served))

    def flag_rate(self, finding: str) -> Estimate:
        """Returns the share of test cases that is flagged, with its interval."""
        return rate(self._all.flags[finding], self._all.case_patients)


class PublishedReference:
    """What a served version carries of its training images and test scores: quantiles and shares.

    Args:
        training: the training images; None for a version that does not say.
        tested: by finding; none for a version that does not say.
    """

    def __init__(self, training: TrainingData | None, tested: Mapping[str, ServedScores]) -> None:
        self._training, self._tested = training, tested

    def feature(self, name: str, served: Values) -> Table:
        """Returns a feature of the training images, then of what is served."""
        there = self._training
        if there is None:
            return NOTHING
        if name in NAMES:
            return valued_by_shares(there.shares[name], there.patients, served) if name in there.shares else NOTHING
        if name not in there.numbers:
            return NOTHING
        numbers = there.numbers[name]
        if name == "age_years":
            numbers = Numbers(known=numbers.known, quantiles=tuple(as_served_age(numbers.quantiles).tolist()))
        return binned_at_quantiles(numbers, there.patients * numbers.known / max(1, there.images), served)

    def scores(self, finding: str, served: Values) -> Table:
        """Returns a finding's scores on the test split, then of what is served."""
        if finding not in self._tested:
            return NOTHING
        tested = self._tested[finding]
        quantiles = Numbers(known=tested.patients, quantiles=tested.quantiles)
        return binned_at_quantiles(quantiles, tested.patients, served)

    def flags(self, finding: str, served: Values) -> Table:
        """Returns patients who are flagged and who are not."""
        if finding not in self._tested:
            return NOTHING
        tested = self._tested[finding]
        return Table(FLAGGED, shared(tested.flagged, tested.patients), yes_and_no(served))

    def flag_rate(self, finding: str) -> Estimate:
        """Returns the share of test cases that is flagged, with its interval."""
        if finding not in self._tested:
            return Estimate(None, note="not known")
        tested = self._tested[finding]
        limits = clopper_pearson(tested.flagged * tested.patients, tested.patients)
        return estimate(tested.flagged, limits, patients=tested.patients)


def yes_and_no(said: Values) -> NDArray[np.int64]:
    """Returns how many are 1 and how many 0, int (2,); nan is neither."""
    return np.array([np.count_nonzero(said == 1), np.count_nonzero(said == 0)], np.int64)


def shared(share: float, patients: int) -> NDArray[np.int64]:
    """Returns how many patients a share is, and how many are left, int (2,)."""
    yes = round(share * patients)
    return np.array([yes, patients - yes], np.int64)
