"""The exports: numbers as JSON and CSV, the model card and the bundle's metadata in their published fields."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from data_schemas.metrics import METRICS
from evaluation.evaluation import Evaluation
from reports.exports.bundle_metadata import bundle_metadata
from reports.exports.metrics_csv import COLUMNS, metrics_csv
from reports.exports.model_card import model_card
from reports.exports.report_json import finite, report_json
from tests.reports.sample_report import bare_data, evaluation, report_data

BOTH = pytest.mark.parametrize("data", [report_data(), bare_data()], ids=["whole", "bare"])


class Fields(BaseModel):
    """Fields of a published schema; there are no others, and types are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


# The Model Card Toolkit's JSON schema, version 0.0.2: its fields, none of them required.
class Described(Fields):
    description: str | None = None


class Version(Fields):
    name: str | None = None
    date: str | None = None
    diff: str | None = None


class Details(Fields):
    name: str | None = None
    overview: str | None = None
    documentation: str | None = None
    owners: list[dict[str, str]] | None = None
    version: Version | None = None
    licenses: list[dict[str, str]] | None = None
    references: list[dict[str, str]] | None = None
    citations: list[dict[str, str]] | None = None


class Sensitive(Fields):
    sensitive_data: list[str] | None = None


class Dataset(Fields):
    name: str | None = None
    link: str | None = None
    sensitive: Sensitive | None = None
    description: str | None = None


class Parameters(Fields):
    model_architecture: str | None = None
    data: list[Dataset] | None = None
    input_format: str | None = None
    output_format: str | None = None


class PerformanceMetric(Fields):
    type: str | None = None
    value: float | None = None
    slice: str | None = None


class Analysis(Fields):
    performance_metrics: list[PerformanceMetric] | None = None


class Risk(Fields):
    name: str | None = None
    mitigation_strategy: str | None = None


class Considerations(Fields):
    users: list[Described] | None = None
    use_cases: list[Described] | None = None
    limitations: list[Described] | None = None
    tradeoffs: list[Described] | None = None
    ethical_considerations: list[Risk] | None = None


class ModelCard(Fields):
    schema_version: str | None = None
    model_details: Details | None = None
    model_parameters: Parameters | None = None
    quantitative_analysis: Analysis | None = None
    considerations: Considerations | None = None


# MONAI's bundle specification: mandatory keys without a default, optional ones with one.
class TensorFormat(Fields):
    type: str
    format: str
    modality: str
    num_channels: int
    spatial_shape: list[int | str]
    dtype: str
    value_range: list[float]
    is_patch_data: bool
    channel_def: dict[str, str]


class NetworkFormat(Fields):
    inputs: dict[str, TensorFormat]
    outputs: dict[str, TensorFormat]


class BundleMetadata(Fields):
    version: str
    monai_version: str
    pytorch_version: str
    numpy_version: str
    optional_packages_version: dict[str, str]
    task: str
    description: str
    authors: str
    copyright: str
    network_data_format: NetworkFormat
    changelog: dict[str, str] | None = None
    intended_use: str | None = None
    data_source: str | None = None
    data_type: str | None = None
    references: list[str] | None = None
    image_classes: str | None = None
    label_classes: str | None = None
    pred_classes: str | None = None
    eval_metrics: dict[str, float] | None = None


@BOTH
def test_the_model_card_has_the_fields_of_the_toolkits_schema(data) -> None:
    card = ModelCard.model_validate_json(json.dumps(model_card(data)))
    assert card.schema_version == "0.0.2" and "not a medical device" in (card.model_details.documentation or "")


def test_a_field_that_the_schema_does_not_have_would_be_seen() -> None:
    with pytest.raises(ValidationError, match="confidence"):
        ModelCard.model_validate({"quantitative_analysis": {"performance_metrics": [{"confidence": 1.0}]}})


def test_the_cards_metrics_name_the_slice_and_leave_out_what_is_not_defined() -> None:
    metrics = model_card(report_data())["quantitative_analysis"]["performance_metrics"]
    assert {"type": "sensitivity, nodule", "value": 0.93} in metrics
    assert {"type": "AUROC, nodule", "value": 0.9, "slice": "sex F"} in metrics
    assert not [one for one in metrics if one.get("slice") == "sex O"]


@BOTH
def test_the_bundles_metadata_has_every_mandatory_key(data) -> None:
    bundle = BundleMetadata.model_validate_json(json.dumps(bundle_metadata(data)))
    image, scores = bundle.network_data_format.inputs["image"], bundle.network_data_format.outputs["scores"]
    assert (image.num_channels, image.spatial_shape, image.value_range) == (1, [128, 128], [0, 1])
    assert scores.channel_def == {"0": "normal", "1": "nodule", "2": "cavity"}


def test_the_table_has_a_row_for_each_group_finding_and_metric() -> None:
    rows = list(csv.DictReader(io.StringIO(metrics_csv(evaluation()))))
    # 3 groups (all, F, O), each 2 findings of all metrics and 2 of the whole task.
    assert len(rows) == 3 * (2 * len(METRICS) + 2)
    wanted = {"slice": "all", "finding": "nodule", "metric": "sensitivity"}
    values = {"value": "0.93", "lower": "0.88", "upper": "0.97", "patients": "15"}
    assert wanted | values in rows
    (small,) = [row for row in rows if (row["slice"], row["finding"], row["metric"]) == ("sex O", "nodule", "auroc")]
    assert (small["value"], small["patients"]) == ("", "7")


def test_without_an_evaluation_the_table_is_its_heading() -> None:
    assert metrics_csv(None).strip() == ",".join(COLUMNS)


@BOTH
def test_the_json_is_whole_plain_json(data) -> None:
    text = json.dumps(report_json(data), allow_nan=False)
    assert TypeAdapter(dict).validate_json(text)["format"] == "radflow-model-report/1"


def test_the_json_gives_the_evaluation_back_and_no_pseudonym_and_no_picture() -> None:
    value = report_json(report_data())
    assert Evaluation.from_json(value["evaluation"]) == evaluation()
    assert value["data"]["ingest"]["patients"] == {"train": 2, "eval": 1, "calibration": 1, "test": 2}
    assert "picture" not in value["explanations"]["gallery"]["cases"][0]
    assert value["summary"]["verdict"] == "Refused" and value["evaluation"]["looks"] == 2


def test_what_is_no_number_becomes_null() -> None:
    assert finite({"a": [math.nan, 1.0, (math.inf,)], 2: "x"}) == {"a": [None, 1.0, [None]], "2": "x"}
