from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest

from data_schemas.errors import ConfigurationError, ModelForeign, ModelServerAway, ModelServerError, ModelVersionUnknown
from data_schemas.wire import example_pb2, serving_pb2
from serving.client import ModelClient, Tls
from serving.tensors import string_array


def example(mean: float) -> bytes:
    message = example_pb2.Example()
    message.features.feature["mean"].float_list.value.append(mean)
    return message.SerializeToString()


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


@pytest.fixture
def client(toy_server):
    with ModelClient(toy_server, "toy") as client:
        yield client


def test_scores_are_the_models_and_the_version_is_named(client):
    prediction = client.predict([example(0.5), example(-1.0)])
    np.testing.assert_allclose(prediction.outputs["scores"], softmax(np.array([[0, 1.5, 3.0], [0, 0, 0]])), atol=1e-6)
    assert prediction.outputs["classes"][0].tolist() == [b"normal", b"nodule", b"cavity"]
    assert prediction.version == 2


def test_a_further_input_reaches_its_signature(client):
    prediction = client.predict([example(0.5)], signature="explain", label=np.array([2], np.int64))
    cavity = softmax(np.array([0, 1.5, 3.0]))[2]
    assert prediction.outputs["heatmap"].shape == (1, 8, 8)
    np.testing.assert_allclose(prediction.outputs["heatmap"].max(), cavity, atol=1e-6)


def test_calibrate_answers_to_logits_as_to_an_image_but_for_what_is_the_images_own(client):
    scored = client.predict([example(0.5), example(-1.0)])
    answer = client.calibrate(scored.outputs["raw_scores"].astype(float).mean(axis=0, keepdims=True), version=2)
    # Means of 0.5 and -1, to which the toy's version 2 adds 1, give the mean 0.75.
    np.testing.assert_allclose(answer.outputs["scores"], softmax(np.array([[0, 0.75, 1.5]])), atol=1e-6)
    assert answer.version == 2
    checks = {"modality_check", "view_check", "age_check"}
    assert set(answer.outputs) == set(scored.outputs) - {"out_of_scope", "out_of_scope_score", *checks}


def test_calibrate_refuses_logits_of_other_labels(client):
    with pytest.raises(ModelServerError, match="INVALID_ARGUMENT"):
        client.calibrate(np.zeros((1, 2), np.float32))


def test_describe_tells_the_task_and_asks_once_for_a_version(client, monkeypatch):
    assert client.describe(2).task.labels.findings == ("nodule", "cavity")
    monkeypatch.setattr(client, "call", lambda *_, **__: pytest.fail("asked again"))
    assert client.describe(2).operating_points == {"nodule": 0.4, "cavity": 0.4}


def test_versions_are_those_that_answer(client):
    assert client.versions() == (2,)


def test_a_server_that_is_away_is_told_how_to_start_one():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with ModelClient(address, "toy") as client, pytest.raises(ModelServerError) as caught:
            client.predict([example(0.5)])
    assert str(caught.value) == f"no model server answers at {address}: start one with `radflow serve --model DIR`"


@pytest.mark.parametrize("ask", [ModelClient.describe, ModelClient.versions], ids=["describe", "versions"])
def test_an_unknown_model_asks_for_its_name(toy_server, ask):
    with ModelClient(toy_server, "chest") as client, pytest.raises(ModelServerError, match="--model-name"):
        ask(client)


def test_a_deadline_ends_a_call_that_takes_too_long(toy_server):
    with (
        ModelClient(toy_server, "toy", timeout_s=0.05) as client,
        pytest.raises(ModelServerError, match=r"within 0\.05 s"),
    ):
        client.call("slow", {"steps": np.array([50], np.int32)})


def test_what_the_server_refuses_is_passed_on(client):
    with pytest.raises(ModelServerError, match="INVALID_ARGUMENT: input size does not match signature"):
        client.call("explain", {"inputs": string_array([example(0.5)])})


def test_an_array_that_cannot_be_sent_is_refused_before_it_is_sent(client):
    with pytest.raises(ModelServerError, match="complex128"):
        client.call("two_inputs", {"a": np.zeros((1, 3), complex), "b": np.zeros(1, np.float32)})


def test_a_model_that_is_not_radflows_is_refused(client, monkeypatch):
    foreign = client.call("two_inputs", {"a": np.zeros((1, 3), np.float32), "b": np.zeros(1, np.float32)})
    monkeypatch.setattr(client, "call", lambda *_, **__: foreign)
    with pytest.raises(ModelForeign, match="`describe` is not Radflow's"):
        client.describe()


def test_the_client_does_not_import_tensorflow():
    code = "import sys, serving.client; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_a_label_that_the_server_does_not_have_is_told_apart(client):
    with pytest.raises(ModelVersionUnknown, match="Unrecognized servable version label: nightly"):
        client.describe_version(version_label="nightly")


def test_a_version_that_is_not_served_any_more_is_told_apart(client):
    with pytest.raises(ModelVersionUnknown, match=r"Specific\(toy, 1\)"):
        client.predict([example(0.5)], version=1)


def test_the_version_that_answers_is_asked_for_each_time(client):
    assert client.describe_version()[0] == 2
    assert client.describe_version()[1] is client.describe(2)


