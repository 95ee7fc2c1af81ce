"""What the served folder says of a version beside the model itself: its evaluation, and who approved it."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

from data_schemas import approvals
from data_schemas.digests import said_digest
from data_schemas.errors import RadflowError
from data_schemas.model_files import ASSETS, SUMS_FILE
from data_schemas.served_evaluation import ServedEstimate, ServedEvaluation, read_served_evaluation
from data_schemas.served_folder import versions
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
        """Returns who approved a version as it is; None where nobody did, or the audit log cannot be read."""
        found = self._recorded(task, version)
        if found is None or self._digest(task, version) != found.digest:
            return None
        return Approval(version=version, by=found.by, role=found.role, statement=found.statement, at=found.at)

    def version(self, name: str, current: Current) -> ModelVersion:
        """Returns what the API says of the version that answers.

        Args:
            name: that the model is served under; the folder has the task's.
            current: the version.
        """
        task = current.description.task.name
        approved = current.approved and not self._is_another(task, current.version)
        approval = self.approval(task, current.version) if approved else None
        return ModelVersion(name=name, version=current.version, approved=approved, approval=approval)

    def _recorded(self, task: str, version: int) -> approvals.Approval | None:
        """Returns the approval that holds for a number, whatever lies under it now."""
        if self._root is None:
            return None
        try:
            found = approvals.read_approvals(self._root).get(task)
        except RadflowError as error:
            _log.warning("approvals cannot be read: %s", error)
            return None
        return found if found is not None and found.version == version else None

    def _is_another(self, task: str, version: int) -> bool:
        """Says whether a version is known to be another than the one that was approved under its number."""
        recorded, digest = self._recorded(task, version), self._digest(task, version)
        return recorded is not None and digest is not None and recorded.digest != digest

    def _digest(self, task: str, version: int) -> str | None:
        """Returns the digest that a version's sums say; None where it is not known."""
        try:
            folder = versions(self._root / task).get(version) if self._root else None
            return None if folder is None else _digest(folder, *_identity(folder))
        except (OSError, RadflowError) as error:
            _log.warning("the sums of %s, version %d, cannot be read: %s", task, version, error)
            return None


def _identity(folder: Path) -> tuple[int, ...]:
    """Returns what changes when a version's folder or its sums are replaced."""
    sums = folder / ASSETS / SUMS_FILE
    found = [path.stat() for path in (folder, sums) if path.exists()]
    return tuple(value for one in found for value in (one.st_ino, one.st_ctime_ns))


@lru_cache(maxsize=64)
def _digest(folder: Path, *_identity: int) -> str:
    """Returns the digest, once a version: of one without sums every file is read."""
    return said_digest(folder)


def interval(estimate: ServedEstimate | None) -> Interval | None:
    """Returns an estimate as the API has it."""
    return None if estimate is None else Interval(**estimate.model_dump())
