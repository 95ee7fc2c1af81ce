"""A gateway that answers the page as `serving.gateway.schemas` has it, with made-up pixels and predictions.

What a test wants to see is set before or while the page asks: who may ask, which requests fail, what the model says.
"""

from __future__ import annotations

import asyncio
import datetime
import gzip
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from serving.gateway import problems
from serving.gateway.schemas.base import Interval
from serving.gateway.schemas.cases import CaseList
from serving.gateway.schemas.feedback import Feedback, FeedbackRequest
from serving.gateway.schemas.models import Approval, Model, ModelCard, ModelList, ModelVersion, TestedFinding
from serving.gateway.schemas.predictions import (
    ImagePrediction,
    Prediction,
    PredictionRequest,
    Scope,
)
from serving.gateway.schemas.session import Session
from tests.serving.gateway.page.fake_cases import (
    INTENDED_USE,
    NOTE,
    NOW,
    Kept,
    Picture,
    interval,
    new_id,
    ramp,
    usual_findings,
)

DIST = Path(__file__).parents[4] / "serving" / "gateway" / "page" / "dist"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass
class FakeGateway:
    """The state of the gateway, and its application.

    Attributes:
        next_case: what the next upload becomes.
        answers: problems to answer instead, by method and the last part of the path, one a request: a kind and a
            Retry-After.
        delay: seconds that a prediction takes.
        asked: method and path with query of every request to the API.
        bodies: JSON bodies that were posted, with the path.
        uploads, models_asked: names of the files of each upload, and the model that it names.
    """

    api_key: str | None = None
    approved: bool = False
    available: bool = True
    exclusive: bool = True
    other_models: tuple[str, ...] = ()
    samples: int = 3
    max_files: int = 500
    page: int = 50
    delay: float = 0.0
    cases: list[Kept] = field(default_factory=list)
    next_case: Kept | None = None
    answers: dict[tuple[str, str], list[tuple[problems.Kind, str | None]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    bodies: list[tuple[str, Any]] = field(default_factory=list)
    uploads: list[list[str]] = field(default_factory=list)
    models_asked: list[Any] = field(default_factory=list)
    not_assessable: list[str] = field(default_factory=lambda: ["age group 0-17"])
    coverage: float | None = 0.9

    # --- made by tests

    def add(self, *pictures: Picture, predict: bool = True, **more: Any) -> Kept:
        kept = Kept(
            list(pictures), number=len(self.cases) + 1, created_at=NOW + datetime.timedelta(minutes=len(self.cases)),
            **{"findings": usual_findings(), **more},
        )  # fmt: skip
        self.cases.append(kept)
        if predict:
            self.predict(kept)
        return kept

    def version(self) -> ModelVersion:
        approval = Approval(
            version=3, by="Dr. A. Example", role="head of radiology", statement="For the pilot on ward 4.", at=NOW
        )
        return ModelVersion(
            name="chest", version=3, approved=self.approved, approval=approval if self.approved else None
        )

    def predict(self, kept: Kept) -> Prediction:
        withheld = kept.withheld
        check = dict.fromkeys(("modality", "view", "age"), "match")
        for code in withheld.codes if withheld else []:
            name, _, verdict = code.partition("_")
            if name in check:
                check[name] = verdict
        outside = withheld is not None and "out_of_distribution" in withheld.codes
        scope = Scope(out_of_distribution=outside, score=2.4 if outside else 0.6, threshold=1.06, **check)
        findings = [
            said.model_copy(update={"probability": None, "flagged": None, "in_set": None}) if withheld else said
            for said in kept.findings
        ]
        images = [
            ImagePrediction(image=picture.id, frame=1, scope=scope, findings=findings) for picture in kept.pictures
        ]
        prediction = Prediction(
            id=new_id(), created_at=NOW, model=self.version(), unit="image", withheld=withheld, findings=findings,
            images=images, coverage=self.coverage, calibrated=True, not_assessable=self.not_assessable,
            intended_use=INTENDED_USE, note=NOTE,
        )  # fmt: skip
        kept.predictions.append(prediction)
        kept.failed = False
        return prediction

    # --- asked by the page

    def app(self) -> Starlette:
        routes = [
            Route("/", self._index),
            Route("/favicon.svg", self._icon),
            Mount("/assets", StaticFiles(directory=DIST / "assets")),
            Route("/api/v1/session", self._session),
            Route("/api/v1/models", self._models),
            Route("/api/v1/models/{name}/card", self._card),
            Route("/api/v1/studies", self._list),
            Route("/api/v1/studies", self._upload, methods=["POST"]),
            Route("/api/v1/samples", self._sample, methods=["POST"]),
            Route("/api/v1/studies/{case}", self._case),
            Route("/api/v1/studies/{case}", self._delete, methods=["DELETE"]),
            Route("/api/v1/studies/{case}/predictions", self._predict, methods=["POST"]),
            Route("/api/v1/studies/{case}/feedback", self._feedback, methods=["POST"]),
            Route("/api/v1/studies/{case}/images/{image}/{what}", self._image),
        ]
        app = Starlette(routes=routes, exception_handlers={problems.ProblemError: self._problem})
        app.add_middleware(BaseHTTPMiddleware, dispatch=self._guard)
        return app

    async def _problem(self, request: Request, error: problems.ProblemError) -> Response:
        return Response(error.body("r" * 16), error.kind.status, media_type=problems.MEDIA_TYPE, headers=error.headers)

    async def _guard(self, request: Request, call_next: Any) -> Response:
        path = request.url.path
        if path.startswith("/api/"):
            self.asked.append(f"{request.method} {path}" + (f"?{request.url.query}" if request.url.query else ""))
            wrong = self._wrong(request)
            if wrong:
                await request.body()
                return await self._problem(request, wrong)
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    def _wrong(self, request: Request) -> problems.ProblemError | None:
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return problems.ProblemError(problems.UNAUTHENTICATED, "Send a key as Authorization: Bearer KEY.")
        planned = self.answers.get((request.method, request.url.path.rsplit("/", 1)[-1]), [])
        if not planned:
            return None
        kind, after = planned.pop(0)
        headers = {"Retry-After": after} if after else {}
        return problems.ProblemError(kind, f"{kind.title}, as this test asked for.", headers=headers)

    async def _index(self, request: Request) -> Response:
        return FileResponse(DIST / "index.html")

    async def _icon(self, request: Request) -> Response:
        return FileResponse(DIST / "favicon.svg")

    async def _session(self, request: Request) -> Response:
        return answer(Session(
            subject="local", role="reader", group="local", authentication="api_key" if self.api_key else "none",
            max_bytes=2 * 1024**3, max_files=self.max_files, retention_days=30, samples=self.samples,
        ))  # fmt: skip

    async def _models(self, request: Request) -> Response:
        model = Model(name="chest", available=False)
        if self.available:
            labels = ["normal", "nodule", "cavity"] if self.exclusive else ["nodule", "cavity"]
            model = Model(
                name="chest", available=True, version=self.version(), title="Nodules and cavities in chest films",
                intended_use=INTENDED_USE, unit="image", labels=labels, findings=["nodule", "cavity"],
                exclusive=self.exclusive, modalities=["CR", "DX"], views=["PA", "AP"],
            )  # fmt: skip
        others = [model.model_copy(update={"name": name, "title": name.title()}) for name in self.other_models]
        return answer(ModelList(models=[model, *others]))

    async def _card(self, request: Request) -> Response:
        tested = {
            "sensitivity": interval(0.913, 0.806, 0.969, 52), "specificity": interval(0.878, 0.795, 0.932, 98),
            "auroc": interval(0.954, 0.914, 0.981, 150), "ppv": Interval(value=None, note="3 patients only"),
        }  # fmt: skip
        return answer(ModelCard(
            model=self.version(), title="Nodules and cavities in chest films", intended_use=INTENDED_USE,
            population="None; a program draws the images.", reference_standard="The generator.",
            limitations=["Synthetic images. No conclusion about any real one may be drawn."], modalities=["CR", "DX"],
            views=["PA", "AP"], age_range=(18, 120), labels=["normal", "nodule", "cavity"],
            operating_points={"nodule": 0.33, "cavity": 0.2}, prevalence={"normal": 0.4, "nodule": 0.3, "cavity": 0.3},
            deployment_prevalence=None, unit="image", test_patients=150,
            findings=[
                TestedFinding(name="nodule", patients_with=52, patients_without=98, metrics=tested),
                TestedFinding(name="cavity", patients_with=48, patients_without=102, metrics=tested),
            ],
            not_assessable=self.not_assessable, gates=["nodule AUROC is at least 0.85: met (0.954, lower end 0.914)"],
            radflow_version="0.1.0", note=NOTE,
        ))  # fmt: skip

    async def _list(self, request: Request) -> Response:
        start = int(request.query_params.get("cursor", "0"))
        newest = sorted(self.cases, key=lambda kept: kept.created_at, reverse=True)
        if request.query_params["order"] == "triage":
            newest.sort(key=triage_key)
        page = newest[start : start + self.page]
        more = str(start + self.page) if start + self.page < len(newest) else None
        predictions = with_predictions(request)
        assert predictions or request.query_params["order"] == "newest"
        rows = [kept.told(predictions=predictions) for kept in page]
        return answer(CaseList(cases=rows, total=len(newest), next=more))

    async def _upload(self, request: Request) -> Response:
        form = await request.form(max_files=1000)
        files = form.getlist("files")
        assert form["predict"] == "false"
        self.uploads.append([file.filename for file in files])
        self.models_asked.append(form.get("model"))
        kept = self.next_case or Kept([Picture(ramp())], 0, NOW, usual_findings())
        self.next_case = None
        kept.number, kept.created_at = len(self.cases) + 1, NOW + datetime.timedelta(minutes=len(self.cases))
        self.cases.append(kept)
        return answer(kept.whole(predictions=with_predictions(request)), 201)

    async def _sample(self, request: Request) -> Response:
        self.samples -= 1
        made = self.add(Picture(ramp()), sample=True)
        return answer(made.whole(predictions=with_predictions(request)), 201)

    def _kept(self, request: Request) -> Kept:
        for kept in self.cases:
            if kept.id == request.path_params["case"]:
                return kept
        raise problems.ProblemError(problems.NOT_FOUND, "There is no such case.")

    async def _case(self, request: Request) -> Response:
        return answer(self._kept(request).whole(predictions=with_predictions(request)))

    async def _delete(self, request: Request) -> Response:
        self.cases.remove(self._kept(request))
        return Response(status_code=204)

    async def _predict(self, request: Request) -> Response:
        kept = self._kept(request)
        asked = PredictionRequest.model_validate_json(await request.body())
        self.bodies.append((request.url.path, asked.model_dump(exclude_none=True)))
        await asyncio.sleep(self.delay)
        stated = {name for name, value in asked.declared.model_dump().items() if value is not None}
        if kept.withheld and stated >= set(kept.withheld.declare):
            kept.withheld, kept.declared = None, asked.declared
        made = self.predict(kept)
        if not with_predictions(request):
            return Response(status_code=204)
        kept.shown = True
        return answer(made, 201)

    async def _feedback(self, request: Request) -> Response:
        kept = self._kept(request)
        given = FeedbackRequest.model_validate_json(await request.body())
        self.bodies.append((request.url.path, given.model_dump()))
        opinion = given.kind == "opinion"
        if opinion and any(one.mine for one in kept.feedback):
            raise problems.ProblemError(problems.CONFLICT, "You left feedback on this case already.")
        said = {**given.model_dump(), "blind": opinion and not kept.shown}
        made = Feedback(id=new_id(), created_at=NOW, author="local", mine=True, **said)
        kept.feedback.append(made)
        return answer(made, 201)

    async def _image(self, request: Request) -> Response:
        kept = self._kept(request)
        picture = next(each for each in kept.pictures if each.id == request.path_params["image"])
        frame = int(request.query_params.get("frame", "1"))
        match request.path_params["what"]:
            case "pixels":
                body = picture.stored[frame - 1].astype(picture.stored.dtype.newbyteorder("<")).tobytes()
                return Response(
                    gzip.compress(body, 1), media_type="application/octet-stream", headers={"Content-Encoding": "gzip"}
                )
            case "thumbnail":
                return Response(picture.thumbnail(), media_type="image/png")
            case _:
                return Response(heatmap(*picture.stored.shape[1:3]), media_type="image/png")


def with_predictions(request: Request) -> bool:
    return request.query_params.get("predictions") != "false"


def triage_key(kept: Kept) -> tuple[bool, int]:
    """Unread first; flagged, then what needs a human, then the rest."""
    row = kept.summary()
    rank = 0 if row["flagged"] else 1 if row["status"] in {"withheld", "failed"} else 2
    return row["read"], rank


def heatmap(rows: int, columns: int) -> bytes:
    """A spot right of and above the middle, 1 at its centre."""
    row, column = np.mgrid[:rows, :columns]
    far = ((row - rows * 0.4) / rows) ** 2 + ((column - columns * 0.64) / columns) ** 2
    return cv2.imencode(".png", (np.exp(-far / 0.004) * 255).round().astype(np.uint8))[1].tobytes()


def answer(body: Any, status: int = 200) -> Response:
    return Response(body.model_dump_json(), status, media_type="application/json")
