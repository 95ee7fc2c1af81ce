"""The API does what it says of itself: schemathesis sends what its description allows, and what it does not."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from serving.gateway.api_description import read_examples
from serving.gateway.schemas.audit import AuditPage
from serving.gateway.schemas.cases import Case, CaseList
from serving.gateway.schemas.feedback import Feedback, FeedbackRequest
from serving.gateway.schemas.models import ModelCard, ModelList
from serving.gateway.schemas.predictions import Prediction, PredictionRequest
from serving.gateway.schemas.session import Session

BODIES = {
    body.__name__: body
    for body in (
        AuditPage, Case, CaseList, Feedback, FeedbackRequest, ModelCard, ModelList, Prediction, PredictionRequest,
        Session,
    )
}  # fmt: skip

# 4xx of data that fits its description, which cannot say: that bytes are an image, that labels are the model's, that a
# prediction exists, that a cursor was given out.
_NOT_SAID = ["2xx", "304", "400", "404", "409", "422"]


def failures_of(base: str, seeded: dict[str, str], *, examples: int) -> tuple[list[str], int]:
    """Returns what schemathesis finds, and how many requests it made."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "generation": {"max-examples": examples, "deterministic": True, "database": "none"},
            "checks": {"positive_data_acceptance": {"expected-statuses": _NOT_SAID}},
        }
    )
    schema = schemathesis.openapi.from_url(f"{base}/api/v1/openapi.json", config=config)
    turns = itertools.count()

    @schema.hook
    def map_case(context: Any, case: Any) -> Any:
        """Puts ids of what is there in the place of every other valid random one, but where it would be deleted."""
        valid = case.meta is None or case.meta.generation.mode.is_positive
        if valid and case.method.upper() != "DELETE" and next(turns) % 2:
            case.path_parameters.update({name: seeded[name] for name in case.path_parameters or () if name in seeded})
        return case

    @schema.hook
    def filter_case(context: Any, case: Any) -> bool:
        """Leaves out forms whose fields are no text: in a form, the number 0 is the text "0"."""
        if case.media_type != "multipart/form-data" or not isinstance(case.body, dict):
            return True
        return all(isinstance(value, str) for name, value in case.body.items() if name != "files")

    found, requests = [], 0
    for event in from_schema(schema).execute():
        if isinstance(event, (events.NonFatalError, events.FatalError)):
            found.append(str(getattr(event, "info", None) or getattr(event, "exception", event)))
        if isinstance(event, events.ScenarioFinished):
            requests += len(event.recorder.cases)
            found += [
                f"{event.label}: {check.name}: {check.failure_info.failure}\n{check.failure_info.code_sample}"
                for checks in event.recorder.checks.values()
                for check in checks
                if check.failure_info
            ]
    return found, requests


@pytest.fixture(scope="module")
def seeded(gateway, upload, make_film):
    """A case with a prediction."""
    case = upload(gateway, make_film()).json()
    return {"case": case["id"], "image": case["image_list"][0]["id"], "name": "judge"}


def test_schemathesis_finds_nothing(gateway, seeded):
    found, requests = failures_of(str(gateway.base_url), seeded, examples=4)
    assert not found, "\n\n".join(found)
    assert requests > 300


@pytest.mark.load
def test_schemathesis_finds_nothing_in_minutes(gateway, seeded):
    found, _ = failures_of(str(gateway.base_url), seeded, examples=250)
    assert not found, "\n\n".join(found)


def test_schemathesis_would_find_an_answer_that_is_not_described(gateway, seeded, monkeypatch):
    described = httpx.get(f"{gateway.base_url}/api/v1/openapi.json").json()
    described["components"]["schemas"]["Session"]["properties"]["role"] = {"type": "integer"}
    monkeypatch.setattr(schemathesis.openapi, "from_url", lambda url, config: from_dict(described, gateway, config))
    found, _ = failures_of(str(gateway.base_url), seeded, examples=1)
    assert found
    assert all("GET /api/v1/session: response_schema_conformance" in one for one in found)


def from_dict(described, gateway, config):
    schema = schemathesis.openapi.from_dict(described, config=config)
    schema.config.update(base_url=str(gateway.base_url))
    return schema.include(path="/api/v1/session")


def bodies(operation):
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        yield from body.get("content", {}).items()


def test_every_body_has_an_example_and_every_operation_a_name_a_tag_and_the_shape_of_its_errors(gateway):
    described = gateway.get("/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    operations = [operation for path in described["paths"].values() for operation in path.values()]
    for operation in operations:
        assert operation["tags"]
        assert operation["summary"]
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        for media_type, body in bodies(operation):
            assert "example" in body or media_type in ("image/png", "application/octet-stream", "text/plain")
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) > 15


@pytest.mark.parametrize("name", sorted(read_examples()))
def test_examples_are_what_they_are_examples_of(name):
    BODIES[name].model_validate(read_examples()[name])


def test_without_authentication_none_is_described(gateway):
    assert "security" not in gateway.get("/api/v1/openapi.json").json()
