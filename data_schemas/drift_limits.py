"""The part of a task that says how far what is served may drift: what is too little to matter, and how sure to be."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from data_schemas.strict import Strict

_Limit = Annotated[float, Field(ge=0.0, lt=1.0)]


class DriftLimits(Strict):
    """How much a served image, score or flag may differ before `radflow drift` alerts.

    A difference alerts only where it is larger than chance makes it, and by as much as these say: in the unit of what
    they limit, beyond what two samples of one population differ by on average.

    Attributes:
        features: Jensen-Shannon divergence of a header or quality feature, 0..1 (base 2): 0.05 are two normal
            distributions half a standard deviation apart.
        scores: Kolmogorov and Smirnov's distance of a finding's scores, 0..1.
        flags: difference of the shares of patients who are flagged, 0..1.
        out_of_scope: how much larger the share that looks unlike the training images may be, 0..1.
        withheld: share of patients on whom the model may have no say, 0..1; beyond it, surely, is an alert.
        level: chance of any alert where nothing has changed, over all comparisons together.
        fewest_patients: with fewer nothing is said.
    """

    features: _Limit = 0.05
    scores: _Limit = 0.1
    flags: _Limit = 0.05
    out_of_scope: _Limit = 0.05
    withheld: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    level: Annotated[float, Field(gt=0.0, le=0.5)] = 0.05
    fewest_patients: Annotated[int, Field(ge=10)] = 30
