"""Whether feedback can be meant: it names labels of the model, and the prediction that was seen."""

from __future__ import annotations

from data_schemas.task import Labels
from serving.gateway.problems import INVALID, ProblemError
from serving.gateway.schemas.cases import Case
from serving.gateway.schemas.feedback import FeedbackRequest
from serving.gateway.served_models import ServedModels


def check_feedback(said: FeedbackRequest, case: Case, models: ServedModels, request_id: str) -> None:
    """Raises unless feedback fits the case.

    Args:
        said: the feedback.
        case: what it is of.
        models: whose labels it may name.
        request_id: goes to the model server, if it has to be asked.

    Raises:
        ProblemError: INVALID, it does not fit; UNAVAILABLE, nobody has said yet which labels there are.
    """
    if (said.kind == "opinion") != (said.prediction is None):
        raise ProblemError(INVALID, "prediction: name the one that was seen; an opinion, given before, names none")
    if said.kind == "correct" or said.labels:
        _check_labels(said, _labels(case, models, request_id))


def _labels(case: Case, models: ServedModels, request_id: str) -> Labels:
    return models.named(case.model).labels(request_id)


def _check_labels(said: FeedbackRequest, labels: Labels) -> None:
    unknown = [name for name in said.labels if name not in labels.names]
    if unknown or len(set(said.labels)) < len(said.labels):
        raise ProblemError(INVALID, f"labels: each at most once, of {', '.join(labels.names)}")
    if labels.type == "multi_class" and len(said.labels) != 1:
        raise ProblemError(INVALID, f"labels: exactly one of {', '.join(labels.names)}, since they exclude each other")
