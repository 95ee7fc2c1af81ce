"""The page's types are the gateway's schemas, field by field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from serving.gateway import schemas

CONTRACT = Path(__file__).parents[4] / "serving" / "gateway" / "page" / "src" / "api" / "contract.ts"
NAMES = [
    "Problem", "Interval", "Window", "Pixels", "Image", "RejectedFile", "Declared", "CaseSummary", "Case", "CaseList",
    "Withheld", "Scope", "Finding", "ImagePrediction", "Approval", "ModelVersion", "Prediction", "PredictionRequest",
    "FeedbackRequest", "Feedback", "Model", "ModelList", "TestedFinding", "ModelCard", "Session",
]  # fmt: skip


def interface(name: str) -> dict[str, str]:
    """Returns the fields of an interface with their types, those that it extends included."""
    found = re.search(rf"export interface {name}(?: extends (\w+))? {{\n(.*?)\n}}", CONTRACT.read_text(), re.DOTALL)
    assert found, f"the page has no {name}"
    fields = dict(re.findall(r"^  (\w+)\??: (.*);$", found[2], re.MULTILINE))
    return {**(interface(found[1]) if found[1] else {}), **fields}


@pytest.mark.parametrize("name", NAMES)
def test_fields_are_the_schemas_and_null_where_they_may_be_none(name):
    model = getattr(schemas, name)
    fields = interface(name)
    assert set(fields) == set(model.model_fields)
    for field, kind in get_type_hints(model).items():
        if field in fields and name != "PredictionRequest":
            assert ("null" in fields[field]) == (type(None) in get_args(kind)), field


@pytest.mark.parametrize("name", ["WithheldCode", "CaseStatus", "Check"])
def test_named_values_are_the_schemas(name):
    text = CONTRACT.read_text()
    found: Any = re.search(rf"export type {name} =(.*?);", text, re.DOTALL)
    assert set(re.findall(r'"(\w+)"', found[1])) == set(get_args(getattr(schemas, name)))
