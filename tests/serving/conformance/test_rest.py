"""REST: paths, JSON in and out, and which HTTP status an error has."""

from __future__ import annotations

import base64
import math

import pytest


def b64(data: bytes):
    return {"b64": base64.b64encode(data).decode()}


def test_instances_are_rows_and_get_a_prediction_each(rest):
    instances = [{"a": [1.0, 2.0, 3.0], "b": 4.0}, {"a": [0.0, 0.0, 0.5], "b": -1.0}]
    status, answer = rest("/v1/models/toy:predict", {"signature_name": "two_inputs", "instances": instances})
    assert status == 200
    assert answer == {
        "predictions": [{"sum": 10.0, "a_twice": [2.0, 4.0, 6.0]}, {"sum": -0.5, "a_twice": [0.0, 0.0, 1.0]}]
    }


def test_inputs_are_columns_and_get_columns(rest):
    inputs = {"a": [[1.0, 2.0, 3.0]], "b": [4.0]}
    status, answer = rest("/v1/models/toy:predict", {"signature_name": "two_inputs", "inputs": inputs})
    assert (status, answer) == (200, {"outputs": {"sum": [10.0], "a_twice": [[2.0, 4.0, 6.0]]}})


def test_a_single_input_and_a_single_output_have_no_names(rest):
    body = {"signature_name": "row_sums", "instances": [[1.0, 2.0], [3.0, 4.0]]}
    assert rest("/v1/models/toy:predict", body) == (200, {"predictions": [3.0, 7.0]})
    body = {"signature_name": "row_sums", "inputs": [[1.0, 2.0], [3.0, 4.0]]}
    assert rest("/v1/models/toy:predict", body) == (200, {"outputs": [3.0, 7.0]})


def test_bytes_are_base64(rest, example):
    status, answer = rest("/v1/models/toy:predict", {"instances": [b64(example(0.5))]})
    assert status == 200
    assert answer["predictions"][0]["raw_scores"] == [0.0, 1.5, 3.0]
    assert answer["predictions"][0]["classes"] == ["normal", "nodule", "cavity"]
    assert answer["predictions"][0]["out_of_scope"] is False


def test_an_output_whose_name_ends_in_bytes_is_base64(rest):
    inputs = {"values": [1.0], "texts": [b64(b"\x00\xff")]}
    _, answer = rest("/v1/models/toy:predict", {"signature_name": "echo", "inputs": inputs})
    assert answer["outputs"]["texts_bytes"] == [b64(b"\x00\xff")]


def test_numbers_that_are_none_stand_as_such_both_ways(rest):
    inputs = (
        b'{"signature_name": "echo", "inputs": {"values": [NaN, Infinity, -Infinity, 0.1], "texts": ["","","",""]}}'
    )
    status, answer = rest("/v1/models/toy:predict", inputs)
    values = answer["outputs"]["values"]
    assert status == 200
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, 0.1]


@pytest.mark.parametrize(
    ("path", "raw_score"),
    [("toy", 1.5), ("toy/versions/1", 0.5), ("toy/labels/stable", 0.5), ("toy/labels/canary", 1.5)],
)
def test_a_version_or_label_in_the_path(rest, example, path, raw_score):
    _, answer = rest(f"/v1/models/{path}:predict", {"instances": [b64(example(0.5))]})
    assert answer["predictions"][0]["raw_scores"][1] == raw_score


def test_classify_gives_pairs_of_label_and_score(rest):
    body = {"signature_name": "classify", "examples": [{"mean": -1.0}, {"mean": [-1.0]}]}
    status, answer = rest("/v1/models/toy:classify", body)
    assert status == 200
    assert [[label for label, _ in row] for row in answer["results"]] == [["normal", "nodule", "cavity"]] * 2
    assert [[round(score, 5) for _, score in row] for row in answer["results"]] == [[0.33333] * 3] * 2


def test_regress_gives_numbers(rest):
    body = {"signature_name": "regress", "context": {"mean": 2.5}, "examples": [{}, {}]}
    assert rest("/v1/models/toy:regress", body) == (200, {"results": [3.5, 3.5]})


