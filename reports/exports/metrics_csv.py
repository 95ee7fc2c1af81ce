"""Every metric of every group as a long table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

from evaluation.evaluation import Evaluation
from evaluation.intervals import Estimate
from evaluation.summary import Summary
from reports.estimates import slice_name

COLUMNS = ("slice", "finding", "metric", "value", "lower", "upper", "patients")
WHOLE_TASK = "all findings"


def metrics_csv(evaluation: Evaluation | None) -> str:
    """Returns a row for each group, finding and metric; what is not defined is an empty cell.

    Args:
        evaluation: None gives the heading alone.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    if evaluation is not None:
        writer.writerows(_rows((), evaluation.overall))
        for key, one in sorted(evaluation.slices.items()):
            writer.writerows(_rows(key, one))
    return text.getvalue()


def _rows(key: tuple[tuple[str, str], ...], summary: Summary) -> Iterator[list[str]]:
    whole: Mapping[str, Mapping[str, Estimate]] = {WHOLE_TASK: summary.task, **summary.findings}
    for finding, metrics in whole.items():
        for metric, one in metrics.items():
            cells = ("" if value is None else repr(value) for value in (one.value, one.lower, one.upper, one.patients))
            yield [slice_name(key), finding, metric, *cells]
