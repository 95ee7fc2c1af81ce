"""Whether what is served has drifted from what the model was trained and tested on, for people and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np

from data_schemas.description import ModelDescription
from data_schemas.drift_limits import DriftLimits
from evaluation.drift import Comparison
from evaluation.served_sample import Served
from reports.estimates import count, listed, share, share_with_interval
from reports.feature_names import feature_name

_MOST_VALUES = 3
"""Values of a feature that are told in a line."""
_COLUMNS = ("", "verdict", "distance", "by chance", "alert above", "patients")
_HOW_TO_READ = """\
Distance: 0 alike, 1 nothing in common; of what is out of scope, how much more it is. By chance: what it is on average
where nothing has changed. Patients: of what it is held against, and here. An alert does not say that the model is
worse here, and no alert does not say that it is as good as it was: that takes labels (`radflow feedback export`,
`radflow evaluate`)."""


@dataclass(frozen=True)
class Published:
    """What a version carries of its training and test images: how many patients, None where it does not say."""

    training: int | None
    tested: int | None


@dataclass(frozen=True)
class DriftReport:
    """What `radflow drift` found.

    Attributes:
        description: what the model says of itself.
        version: which was asked.
        limits: what matters.
        served: what it was asked, and answered.
        against: what it is held against: the version's training images and test scores, or what was served earlier.
        comparisons: with that.
        since, until: the span that was asked for; None: from the first record, to the last.
        others: records of other versions in that span.
    """

    description: ModelDescription
    version: int
    limits: DriftLimits
    served: Served
    against: Published | Served
    comparisons: Sequence[Comparison]
    since: datetime | None = None
    until: datetime | None = None
    others: Mapping[int, int] = field(default_factory=dict)

    @property
    def compared(self) -> list[Comparison]:
        """Those comparisons that could be made."""
        return [one for one in self.comparisons if one.distance is not None]

    @property
    def not_compared(self) -> list[Comparison]:
        """Those that could not; each has a note that says why."""
        return [one for one in self.comparisons if one.distance is None]

    @property
    def alerts(self) -> list[Comparison]:
        """Those that differ by more than chance and more than is allowed, the farthest beyond first."""
        return sorted((one for one in self.comparisons if one.alerted), key=_times_beyond, reverse=True)

    @property
    def verdict(self) -> Literal["alert", "no_alert", "not_judged"]:
        """What the exit code goes by: `alert` alone is not 0."""
        if self.alerts:
            return "alert"
        return "no_alert" if self.compared else "not_judged"

    @property
    def headline(self) -> str:
        """The verdict as a sentence."""
        made = count(len(self.compared), "comparison")
        if self.alerts:
            names = listed([comparison_name(one) for one in self.alerts])
            verb = "differs" if len(self.alerts) == 1 else "differ"
            return f"{len(self.alerts)} of {made} {verb} by more than chance and the limits allow: {names}."
        if self.compared:
            rest = len(self.not_compared)
            left = f" {count(rest, 'comparison')} could not be made." if rest else ""
            return f"None of {made} differs by more than chance and the limits allow.{left}"
        if self.served.patients < self.limits.fewest_patients:
            needed = f"{self.limits.fewest_patients} are needed to say anything"
            return f"{count(self.served.patients, 'patient')} here, {needed}: neither an alert nor a pass."
        return "Nothing can be compared: neither an alert nor a pass."

    def to_json(self) -> dict[str, Any]:
        """Returns the object that `--json` prints."""
        served = self.served
        return {
            "model": self.description.task.name,
            "version": self.version,
            "verdict": self.verdict,
            "alerts": [comparison_name(one) for one in self.alerts],
            "images": served.images,
            "patients": served.patients,
            "first": _iso(served.first),
            "last": _iso(served.last),
            "since": _iso(self.since),
            "until": _iso(self.until),
            "withheld": dict(served.withheld),
            "left_out": {"patient not known": served.nameless},
            "other_versions": {str(version): records for version, records in self.others.items()},
            "against": self._against_json(),
            "limits": self.limits.model_dump(),
            "comparisons": [one.to_json() for one in self.comparisons],
        }

    def to_text(self) -> str:
        """Returns the table that people read, the verdict first."""
        word = {"alert": "DRIFT", "no_alert": "NO DRIFT SEEN", "not_judged": "NOT JUDGED"}[self.verdict]
        task = self.description.task
        lines = [
            f"{word}: {self.headline}",
            *(f"  {comparison_name(one)}: {self.where(one)}" for one in self.alerts),
            "",
            f"{task.title} ({task.name}, version {self.version})",
            *self.notes(),
        ]
        parts = ["\n".join(lines)]
        if self.compared:
            parts += [self._table(), _HOW_TO_READ]
        if self.not_compared:
            parts.append(
                "\n".join(["Not compared", *(f"  {comparison_name(one)}: {one.note}" for one in self.not_compared)])
            )
        return "\n\n".join(parts)

    def notes(self) -> list[str]:
        """Returns what was compared with what, a sentence each."""
        served = self.served
        said = [f"Here: {_asked(served)}; each patient counts once.", f"Held against {self._against_text()}."]
        if served.withheld:
            codes = sorted(served.withheld.items(), key=lambda one: -one[1])
            reasons = ", ".join(f"{code.replace('_', ' ')} {patients}" for code, patients in codes)
            said.append(f"Patients of whom scores were withheld: {reasons}.")
        if served.nameless:
            said.append(f"{count(served.nameless, 'record')} left out: nobody knows which of them are of one patient.")
        if self.others:
            versions = listed([f"{version} ({count(records, 'record')})" for version, records in self.others.items()])
            said.append(f"In that time other versions were asked too: {versions}. `--version` names one.")
        return said

    @property
    def earlier(self) -> bool:
        """Whether it is held against what was served earlier."""
        return isinstance(self.against, Served)

    def where(self, one: Comparison) -> str:
        """Returns in what the two differ most: shares there, then here."""
        if one.rates is not None:
            return f"{share_with_interval(one.rates[0])} {self.there(one)}, {share_with_interval(one.rates[1])} here"
        if not one.reference or not one.served:
            return "not known"
        there = self.there(one)
        if one.edges:
            reference, served = (np.cumsum(list(shares.values()))[:-1] for shares in (one.reference, one.served))
            most = int(np.argmax(np.abs(reference - served)))
            return f"at most {one.edges[most]:.3g}: {share(reference[most])} {there}, {share(served[most])} here"
        apart = sorted(one.served, key=lambda value: -abs(one.served[value] - one.reference[value]))[:_MOST_VALUES]
        return "; ".join(
            f"{value} {share(one.reference[value])} {there}, {share(one.served[value])} here" for value in apart
        )

    def there(self, one: Comparison) -> str:
        """Returns what is said of a share that is held against."""
        if one.kind == "withheld":
            return "allowed"
        if self.earlier:
            return "before"
        return {"feature": "in training", "out_of_scope": "expected"}.get(one.kind, "in the test split")

    def _against_text(self) -> str:
        if isinstance(self.against, Served):
            return f"what it was asked before: {_asked(self.against)}"
        training = _known("its training images", self.against.training)
        return f"{training} and {_known('its scores on the test split', self.against.tested)}"

    def _against_json(self) -> dict[str, Any]:
        if isinstance(self.against, Published):
            return {"training_patients": self.against.training, "tested_patients": self.against.tested}
        before = self.against
        return {
            "images": before.images,
            "patients": before.patients,
            "first": _iso(before.first),
            "last": _iso(before.last),
        }

    def _table(self) -> str:
        rows = [
            _COLUMNS,
            *(
                (
                    comparison_name(one),
                    "ALERT" if one.alerted else "alike",
                    *numbers_text(one),
                    patients_text(one),
                )
                for one in self.compared
            ),
        ]
        widths = [max(len(row[column]) for row in rows) + 2 for column in range(len(_COLUMNS))]
        return "\n".join(
            "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )


def comparison_name(one: Comparison) -> str:
    """Returns what is compared, in words."""
    return {
        "feature": feature_name(one.name),
        "scores": f"scores of {one.name}",
        "flags": f"{one.name} flagged",
        "out_of_scope": "out of scope by the look",
        "withheld": "scores withheld",
    }[one.kind]


def numbers_text(one: Comparison) -> tuple[str, str, str]:
    """Returns the distance, what chance makes it, and what it alerts above; a share that is allowed is no chance."""
    distance, chance, limit = (
        "-" if value is None else f"{round(value, 3) + 0.0:.3f}"  # and not -0.000
        for value in (one.distance, None if one.kind == "withheld" else one.chance, one.alert_above)
    )
    return distance, chance, limit


def patients_text(one: Comparison) -> str:
    """Returns how many patients the comparison rests on, there and here."""
    there, here = one.patients
    return f"{'-' if one.kind == 'withheld' else there}\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}{here}"


def _times_beyond(one: Comparison) -> float:
    return (one.distance or 0.0) / max(one.alert_above or 0.0, 1e-9)


def _asked(served: Served) -> str:
    asked = f"{count(served.images, 'image')} of {count(served.patients, 'patient')}"
    if served.first is None or served.last is None:
        return asked
    return f"{asked}, {served.first:%Y-%m-%d} to {served.last:%Y-%m-%d}"


def _known(what: str, patients: int | None) -> str:
    return f"{what} ({'not known' if patients is None else count(patients, 'patient')})"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
