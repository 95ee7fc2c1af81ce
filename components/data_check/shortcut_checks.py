"""Can the scanner, the site, the view, the border or the header alone tell the label?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from components.data_check.image_table import ImageTable
from data_schemas import features, image_index
from evaluation.intervals import Estimate
from evaluation.metrics import Floats
from evaluation.shortcuts import ALARMING, Probe, one_hot, probe
from reports.data_check import Check, CheckTable

_MOST_PATIENTS = 5000
"""Patients that a probe looks at, drawn at random: more would change an interval of a hundredth, and take minutes."""
_MOST_WORDS = 20
"""Words of a column that have a feature of their own; the rarer ones share one."""
_HEADER_WORDS = (features.MANUFACTURER, features.MODALITY, image_index.PHOTOMETRIC, image_index.TRANSFER_SYNTAX)
_HEADER_NUMBERS = (features.SOURCE_ROWS, features.SOURCE_COLUMNS, features.BITS_STORED)

Probes = dict[tuple[str, str], Probe]


def shortcut_probes(table: ImageTable) -> Probes:
    """Returns what each suspect tells of each finding: (suspect, finding) -> probe."""
    chosen = _chosen(table)
    patients = table.patients[chosen]
    return {
        (name, finding): probe(suspect[chosen], table.labels[chosen, index], patients)
        for name, suspect in _suspects(table)
        for index, finding in enumerate(table.task.labels.findings)
    }


def check_shortcuts(table: ImageTable, probes: Probes) -> Iterator[Check]:
    """Yields a check for each suspect, with what it tells most about."""
    for suspect in dict.fromkeys(name for name, _ in probes):
        found = {finding: result for (name, finding), result in probes.items() if name == suspect}
        finding, worst = max(found.items(), key=lambda item: (item[1].verdict == "flagged", item[1].auroc.value or 0))
        yield Check(
            name=f"shortcut: {suspect}",
            passed=worst.verdict != "flagged",
            blocking=table.task.data_policy.shortcuts == "block",
            summary=f"{suspect} alone tells {finding} with AUROC {_interval(worst.auroc)}: {_word(worst)}",
            mend="a network may learn this instead of the disease: balance the groups, remove the shared mark, or "
            "judge the model within each group",
        )


def shortcut_table(probes: Probes) -> CheckTable:
    """Returns every probe."""
    return CheckTable(
        heading="Shortcut probes",
        columns=("Suspect", "Finding", "AUROC [95 % interval]", "Verdict"),
        rows=tuple((suspect, finding, _interval(one.auroc), _word(one)) for (suspect, finding), one in probes.items()),
        note="A logistic regression on the suspect alone, cross-validated by patient. 0.5 tells nothing. A shortcut: "
        f"the whole interval above 0.5 and the value {ALARMING:g} or more; clear: all of it below {ALARMING:g}.",
    )


def _suspects(table: ImageTable) -> Iterator[tuple[str, Floats]]:
    for name, column in (("scanner", features.MANUFACTURER), ("site", features.SITE), ("view", features.VIEW)):
        words = table.words(column)
        if (words != features.UNKNOWN).any():
            yield name, one_hot(_common(words))
    yield "image border", table.vectors(image_index.BORDER)
    columns = [one_hot(_common(table.words(name))) for name in _HEADER_WORDS]
    yield "header", np.column_stack([*columns, *(table.numbers(name) for name in _HEADER_NUMBERS)])


def _common(words: NDArray[np.object_]) -> NDArray[np.str_]:
    names, counts = np.unique(words.astype(str), return_counts=True)
    common = names[np.argsort(-counts, kind="stable")[:_MOST_WORDS]]
    return np.where(np.isin(words.astype(str), common), words.astype(str), "any other")


def _chosen(table: ImageTable) -> NDArray[np.bool_]:
    """Returns which images are of the patients that are looked at: all, or a random part that is always the same."""
    names = np.unique(table.patients.astype(str))
    if len(names) <= _MOST_PATIENTS:
        return np.ones(len(table), np.bool_)
    drawn = np.random.default_rng(0).choice(names, _MOST_PATIENTS, replace=False)
    return np.isin(table.patients.astype(str), drawn)


def _interval(auroc: Estimate) -> str:
    if auroc.value is None:
        return "unknown (too few patients)"
    return f"{auroc.value:.2f} [{auroc.lower:.2f}, {auroc.upper:.2f}]"


def _word(result: Probe) -> str:
    return "a shortcut" if result.verdict == "flagged" else result.verdict
