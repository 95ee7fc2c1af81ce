"""Images that were trained on, tested or served, and what was said of them: what drift is looked for between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.binning import one_each
from evaluation.intervals import Estimate, clustered_rate

Values = NDArray[Any]

OLDEST = 90
"""Ages above it are this one in what is served, as in de-identified files."""


@dataclass(frozen=True)
class Sample:
    """Images, and the cases that they make: images again, or studies where the task judges studies.

    Attributes:
        patients: (images,), whose they are.
        columns: by feature of `NUMBERS` float (images,), nan where not known, of `NAMES` text (images,).
        case_patients: (cases,), whose they are.
        scores: by finding, float (cases,), nan where there is none.
        flags: by finding, float (cases,): 1 flagged, 0 not, nan where nothing is said.
        out_of_scope: float (images,): 1 looks unlike the training images, 0 does not, nan where nothing is said; empty
            where that is not known of any image.
        withheld: bool (cases,), whether the model has no say; empty where no case can be.
    """

    patients: Values
    columns: Mapping[str, Values]
    case_patients: Values
    scores: Mapping[str, Values]
    flags: Mapping[str, Values]
    out_of_scope: Values = field(default_factory=lambda: np.zeros(0))
    withheld: Values = field(default_factory=lambda: np.zeros(0, bool))

    def one_a_patient(self) -> Sample:
        """Returns one image and one case of every patient, drawn at random."""
        images, cases = one_each(self.patients), one_each(self.case_patients)
        return Sample(
            self.patients[images],
            {name: values[images] for name, values in self.columns.items()},
            self.case_patients[cases],
            {name: values[cases] for name, values in self.scores.items()},
            {name: values[cases] for name, values in self.flags.items()},
            self.out_of_scope[images] if len(self.out_of_scope) else self.out_of_scope,
            self.withheld[cases] if len(self.withheld) else self.withheld,
        )


def rate(said: Values, patients: Values) -> Estimate:
    """Returns the share of cases that are 1, with its interval over patients.

    Args:
        said: float (cases,): 1, 0, or nan, which is left out.
        patients: (cases,), whose they are.
    """
    numbers = np.unique(patients, return_inverse=True)[1]
    return clustered_rate(said == 1, np.isfinite(said), numbers).estimate()


def as_served_age(years: Any) -> NDArray[np.float64]:
    """Returns ages as a de-identified file says them: completed years, `OLDEST` for everybody older."""
    completed: NDArray[np.float64] = np.floor(np.minimum(np.asarray(years, np.float64), OLDEST))
    return completed
