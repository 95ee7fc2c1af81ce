"""What the served folder says of a version beside the model itself: its evaluation, and who approved it."""

from __future__ import annotations

import logging
from pathlib import Path

from data_schemas.approvals import read_approvals
from data_schemas.errors import RadflowError
from data_schemas.served_evaluation import ServedEstimate, ServedEvaluation, read_served_evaluation
from serving.gateway.schemas.base import Interval
from serving.gateway.schemas.models import Approval, ModelVersion
from serving.gateway.served_models import Current

_log = logging.getLogger("serving.gateway")


class VersionFacts:
    """Reads `OUTPUT/serving`; what cannot be read is not known, and logged.

    Args:
        serving_root: the folder; None where the gateway was given none.
    """

    def __init__(self, serving_root: Path | None) -> None:
        self._root = serving_root
        self._evaluations: dict[tuple[str, int], ServedEvaluation | None] = {}

    def evaluation(self, task: str, version: int) -> ServedEvaluation | None:
        """Returns how good a version was on the test split, read once; None where it is not known."""
        if self._root is None:
            return None
        if (task, version) not in self._evaluations:
            try:
                found = read_served_evaluation(self._root / task / str(version))
            except RadflowError as error:
                _log.warning("the evaluation of %s, version %d, cannot be read: %s", task, version, error)
                found = None
            self._evaluations[task, version] = found
        return self._evaluations[task, version]

    def approval(self, task: str, version: int) -> Approval | None:
        """Returns who approved a version; None where nobody did, or the audit log cannot be read."""
        if self._root is None:
            return None
        try:
            found = read_approvals(self._root).get(task)
        except RadflowError as error:
            _log.warning("approvals cannot be read: %s", error)
            return None
        if found is None or found.version != version:
            return None
        return Approval(version=version, by=found.by, role=found.role, statement=found.statement, at=found.at)

    def version(self, name: str, current: Current) -> ModelVersion:
        """Returns what the API says of the version that answers.

        Args:
            name: that the model is served under; the folder has the task's.
            current: the version.
        """
        approval = self.approval(current.description.task.name, current.version) if current.approved else None
        return ModelVersion(name=name, version=current.version, approved=current.approved, approval=approval)


def interval(estimate: ServedEstimate | None) -> Interval | None:
    """Returns an estimate as the API has it."""
    return None if estimate is None else Interval(**estimate.model_dump())