@dataclass
class Recorded:
    """What a server of one method was called with."""

    metadata: list[dict[str, str]]
    labels: list[str]


def answering(recorded, *, failures=0):
    """Returns a gRPC handler that knows Predict, and answers UNAVAILABLE so many times first."""

    def predict(request, context):
        recorded.metadata.append(dict(context.invocation_metadata()))
        recorded.labels.append(request.model_spec.version_label)
        if len(recorded.labels) <= failures:
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting again")
        return serving_pb2.PredictResponse(model_spec={"name": "toy", "version": {"value": 5}})

    method = grpc.unary_unary_rpc_method_handler(
        predict,
        request_deserializer=serving_pb2.PredictRequest.FromString,
        response_serializer=serving_pb2.PredictResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", {"Predict": method})


@contextmanager
def serving(handler, credentials=None):
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    port = (
        server.add_insecure_port("127.0.0.1:0")
        if credentials is None
        else server.add_secure_port("127.0.0.1:0", credentials)
    )
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


def test_a_server_that_starts_again_is_asked_again_within_the_call():
    recorded = Recorded([], [])
    with serving(answering(recorded, failures=2)) as port, ModelClient(f"127.0.0.1:{port}", "toy") as client:
        assert client.call("any", {}, version_label="approved").version == 5
    assert recorded.labels == ["approved"] * 3
    assert recorded.metadata[2]["grpc-previous-rpc-attempts"] == "2"


def test_a_request_id_goes_with_the_calls_of_its_request_alone():
    recorded = Recorded([], [])
    with serving(answering(recorded)) as port, ModelClient(f"127.0.0.1:{port}", "toy") as client:
        client.with_request_id("0123").call("any", {})
        client.call("any", {})
    assert [sent.get("x-request-id") for sent in recorded.metadata] == ["0123", None]


@pytest.mark.parametrize(
    ("code", "details"),
    [
        (grpc.StatusCode.CANCELLED, "CANCELLED"),
        (grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 2"),
        (grpc.StatusCode.UNKNOWN, "Stream removed"),
    ],
)
def test_a_server_that_breaks_off_as_it_stops_is_away(code, details):
    with (
        serving(predicting(lambda _, context: context.abort(code, details))) as port,
        ModelClient(f"127.0.0.1:{port}", "toy") as client,
        pytest.raises(ModelServerAway, match="broke off its answer"),
    ):
        client.describe_version()


@pytest.mark.parametrize("answer", [b"", b"\x0a\xff"], ids=["nothing", "cut off"])
def test_half_an_answer_of_describe_is_that_of_a_server_that_stops(answer):
    with (
        serving(predicting(lambda *_: answer)) as port,
        ModelClient(f"127.0.0.1:{port}", "toy") as client,
        pytest.raises(ModelServerAway, match="it stops, or starts again"),
    ):
        client.describe_version()


def test_an_error_of_the_servers_own_is_none_of_a_server_that_stops():
    refusal = predicting(lambda _, context: context.abort(grpc.StatusCode.INTERNAL, "cuDNN could not be created"))
    with serving(refusal) as port, ModelClient(f"127.0.0.1:{port}", "toy") as client:
        with pytest.raises(ModelServerError, match="INTERNAL: cuDNN") as caught:
            client.describe_version()
        assert type(caught.value) is ModelServerError


def predicting(predict):
    """Returns a gRPC handler whose Predict is a function of bytes."""
    methods = {"Predict": grpc.unary_unary_rpc_method_handler(predict)}
    return grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", methods)


def test_a_signature_that_the_server_lacks_is_told_apart(client):
    with pytest.raises(ModelForeign, match="Serving signature key"):
        client.call("nonesuch", {})


def certificate(folder):
    """Writes a key and a certificate of this machine, signed by itself."""
    key, chain = folder / "key.pem", folder / "chain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", chain],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return key, chain


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the program openssl, which makes a certificate, is absent")
def test_tls_proves_both_ends_and_refuses_a_stranger(tmp_path):
    key, chain = certificate(tmp_path)
    pair = [(key.read_bytes(), chain.read_bytes())]
    credentials = grpc.ssl_server_credentials(pair, chain.read_bytes(), require_client_auth=True)
    recorded = Recorded([], [])
    with serving(answering(recorded), credentials) as port:
        known = Tls(root_certificates=chain, key=key, certificate=chain)
        with ModelClient(f"localhost:{port}", "toy", tls=known) as client:
            assert client.call("any", {}).version == 5
        for stranger in (Tls(root_certificates=chain), None):
            with (
                ModelClient(f"localhost:{port}", "toy", tls=stranger, timeout_s=5) as client,
                pytest.raises(ModelServerAway),
            ):
                client.call("any", {})
    assert len(recorded.labels) == 1


def test_tls_files_are_named_where_they_cannot_be_used(tmp_path):
    with pytest.raises(ConfigurationError, match=r"absent\.pem"):
        ModelClient("localhost:1", "toy", tls=Tls(root_certificates=tmp_path / "absent.pem"))
    with pytest.raises(ConfigurationError, match="belong together"):
        ModelClient("localhost:1", "toy", tls=Tls(key=tmp_path / "key.pem"))
