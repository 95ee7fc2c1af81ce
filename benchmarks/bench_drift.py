"""Drift: how often `radflow drift` alerts where nothing has changed, and how often it sees a change of a given size.

    python benchmarks/bench_drift.py [--looks 400] [--patients 50 200 1000] [--known]

Each look draws new training, test and served patients of one population (`drift_population.py`: several images a
patient that resemble each other, nine features, two findings), holds what is served against what a version publishes of
the first two, and counts whether anything alerts, under the limits that a task has by default. Target: at most 0.05 of
the looks where nothing has changed, `DriftLimits.level`. What is seen of a change is for information, at 200 patients.
With `--known` each image of the training and test patients is known, as where a site is held against its own past.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from drift_population import SCOPE, known_reference, published_reference, sample
from ratios import Ratio, load_average, print_result

from data_schemas.drift_limits import DriftLimits
from evaluation.drift import drift
from evaluation.drift_reference import Reference
from evaluation.intervals import clopper_pearson

_CHANGES: Mapping[str, Mapping[str, float]] = {
    "brightness 0.7 standard deviations": {"brightness": 0.7},
    "prevalence 20 to 40 %": {"prevalence": 0.4},
    "age 12 years": {"age": 12},
    "out of scope 1 to 10 %": {"out_of_scope": 0.1},
    "withheld 2 to 25 %": {"withheld": 0.25},
}
_AT = 200


def main() -> int:
    """Measures and prints; returns 0, whether the target is met or not."""
    arguments, load = _parse(), load_average()
    reference = known_reference if arguments.known else published_reference
    unchanged = {f"nothing changed, {patients} patients": (patients, {}) for patients in arguments.patients}
    changed = {f"{change}, {_AT} patients": (_AT, sizes) for change, sizes in _CHANGES.items()}
    ratios, intervals = [], {}
    for what, (patients, sizes) in (unchanged | changed).items():
        alerted = sum(_alerts(reference, seed, patients, **sizes) for seed in range(arguments.looks))
        target = DriftLimits().level if what in unchanged else None
        ratios.append(Ratio(f"looks that alert: {what}", [alerted / arguments.looks], target))
        lower, upper = clopper_pearson(alerted, arguments.looks)
        intervals[what] = f"{alerted} of {arguments.looks}, 95 % interval {lower:.3f} to {upper:.3f}"
    print_result("drift", ratios, packages=("numpy", "scipy"), details=intervals, load=load)
    return 0


def _alerts(reference: Callable[[int], Reference], seed: int, patients: int, **change: Any) -> bool:
    served = sample(3 * seed + 2, patients, **change)
    return any(one.alerted for one in drift(reference(3 * seed), served, scope=SCOPE))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=int, default=400, help="looks of each kind [%(default)s]")
    parser.add_argument(
        "--patients", type=int, nargs="+", default=[50, 200, 1000], help="served, nothing changed [50 200 1000]"
    )
    parser.add_argument("--known", action="store_true", help="every training and test image is known")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
