"""Cases: uploads of one study each, what models say of them, and what readers do."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from serving.gateway.context import TheGateway, ThePrincipal, TheRequestId
from serving.gateway.feedback_check import check_feedback
from serving.gateway.new_cases import NewCase, new_case
from serving.gateway.paths import CaseId
from serving.gateway.problems import NOT_FOUND, ProblemError
from serving.gateway.routes.upload_body import UPLOAD_BODY
from serving.gateway.samples import sample_files
from serving.gateway.schemas.cases import Case, CaseList
from serving.gateway.schemas.feedback import Feedback, FeedbackRequest
from serving.gateway.schemas.predictions import Declared, Prediction, PredictionRequest
from serving.gateway.uploads import Limits, checked_fields, receive

router = APIRouter(prefix="/api/v1", tags=["studies"])

WithPredictions = Annotated[
    bool, Query(description="false: without anything that a model said, so that an opinion after it is blind")
]

_CREATED: dict[int | str, dict[str, Any]] = {
    201: {"headers": {"Location": {"description": "of what was made", "schema": {"type": "string"}}}}
}


@router.post(
    "/studies",
    operation_id="createStudy",
    summary="Upload one study, and have it predicted",
    status_code=201,
    responses=_CREATED,
    openapi_extra=UPLOAD_BODY,
)
async def create_study(
    request: Request,
    response: Response,
    gateway: TheGateway,
    principal: ThePrincipal,
    request_id: TheRequestId,
    *,
    predictions: WithPredictions = True,
) -> Case:
    """Takes DICOM, PNG, JPEG and NIfTI files of one study, or zip archives of them, in parts named `files`.

    Files are de-identified before they are kept, and their names are not kept at all. A file that gives no image is
    listed in `rejected`; an upload of which none does is refused (422). With `predict=true` (the default) the answer
    has the prediction, and 503 says that the model server is away, before anything is kept; with `predict=false` ask
    for it with `POST .../predictions`. 429 says that as many uploads as may are being decoded: `Retry-After` says when
    to come again.
    """
    settings = gateway.settings
    gateway.decoding.check_admitting()
    async with gateway.folders.upload_folder() as folder:
        limits = Limits(settings.max_request_bytes, settings.max_file_bytes, settings.max_files)
        upload = await receive(request, folder, limits, gateway.folders.writers)
        fields, declared = checked_fields(upload.fields)
        asked = NewCase(
            model=gateway.models.named(fields.model),
            predict=fields.predict == "true",
            declared=declared,
            sent=predictions,
        )
        case = await new_case(gateway, asked, upload.files, folder, principal=principal, request_id=request_id)
    response.headers["Location"] = f"/api/v1/studies/{case.id}"
    return case


@router.post(
    "/samples",
    operation_id="createSample",
    summary="Put in the next sample file, to try the gateway on",
    status_code=201,
    responses=_CREATED,
)
async def create_sample(
    response: Response,
    gateway: TheGateway,
    principal: ThePrincipal,
    request_id: TheRequestId,
    *,
    predictions: WithPredictions = True,
) -> Case:
    """Goes through the files that the gateway was given as samples, one after the other, and begins again."""
    files = await asyncio.to_thread(sample_files, gateway.settings.samples)
    if not files:
        raise ProblemError(NOT_FOUND, "the gateway was given no samples: set RADFLOW_GATEWAY_SAMPLES to a folder")
    async with gateway.folders.upload_folder() as folder:
        copy = folder / "file0"
        await asyncio.to_thread(lambda: copy.write_bytes(files[gateway.samples.next(len(files))].read_bytes()))
        model = gateway.models.named(None)
        asked = NewCase(model=model, predict=True, declared=Declared(), sample=True, sent=predictions)
        case = await new_case(gateway, asked, [copy], folder, principal=principal, request_id=request_id)
    response.headers["Location"] = f"/api/v1/studies/{case.id}"
    return case


@router.get("/studies", operation_id="listStudies", summary="The worklist")
def list_studies(
    gateway: TheGateway,
    principal: ThePrincipal,
    order: Annotated[Literal["triage", "newest"], Query(description="triage: what needs a human first")] = "triage",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512, description="`next` of the page before")] = None,
    *,
    predictions: WithPredictions = True,
) -> CaseList:
    """Lists the cases of one's group; an admin sees every group's.

    In the order `triage`, unread cases come first: flagged ones by urgency, withheld and failed ones, then the rest. It
    tells what a model said, as the rows do: without it, the order is `newest`.
    """
    return gateway.store.cases.page(principal, order=order, limit=limit, cursor=cursor, predictions=predictions)


@router.get("/studies/{case}", operation_id="getStudy", summary="A case with all that belongs to it")
def get_study(
    case: CaseId, gateway: TheGateway, principal: ThePrincipal, *, predictions: WithPredictions = True
) -> Case:
    """Tells of images, rejected files, predictions and feedback; that it was looked at is audited.

    `blind` says whether an opinion of the one who asks would still be one from before the model's say.
    """
    return gateway.store.cases.get(case, principal, predictions=predictions)


@router.delete("/studies/{case}", operation_id="deleteStudy", summary="Remove a case", status_code=204)
def delete_study(case: CaseId, gateway: TheGateway, principal: ThePrincipal) -> None:
    """Removes its images, predictions and feedback; its entries in the audit log stay."""
    gateway.store.cases.delete(case, principal)


@router.post(
    "/studies/{case}/predictions",
    operation_id="createPrediction",
    summary="Ask a model about a case",
    status_code=201,
    response_model=Prediction,
    responses={204: {"description": "It was asked, with `predictions=false`: what it said is kept, and not sent"}},
)
def create_prediction(
    case: CaseId,
    asked: PredictionRequest,
    gateway: TheGateway,
    principal: ThePrincipal,
    request_id: TheRequestId,
    *,
    predictions: WithPredictions = True,
) -> Prediction | Response:
    """Asks the case's model, or another one, after what no header says was stated in `declared`.

    What was stated fills what is unknown, never goes before a header, stays with the case, and is audited. Scores are
    withheld where the case is not what the model was made for; `withheld` says why, and what may be stated to go on.
    """
    with gateway.decoding.admitted():
        found = gateway.store.cases.get(case, principal, view=False)
        known = found.model if found.model in gateway.settings.models else None
        model = gateway.models.named(asked.model or known)
        declared = gateway.store.cases.declare(case, principal, asked.declared)
        said, _ = gateway.predictor.predict(
            found, principal, model, declared=declared, request_id=request_id, sent=predictions
        )
    return said if predictions else Response(status_code=204)


@router.get("/studies/{case}/predictions", operation_id="listPredictions", summary="The predictions of a case")
def list_predictions(case: CaseId, gateway: TheGateway, principal: ThePrincipal) -> list[Prediction]:
    """Lists them, oldest first; that they were looked at is audited."""
    return gateway.store.cases.get(case, principal).predictions


@router.post(
    "/studies/{case}/feedback", operation_id="createFeedback", summary="Say what you think of a case", status_code=201
)
def create_feedback(
    case: CaseId, said: FeedbackRequest, gateway: TheGateway, principal: ThePrincipal, request_id: TheRequestId
) -> Feedback:
    """Keeps an opinion, or what a reader says of a prediction; the case counts as read from now on.

    An opinion is given once, before all other feedback of its reader (409), and is not changed. `blind` says whether
    nothing that a model said of the case had been sent to the reader before.
    """
    found = gateway.store.cases.get(case, principal, view=False)
    check_feedback(said, found, gateway.models, request_id)
    return gateway.store.feedback.add(case, principal, said)
