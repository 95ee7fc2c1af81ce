"""What whoever trains or judges on reviewed cases has to know of them, in words beside the export."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from data_schemas.task import Task

_WIDTH = 100
_PROTECT = """manifest.csv has a row an image, images/ has their files. Protect the folder as you protect the
originals: what is written into the pixels is still there."""
_SELECTION = """SELECTION. These are the cases that somebody reviewed, not a random sample of those that were read:
doubtful and striking ones are reviewed more often. Prevalence, PPV, NPV, calibration and error rates here hold
nowhere else."""
_INCORPORATION = """INCORPORATION BIAS. The labels of {seen} of {cases} cases were given with the model's answer in
view, or it is not known that they were not (feedback_blind is no). A reader who sees an answer tends to confirm it:
judged on such labels a model seems better than it is, and trained on them it learns its own mistakes again.
feedback_opinion has what the reader said before; in {moved} cases it was another thing. `--labels blind` writes
opinions alone that were given before the gateway sent the reader anything that the model said."""
_STANDARD = "REFERENCE STANDARD. A reader's word is not what the task asks for, which is: {standard}."
_PATIENTS = """PATIENTS. patient_id is a keyed hash of the gateway. A patient who is in the training data under
another name is not recognized: where both manifests are put together, one patient may be in two splits, and the test
result is too good. Give every row a `split` then, `train` for all that come from here, or judge on these alone."""
_CONSENT = """CONSENT. The gateway does not know who agreed to training. Whoever withdrew from the training data is
not recognized here either."""
_SEVERAL = """SEVERAL IMAGES. Readers judge cases. {several} cases have more than one image, and each image has its
case's labels, also where the finding is to be seen on another one of them."""
_NAMELESS = (
    """NAMELESS. No file of {nameless} cases names a patient: each of these cases counts as a patient of its own."""
)


def readme(counts: Mapping[str, Any], task: Task) -> str:
    """Returns the text that lies beside an export.

    Args:
        counts: `Exported.to_json()`.
        task: whose labels they are.
    """
    title = f"Cases that readers reviewed, for the task {task.name}."
    return "\n\n".join([title, *map(_wrapped, [_PROTECT, *_counted(counts), *_warnings(counts, task)])]) + "\n"


def _counted(counts: Mapping[str, Any]) -> list[str]:
    written = f"{counts['cases']} cases, {counts['images']} images, {counts['patients']} patients were written."
    by_basis = ", ".join(f"{name} {number}" for name, number in sorted(counts["bases"].items()))
    left = "".join(f" {number}: {reason}." for reason, number in sorted(counts["left_out"].items()))
    parts = [f"{written} Their labels rest on: {by_basis or 'nothing'}."]
    parts += [f"Cases that were left out:{left}"] if left else []
    parts += [f"{counts['missing']} images were gone or altered, and left out."] if counts["missing"] else []
    return parts


def _warnings(counts: Mapping[str, Any], task: Task) -> list[str]:
    told = {
        **counts,
        "seen": counts["cases"] - counts["blind"],
        "standard": task.reference_standard.strip().rstrip("."),
    }
    asked = [_SELECTION, _INCORPORATION, _STANDARD, _PATIENTS, _CONSENT]
    asked += [_SEVERAL] if counts["several"] else []
    asked += [_NAMELESS] if counts["nameless"] else []
    return [" ".join(text.split()).format(**told) for text in asked]


def _wrapped(paragraph: str) -> str:
    return "\n".join(textwrap.wrap(paragraph, _WIDTH))
