"""The images of a case: samples for a viewer, pictures, and where a model looked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.gateway.answers import OCTETS, PNG, binary, etag_of, file_response, picture_response, unchanged
from serving.gateway.context import TheGateway, ThePrincipal, TheRequestId
from serving.gateway.decoding_pool import FileRefusedError
from serving.gateway.explainer import Method, Wanted
from serving.gateway.paths import CaseId, ImageId
from serving.gateway.problems import INTERNAL, INVALID, NOT_FOUND, ProblemError
from serving.gateway.schemas.cases import Case
from serving.gateway.schemas.images import Image

router = APIRouter(prefix="/api/v1/studies/{case}/images/{image}", tags=["images"])

FrameNumber = Annotated[int, Query(ge=1, le=100_000, description="from 1")]
Center = Annotated[float | None, Query(ge=-1e9, le=1e9, allow_inf_nan=False, description="in the image's unit")]
Width = Annotated[float | None, Query(ge=1, le=1e9, allow_inf_nan=False, description="in the image's unit")]


@dataclass(frozen=True)
class AskedImage:
    """The image of a case that a request is for, and who asks."""

    request: Request
    gateway: TheGateway
    principal: ThePrincipal
    case: CaseId
    image: ImageId

    def of_case(self) -> Case:
        """Returns the case.

        Raises:
            ProblemError: NOT_FOUND, there is none, or it is another group's.
        """
        return self.gateway.store.cases.get(self.case, self.principal, view=False)

    def found(self, case: Case, frame: int) -> Image:
        """Returns the image, which has such a frame.

        Raises:
            ProblemError: NOT_FOUND.
        """
        for one in case.image_list:
            if one.id == self.image and frame <= one.pixels.frames:
                return one
        raise ProblemError(NOT_FOUND, "the case has no such image, or the image has fewer frames")

    def unchanged(self, etag: str) -> Response | None:
        """Returns the answer to whoever has it already, or None."""
        return unchanged(self.request, etag)

    def make(self, task: Literal["pixels", "rendered"], folder: Path, **arguments: Any) -> None:
        """Has a worker make something of the kept file.

        Raises:
            ProblemError: INTERNAL, a file that was decoded when it was uploaded cannot be now.
        """
        with self.gateway.store.images.file(self.case, self.image, self.principal) as file:
            try:
                self.gateway.decoding.submit(task, file=str(file), out=str(folder), **arguments).result()
            except FileRefusedError as refusal:
                detail = f"the kept file of this image cannot be read any more: {refusal}"
                raise ProblemError(INTERNAL, detail) from refusal


TheImage = Annotated[AskedImage, Depends()]


@router.get(
    "/pixels",
    operation_id="getPixels",
    summary="A frame's samples, as the image's `pixels` says",
    response_class=Response,
    responses=binary(OCTETS, "Samples row by row, little endian; compressed by gzip for those who accept it"),
)
def get_pixels(asked: TheImage, frame: FrameNumber = 1) -> Response:
    """Gives 8- or 16-bit unsigned samples: gray stored values, or RGB. Palettes are applied, signs moved."""
    found = asked.found(asked.of_case(), frame)
    compressed = "gzip" in asked.request.headers.get("accept-encoding", "")
    etag = etag_of(found.id, frame, "gzip" if compressed else "plain")
    if answer := asked.unchanged(etag):
        return answer
    headers = {"Vary": "Accept-Encoding"} | ({"Content-Encoding": "gzip"} if compressed else {})
    with asked.gateway.decoding.admitted(), asked.gateway.folders.folder() as folder:
        asked.make("pixels", folder, frame=frame, how=found.pixels.model_dump(), compressed=compressed)
        return file_response(folder / "pixels", etag, headers)


@router.get(
    "/rendered",
    operation_id="getRendered",
    summary="A frame as a picture",
    response_class=Response,
    responses=binary(PNG, "8-bit gray or RGB, as many rows and columns as the image"),
)
def get_rendered(
    asked: TheImage, frame: FrameNumber = 1, center: Center = None, width: Width = None, invert: bool = False
) -> Response:
    """Shows it by the file's own VOI LUT or window, else by its range, unless `center` and `width` are given."""
    if (center is None) != (width is None):
        raise ProblemError(INVALID, "center and width belong together: give both or neither")
    found = asked.found(asked.of_case(), frame)
    etag = etag_of(found.id, frame, center, width, invert)
    if answer := asked.unchanged(etag):
        return answer
    window = None if center is None else [center, width]
    with asked.gateway.decoding.admitted(), asked.gateway.folders.folder() as folder:
        asked.make("rendered", folder, frame=frame, window=window, invert=invert)
        return picture_response((folder / "rendered.png").read_bytes(), etag)


@router.get(
    "/thumbnail",
    operation_id="getThumbnail",
    summary="A small picture of the image",
    response_class=Response,
    responses=binary(PNG, "8-bit gray or RGB, 256 pixels at most"),
)
def get_thumbnail(asked: TheImage) -> Response:
    """Shows the middle frame."""
    data = asked.gateway.store.images.thumbnail(asked.case, asked.image, asked.principal)
    etag = etag_of(asked.image, "thumbnail")
    return asked.unchanged(etag) or picture_response(data, etag)


@router.get(
    "/heatmap",
    operation_id="getHeatmap",
    summary="Where the model looked for a finding",
    response_class=Response,
    responses=binary(PNG, "8-bit gray, as many rows and columns as the image; white where it looked most"),
)
def get_heatmap(
    asked: TheImage,
    request_id: TheRequestId,
    finding: Annotated[str, Query(min_length=1, max_length=256, description="a label of the model")],
    frame: FrameNumber = 1,
    method: Annotated[Method, Query(description="docs/explanations.md has what they mean")] = "layer-cam",
) -> Response:
    """Explains the case's latest prediction, by the version that made it; 409 where its scores are withheld.

    It shows what raised the score, neither what is in the image nor whether the model is right; the scales of two maps
    cannot be compared.
    """
    gateway, case = asked.gateway, asked.of_case()
    wanted = Wanted(asked.found(case, frame), frame, finding, method)
    latest = case.predictions[-1] if case.predictions else None
    etag = etag_of(asked.image, frame, method, latest and latest.id, finding.encode().hex())
    if answer := asked.unchanged(etag):
        return answer
    model = gateway.models.named(latest.model.name if latest else None)
    if latest:
        gateway.store.cases.note_shown([case.id], asked.principal)
    with gateway.decoding.admitted(), gateway.folders.folder() as folder:
        data = gateway.explainer.heatmap(case, wanted, asked.principal, model, request_id=request_id, folder=folder)
    told = {"image": asked.image, "frame": frame, "finding": finding, "method": method}
    gateway.store.audit.add(asked.principal, "heatmap", case.id, told)
    return picture_response(data, etag)
