"""Drift between splits and against a former run, on statistics that TFDV itself computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.data_check.drift_checks import Statistics, check_drift
from components.data_check.former_run import former_statistics, keep_statistics
from data_schemas.features import SPLITS
from data_schemas.ingest_report import IngestReport
from tests.models.tasks import demo_task

INGEST = IngestReport(
    rows=1200,
    examples=dict.fromkeys(SPLITS, 300),
    labels={},
    patients={split: tuple(f"{split}{n}" for n in range(300)) for split in SPLITS},
    rejects=(),
    warnings={},
    pseudonym_key_id="k",
)


def _statistics(seed: int, *, brighter: float = 0.0, women: float = 0.5) -> Statistics:
    rng = np.random.default_rng(seed)
    sexes = np.where(rng.random(300) < women, "F", "M")
    frame = pd.DataFrame({"mean": rng.normal(0.4 + brighter, 0.1, 300).astype(np.float32), "sex": sexes})
    return tfdv.generate_statistics_from_dataframe(frame)


def test_splits_of_one_distribution_do_not_drift() -> None:
    statistics = {split: _statistics(seed) for seed, split in enumerate(SPLITS)}
    checks = list(check_drift(demo_task(), INGEST, statistics=statistics, former=None))
    assert [check.name for check in checks] == [f"drift: {split} from train" for split in SPLITS[1:]]
    assert all(check.passed for check in checks)


@pytest.mark.parametrize(("change", "feature"), [({"brighter": 0.15}, "mean"), ({"women": 0.02}, "sex")])
def test_a_split_that_is_otherwise_is_said_with_what_drifted(change: dict[str, float], feature: str) -> None:
    statistics = {split: _statistics(seed) for seed, split in enumerate(SPLITS)} | {"test": _statistics(9, **change)}
    checks = {check.name: check for check in check_drift(demo_task(), INGEST, statistics=statistics, former=None)}
    drifted = checks["drift: test from train"]
    assert not drifted.passed and not drifted.blocking and f"{feature} 0." in drifted.summary
    assert checks["drift: eval from train"].passed


def test_a_former_runs_data_are_compared_with() -> None:
    statistics = {split: _statistics(seed) for seed, split in enumerate(SPLITS)}
    *_, same = check_drift(demo_task(), INGEST, statistics=statistics, former=_statistics(7))
    *_, other = check_drift(demo_task(), INGEST, statistics=statistics, former=_statistics(7, brighter=0.2))
    assert same.name == other.name == "drift: train from a former run's"
    assert (same.passed, other.passed) == (True, False)


def test_data_are_compared_with_the_last_that_were_other(tmp_path: Path) -> None:
    first, second, third = (_statistics(seed) for seed in range(3))
    folder = tmp_path / "accepted"
    assert former_statistics(folder, "a") is None
    keep_statistics(first, folder, "a")
    assert former_statistics(folder, "a") is None
    keep_statistics(second, folder, "b")
    assert former_statistics(folder, "b") == first
    keep_statistics(second, folder, "b")  # the run was repeated
    assert former_statistics(folder, "b") == first
    keep_statistics(third, folder, "c")
    assert former_statistics(folder, "c") == second
    assert len(list(folder.iterdir())) == 2


def test_splits_of_a_few_patients_are_not_compared() -> None:
    few = {split: names[:19] for split, names in INGEST.patients.items()}
    statistics = {split: _statistics(seed, brighter=seed / 5) for seed, split in enumerate(SPLITS)}
    ingest = INGEST.model_copy(update={"patients": few})
    assert list(check_drift(demo_task(), ingest, statistics=statistics, former=None)) == []
