"""Estimates as text: a value with its interval, and why there is none where there is none."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.intervals import Estimate

NOT_DEFINED = "not defined"


def number(value: float | None) -> str:
    """Returns a value to three decimals."""
    return NOT_DEFINED if value is None else f"{value:.3f}"


def interval(estimate: Estimate) -> str:
    """Returns `0.900 to 0.960`, or a dash where nothing bounds the value."""
    if estimate.value is None or (estimate.lower is None and estimate.upper is None):
        return "-"
    lower = "below" if estimate.lower is None else f"{estimate.lower:.3f}"
    upper = "above" if estimate.upper is None else f"{estimate.upper:.3f}"
    return f"{lower} to {upper}"


def with_interval(estimate: Estimate) -> str:
    """Returns `0.930 (0.900 to 0.960)`, or why there is no value."""
    if estimate.value is None:
        return estimate.note or NOT_DEFINED
    limits = interval(estimate)
    return number(estimate.value) if limits == "-" else f"{number(estimate.value)} ({limits})"


def patients_text(estimate: Estimate) -> str:
    """Returns how many patients are behind an estimate."""
    return "-" if estimate.patients is None else str(estimate.patients)


def out_of_a_hundred(estimate: Estimate) -> str:
    """Returns a rate for people: `93 of 100 (interval 88 to 97)`."""
    if estimate.value is None:
        return estimate.note or NOT_DEFINED
    said = f"{100 * estimate.value:.0f} of 100"
    if estimate.lower is None or estimate.upper is None:
        return said
    return f"{said} ({100 * estimate.lower:.0f} to {100 * estimate.upper:.0f})"


def share(value: float | None) -> str:
    """Returns `12.5 %`."""
    return NOT_DEFINED if value is None else f"{100 * value:.1f} %"


def share_with_interval(estimate: Estimate) -> str:
    """Returns `12.5 % (8.0 to 17.5)`, or why there is no value."""
    if estimate.value is None:
        return estimate.note or NOT_DEFINED
    if estimate.lower is None or estimate.upper is None:
        return share(estimate.value)
    return f"{share(estimate.value)} ({100 * estimate.lower:.1f} to {100 * estimate.upper:.1f})"


def count(number_of: int, noun: str) -> str:
    """Returns `1 patient`, `2 patients`."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else f"{noun}s"
    return f"{number_of:,} {noun if number_of == 1 else plural}".replace(",", "\N{NO-BREAK SPACE}")


def listed(names: Sequence[str]) -> str:
    """Returns `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def slice_name(key: Sequence[tuple[str, str]]) -> str:
    """Returns `sex F, age group 40-64`; the whole split is `all`."""
    return ", ".join(f"{feature.replace('_', ' ')} {value}" for feature, value in key) or "all"
