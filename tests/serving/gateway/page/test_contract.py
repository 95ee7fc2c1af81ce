"""The page's types are the gateway's schemas, field by field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from serving.gateway.schemas import models
from serving.gateway.schemas.base import Check, Interval
from serving.gateway.schemas.cases import Case, CaseList, CaseStatus, CaseSummary
from serving.gateway.schemas.feedback import Feedback, FeedbackRequest
from serving.gateway.schemas.images import Image, Pixels, RejectedFile, Window
from serving.gateway.schemas.predictions import (
    Declared,
    Finding,
    ImagePrediction,
    Prediction,
    PredictionRequest,
    Scope,
    Withheld,
    WithheldCode,
)
from serving.gateway.schemas.problem import Problem
from serving.gateway.schemas.session import Session

CONTRACT = Path(__file__).parents[4] / "serving" / "gateway" / "page" / "src" / "api" / "contract.ts"
MESSAGES = [
    Problem, Interval, Window, Pixels, Image, RejectedFile, Declared, CaseSummary, Case, CaseList, Withheld, Scope,
    Finding, ImagePrediction, Prediction, PredictionRequest, FeedbackRequest, Feedback, Session,
    models.Approval, models.ModelVersion, models.Model, models.ModelList, models.TestedFinding, models.ModelCard,
]  # fmt: skip
NAMED_VALUES = {"WithheldCode": WithheldCode, "CaseStatus": CaseStatus, "Check": Check}


def interface(name: str) -> dict[str, str]:
    """Returns the fields of an interface with their types, those that it extends included."""
    found = re.search(rf"export interface {name}(?: extends (\w+))? {{\n(.*?)\n}}", CONTRACT.read_text(), re.DOTALL)
    assert found, f"the page has no {name}"
    fields = dict(re.findall(r"^  (\w+)\??: (.*);$", found[2], re.MULTILINE))
    return {**(interface(found[1]) if found[1] else {}), **fields}


@pytest.mark.parametrize("message", MESSAGES)
def test_fields_are_the_schemas_and_null_where_they_may_be_none(message):
    fields = interface(message.__name__)
    assert set(fields) == set(message.model_fields)
    for field, kind in get_type_hints(message).items():
        if field in fields and message is not PredictionRequest:
            assert ("null" in fields[field]) == (type(None) in get_args(kind)), field


@pytest.mark.parametrize("name", NAMED_VALUES)
def test_named_values_are_the_schemas(name):
    text = CONTRACT.read_text()
    found: Any = re.search(rf"export type {name} =(.*?);", text, re.DOTALL)
    assert set(re.findall(r'"(\w+)"', found[1])) == set(get_args(NAMED_VALUES[name]))
