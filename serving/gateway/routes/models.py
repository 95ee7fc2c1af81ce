"""The models that can be asked, and what each is for."""

from __future__ import annotations

from fastapi import APIRouter

from data_schemas.description import ModelDescription
from data_schemas.served_evaluation import ServedEvaluation
from serving.gateway.context import TheGateway, ThePrincipal, TheRequestId
from serving.gateway.model_note import NOTE
from serving.gateway.problems import NOT_FOUND, ProblemError
from serving.gateway.schemas.base import Interval
from serving.gateway.schemas.models import Model, ModelCard, ModelList, ModelVersion, TestedFinding
from serving.gateway.served_models import ServedModel
from serving.gateway.version_facts import VersionFacts

router = APIRouter(prefix="/api/v1", tags=["models"])


@router.get("/models", operation_id="listModels", summary="The models that can be asked")
def list_models(gateway: TheGateway, _: ThePrincipal, request_id: TheRequestId) -> ModelList:
    """A model that the model server does not answer for is listed as not available."""
    return ModelList(models=[_model(model, gateway.facts, request_id) for model in gateway.models])


@router.get("/models/{name}/card", operation_id="getModelCard", summary="What a model is for, and how good it is")
def get_model_card(name: str, gateway: TheGateway, _: ThePrincipal, request_id: TheRequestId) -> ModelCard:
    """Tells of the version that would answer now; `findings` are empty where its test results are not known."""
    if name not in gateway.settings.models:
        raise ProblemError(NOT_FOUND, f"there is no such model; there are {', '.join(gateway.settings.models)}")
    model = gateway.models.named(name)
    current = model.current(request_id)
    evaluation = gateway.facts.evaluation(current.description.task.name, current.version)
    return _card(gateway.facts.version(name, current), current.description, evaluation)


def _model(model: ServedModel, facts: VersionFacts, request_id: str) -> Model:
    try:
        current = model.current(request_id)
    except ProblemError:
        return Model(name=model.name, available=False)
    task = current.description.task
    return Model(
        name=model.name,
        available=True,
        version=facts.version(model.name, current),
        title=task.title,
        intended_use=task.intended_use,
        unit=task.unit,
        labels=list(task.labels.names),
        findings=list(task.labels.findings),
        exclusive=task.labels.type == "multi_class",
        modalities=list(task.modalities),
        views=list(task.views),
    )


def _card(version: ModelVersion, description: ModelDescription, evaluation: ServedEvaluation | None) -> ModelCard:
    task = description.task
    return ModelCard(
        model=version,
        title=task.title,
        intended_use=task.intended_use,
        population=task.population,
        reference_standard=task.reference_standard,
        limitations=list(task.limitations),
        modalities=list(task.modalities),
        views=list(task.views),
        age_range=task.decisions.age_range,
        labels=list(task.labels.names),
        operating_points=description.operating_points,
        prevalence=description.prevalence,
        deployment_prevalence=description.deployment_prevalence,
        unit=task.unit,
        test_patients=None if evaluation is None else evaluation.patients,
        findings=[] if evaluation is None else _tested(evaluation),
        not_assessable=[] if evaluation is None else list(evaluation.not_assessable),
        gates=[] if evaluation is None else list(evaluation.gates),
        radflow_version=description.radflow_version,
        note=NOTE,
    )


def _tested(evaluation: ServedEvaluation) -> list[TestedFinding]:
    return [
        TestedFinding(
            name=name,
            patients_with=finding.patients_with,
            patients_without=finding.patients_without,
            metrics={metric: Interval(**estimate.model_dump()) for metric, estimate in finding.metrics.items()},
        )
        for name, finding in evaluation.findings.items()
    ]
