"""Every error that Radflow raises on purpose, and the exit code that each one ends a command with.

    RadflowError                  1  anything else that went wrong and was foreseen
    ├── ConfigurationError        2  the caller mends the command, task, manifest or weights, then runs again
    │   ├── TaskError                the task's YAML; every problem with its line
    │   ├── ManifestError            the manifest; every problem with its row
    │   ├── PseudonymKeyError        the pseudonym key file is unreadable, too open or malformed
    │   └── WeightsError             pretrained weights that cannot be had; says what to fetch and where to put it
    ├── GateRefused               3  the model missed a gate; what was served before stays
    ├── DataRefused               4  the data does not do for the task; DataCheck's report or the message says why
    ├── CanaryRefused             5  the exported model does not serve what the Trainer computed
    ├── DriftAlert                6  what is served is not like what the model was trained or tested on
    ├── AuditBroken               7  an entry of an audit log was changed, removed or added by another way
    ├── ModelAltered              8  a version's files are not those that the Pusher wrote
    ├── TrainingDiverged          1  the loss or the scores are no numbers any more; says what to lower
    ├── TrainingFailed            1  a training on several machines lost one of them; run again to go on
    ├── SearchFailed              1  a search for hyperparameters found none, or lost a worker; run again to go on
    ├── ModelServerError          1  the model server answered with an error
    │   ├── ModelServerAway          it does not answer at all, or not in time
    │   ├── ModelServerEnded         a child that serves models ended before it was ready; says with what status
    │   ├── ModelVersionUnknown      it does not serve the version or the label that was asked for (any more)
    │   └── ModelForeign             the model lacks what Radflow asks of a model that it exported
    └── ImageRejected             -  one record; it is counted and reported, and never ends a run
        ├── NotDicom                 status not_dicom
        ├── NoPixels                 status no_pixels
        ├── Unsupported              status unsupported
        │   └── NotForTask              readable, but of a modality, view or intent that the task does not take
        └── Corrupt                  status corrupt

Messages never carry patient data: no names, ids, dates, or paths of images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal


class RadflowError(Exception):
    """Root of Radflow's errors; `exit_code` is what a command that meets it exits with."""

    exit_code: ClassVar[int] = 1

    def _render_traceback_(self) -> list[str]:
        """Returns what Jupyter shows where a cell ends with this error: the message, for it was foreseen."""
        return [str(self)]


class ConfigurationError(RadflowError):
    """The command line, a task, a manifest or the weights are wrong: mend them and run again."""

    exit_code = 2


class ProblemsError(ConfigurationError):
    """A configuration file with one or more problems, all of which are listed at once.

    Args:
        what: the file, as the message names it.
        problems: one sentence each: where, what, and how to mend it.
    """

    def __init__(self, what: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problem" + ("s" if len(self.problems) != 1 else "")
        super().__init__("\n".join([f"{what}: {count}", *(f"  - {problem}" for problem in self.problems)]))


class TaskError(ProblemsError):
    """A task's YAML does not describe a task."""


class ManifestError(ProblemsError):
    """A manifest contradicts itself, the task or the disk."""


class PseudonymKeyError(ConfigurationError):
    """The pseudonym key file cannot be used."""


class WeightsError(ConfigurationError):
    """Pretrained weights were asked for and cannot be had."""


class GateRefused(RadflowError):
    """The candidate missed at least one gate, so it was not pushed."""

    exit_code = 3


class DataRefused(RadflowError):
    """The run was stopped because of its data, by DataCheck or where a later step finds it wanting."""

    exit_code = 4


class CanaryRefused(RadflowError):
    """The exported model, served, does not give what the Trainer computed."""

    exit_code = 5


class DriftAlert(RadflowError):
    """What is served differs from what the model was trained or tested on by more than was allowed."""

    exit_code = 6


class AuditBroken(RadflowError):
    """The hashes of an audit log do not make a chain."""

    exit_code = 7


class ModelAltered(RadflowError):
    """A version's files differ from the SHA-256 sums that were written with them."""

    exit_code = 8


class TrainingDiverged(RadflowError):
    """The network's scores are no numbers any more."""


class TrainingFailed(RadflowError):
    """A training on several machines could not begin, or a machine of it was lost; what was fitted is kept."""


class SearchFailed(RadflowError):
    """No trial of a search was completed, or a worker of it ended; what was completed is kept."""


class ModelServerError(RadflowError):
    """The model server cannot be reached or answered with an error."""


class ModelServerAway(ModelServerError):
    """The model server does not answer, or not within the time given: try again later."""


class ModelServerEnded(ModelServerError):
    """A model server that was started ended before it was ready; it has said itself why.

    Args:
        status: how its process ended; minus the signal's number where a signal did it.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the model server ended with status {status} before it was ready")
        self.status = status


class ModelVersionUnknown(ModelServerError):
    """The model server does not serve the version or the version label that was asked for: ask for another."""


class ModelForeign(ModelServerError):
    """The model lacks a signature that Radflow exports, or answers otherwise than Radflow's do: serve another model."""


class ImageRejected(RadflowError):
    """One image cannot be used; `status` is the word that `radflow inspect` and the rejects table print."""

    status: ClassVar[str] = "corrupt"


class NotDicom(ImageRejected):
    """The bytes are neither DICOM nor PNG, JPEG or NIfTI."""

    status = "not_dicom"


class NoPixels(ImageRejected):
    """A DICOM object without pixel data (a report, a structure set, a header alone)."""

    status = "no_pixels"


class Unsupported(ImageRejected):
    """Well-formed, but outside what Radflow or the task reads."""

    status = "unsupported"


class NotForTask(Unsupported):
    """An image that can be read and that the task does not take.

    Args:
        message: what was found, and what the task takes.
        what: the attribute that is to blame.
    """

    def __init__(self, message: str, what: Literal["modality", "view", "intent"]) -> None:
        super().__init__(message)
        self.what = what


class Corrupt(ImageRejected):
    """Truncated, inconsistent or undecodable."""

    status = "corrupt"