@pytest.mark.parametrize(("path", "versions"), [("toy", ["2", "1"]), ("toy/versions/1", ["1"])])
def test_status(rest, path, versions):
    status, answer = rest(f"/v1/models/{path}")
    assert status == 200
    assert answer == {
        "model_version_status": [
            {"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
            for version in versions
        ]
    }


def test_metadata(rest):
    status, answer = rest("/v1/models/toy/labels/stable/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "toy", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["describe"]["inputs"]["request"]["dtype"] == "DT_INT32"
    assert signatures["describe"]["inputs"]["request"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]


TWO = {"signature_name": "two_inputs"}


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/v1/models/chest:predict", {"instances": [1]}, 404, "Servable not found for request: Latest(chest)"),
        ("/v1/models/toy/versions/7:predict", {"instances": [1]}, 404, "Specific(toy, 7)"),
        ("/v1/models/toy/labels/none:predict", {"instances": [1]}, 400, "Unrecognized servable version label: none"),
        ("/v1/models/toy:predict", b"", 400, "JSON Parse error: The document is empty"),
        ("/v1/models/toy:predict", b"{", 400, "JSON Parse error: "),
        ("/v1/models/toy:predict", [1], 400, "Is not object"),
        ("/v1/models/toy:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
        ("/v1/models/toy:predict", {"instances": [1], "inputs": [1]}, 400, "only one of 'inputs' or 'instances'"),
        ("/v1/models/toy:predict", {"instances": []}, 400, "No values in 'instances' array"),
        ("/v1/models/toy:predict", {"instances": {}}, 400, "'instances' to be an list/array"),
        ("/v1/models/toy:predict", {"signature_name": 1, "instances": [1]}, 400, "must be a string value"),
        ("/v1/models/toy:predict", {"signature_name": "s", "instances": [1]}, 400, 'signature name: "s" not found'),
        ("/v1/models/toy:predict", {**TWO, "instances": [1.0]}, 400, "instances is a plain list"),
        ("/v1/models/toy:predict", {**TWO, "instances": [{"a": [1, 2, 3]}]}, 400, "keys must be equal to: a,b"),
        ("/v1/models/toy:predict", {**TWO, "inputs": {"a": [[1, 2, 3]]}}, 400, "Missing named input: b"),
        ("/v1/models/toy:predict", {**TWO, "inputs": {"a": [["x"]], "b": [1]}}, 400, "not of expected type: float"),
        ("/v1/models/toy:predict", {**TWO, "inputs": {"a": [[1, 2], [3]], "b": [1]}}, 400, "unexpected size: 1"),
        ("/v1/models/toy:predict", {"instances": [{"b64": "?"}]}, 400, "Unable to base64 decode"),
        ("/v1/models/toy:classify", {"examples": []}, 400, "'examples' value is an empty array"),
        ("/v1/models/toy:classify", {}, 400, "key 'examples' is expected and was not found"),
        ("/v1/models/toy:regress", {"examples": [1]}, 400, "Example must be JSON object but got JSON Number"),
        (
            "/v1/models/toy:regress",
            {"examples": [{"mean": [1.0, "a"]}]},
            400,
            "Unexpected element type in feature: mean",
        ),
        ("/v1/models/toy:explain", {}, 400, "Malformed request: POST /v1/models/toy:explain"),
        ("/v1/models/chest", None, 404, "Could not find any versions of model chest"),
        ("/v1/models/toy/versions/7", None, 404, "Could not find version 7 of model toy"),
        ("/v1/models/", None, 400, "Malformed request: GET /v1/models/"),
        ("/v1/models", None, 400, "Missing model name in request."),
    ],
)
def test_an_error_is_json_with_its_status(rest, path, body, status, says):
    got, answer = rest(path, body)
    assert got == status
    assert list(answer) == ["error"]
    assert says in answer["error"]


def test_the_metrics_have_tensorflow_servings_names(addresses, rest, example):
    import urllib.request

    from prometheus_client.parser import text_string_to_metric_families

    rest("/v1/models/toy:predict", {"instances": [b64(example())]})
    with urllib.request.urlopen(f"http://{addresses.rest}/monitoring/prometheus/metrics", timeout=30) as response:
        families = {family.name: family for family in text_string_to_metric_families(response.read().decode())}
    requests = families[":tensorflow:serving:request_count"].samples
    assert any(s.labels == {"model_name": "toy", "status": "OK"} and s.value >= 1 for s in requests)
    latency = families[":tensorflow:serving:request_latency"].samples
    assert any(s.labels.get("API") == "predict" and s.labels.get("entrypoint") == "REST" for s in latency)
