"""When a prediction shows no scores: what was found that speaks against them, and how a reader is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, get_args

from data_schemas.description import ModelDescription
from data_schemas.task import Task
from serving.gateway.prepared import Refusal
from serving.gateway.schemas.base import Check
from serving.gateway.schemas.images import Image
from serving.gateway.schemas.predictions import Declared, Scope, Withheld, WithheldCode

Fact = Literal["modality", "view", "age_years"]
FACTS: tuple[Fact, ...] = ("modality", "view", "age_years")
ORDER: tuple[WithheldCode, ...] = get_args(WithheldCode)

_BY_WHAT: Mapping[str, WithheldCode] = {"modality": "modality_mismatch", "view": "view_mismatch"}
_UNKNOWN: Mapping[WithheldCode, Fact] = {
    "modality_unknown": "modality",
    "view_unknown": "view",
    "age_unknown": "age_years",
}
_NAMES: Mapping[Fact, str] = {"modality": "the modality", "view": "the view", "age_years": "the patient's age"}
_MISMATCH: Mapping[WithheldCode, Fact] = {
    "modality_mismatch": "modality",
    "view_mismatch": "view",
    "age_mismatch": "age_years",
}


def facts_used(image: Image, declared: Declared) -> list[Fact]:
    """Returns which of the facts that were stated an image's header left open, so that they were used."""
    silent = {"modality": not image.modality, "view": not image.view, "age_years": image.age_years is None}
    return [fact for fact in FACTS if silent[fact] and getattr(declared, fact) is not None]


def refused_scope(refusal: Refusal, description: ModelDescription, image: Image, used: Sequence[Fact]) -> Scope:
    """Returns the scope of an image that the task refuses and that was not sent to the model.

    The modality is looked at before the view, so that one that is known fits where the view is refused.
    """
    checks: dict[str, Check] = dict.fromkeys(("modality", "view", "age"), "unknown")
    if refusal.what in ("modality", "view"):
        checks[refusal.what] = "mismatch"
    if refusal.what == "view" and (image.modality or "modality" in used):
        checks["modality"] = "match"
    threshold = None if description.scope is None else description.scope.threshold
    return Scope(
        out_of_distribution=None,
        score=None,
        threshold=threshold,
        modality=checks["modality"],
        view=checks["view"],
        age=checks["age"],
        declared=list(used),
    )


def refusal_code(refusal: Refusal) -> WithheldCode:
    """Returns the code of a refusal."""
    return _BY_WHAT.get(refusal.what, "not_accepted")


def scope_codes(scope: Scope) -> set[WithheldCode]:
    """Returns what speaks against the scores of an image that the model was sent."""
    found: set[WithheldCode] = {"out_of_distribution"} if scope.out_of_distribution else set()
    for name in ("modality", "view", "age"):
        check = getattr(scope, name)
        found |= {code for code in ORDER if code == f"{name}_{check}"}
    return found


def withheld(
    codes: Collection[WithheldCode], task: Task, *, refusals: Iterable[Refusal] = (), used: Collection[Fact] = ()
) -> Withheld:
    """Returns why scores are withheld.

    Args:
        codes: one at least.
        task: of the model.
        refusals: of images that the task does not take, whose own words are told.
        used: facts that were stated: where one of them does not fit, it may be stated anew.
    """
    ordered = [code for code in ORDER if code in codes]
    unknown = [_NAMES[_UNKNOWN[code]] for code in ordered if code in _UNKNOWN]
    sentences = [sentence(code, task) for code in ordered if code != "not_accepted" and code not in _UNKNOWN]
    if unknown:
        sentences.append(_unknown(unknown))
    if "not_accepted" in codes:
        sentences += dict.fromkeys(refusal.reason for refusal in refusals if refusal_code(refusal) == "not_accepted")
    declare = [
        fact
        for fact in FACTS
        if any(_UNKNOWN.get(code) == fact or (_MISMATCH.get(code) == fact and fact in used) for code in ordered)
    ]
    return Withheld(codes=ordered, message=f"No scores are shown: {'; '.join(sentences)}.", declare=declare)


def sentence(code: WithheldCode, task: Task) -> str:
    """Returns what a code means, in plain words."""
    ages = task.decisions.age_range or (0, 0)
    return {
        "modality_mismatch": f"the modality is not one that the model reads ({', '.join(task.modalities)})",
        "view_mismatch": f"the view is not one that the model reads ({', '.join(task.views)})",
        "age_mismatch": f"the patient is not of the ages that the model is for ({ages[0]:g} to {ages[1]:g} years)",
        "modality_unknown": _unknown([_NAMES["modality"]]),
        "view_unknown": _unknown([_NAMES["view"]]),
        "age_unknown": _unknown([_NAMES["age_years"]]),
        "out_of_distribution": "an image does not look like those that the model was made from",
        "burned_in_text": "text was found in the pixels, which may name the patient and mislead the model",
        "not_accepted": "the model does not take such an image",
    }[code]


def _unknown(names: Sequence[str]) -> str:
    *first, last = names
    said = f"{', '.join(first)} and {last}" if first else last
    return f"the file does not say {said}: state {'them' if first else 'it'}"
