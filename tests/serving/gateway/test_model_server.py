"""What a gateway does when its model server is away, comes back, or changes the model."""

from __future__ import annotations

import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from types import SimpleNamespace

import grpc
import pytest

from data_schemas.approvals import APPROVE, Approval, only_writer, record
from data_schemas.digests import content_digest, write_digests
from data_schemas.errors import ModelForeign, ModelServerAway, ModelServerError, ModelVersionUnknown
from data_schemas.model_files import ASSETS, EVALUATION_FILE
from serving.client import ModelClient
from serving.gateway.breaker import CircuitBreaker
from serving.gateway.observability.metrics import Metrics
from serving.gateway.problems import ProblemError
from serving.gateway.served_models import Current, ServedModel
from serving.gateway.settings import GatewaySettings
from serving.gateway.version_facts import VersionFacts


def settings(folder, address, **others):
    return GatewaySettings(
        model_server=address,
        models=("judge",),
        data_folder=folder,
        decode_workers=1,
        rate_per_minute=100_000,
        **others,
    )


@pytest.fixture
def own_models(judge_folders, tmp_path):
    """A folder with version 1 of `judge`, and its evaluation, which this test may change."""
    folder = tmp_path / "serving"
    shutil.copytree(judge_folders / "judge", folder / "synthetic_chest")
    assets = folder / "synthetic_chest" / "1" / ASSETS
    assets.mkdir(exist_ok=True)
    (assets / EVALUATION_FILE).write_text(json.dumps(evaluation()))
    write_digests(folder / "synthetic_chest" / "1")
    return folder


def evaluation():
    """Returns an evaluation of two findings, as the Pusher writes it."""

    def estimate(value):
        return {"value": value, "lower": value - 0.1, "upper": min(1.0, value + 0.1), "patients": 60, "note": ""}

    def finding(sensitivity):
        metrics = {"sensitivity": estimate(sensitivity), "specificity": estimate(0.9), "auroc": estimate(0.95)}
        return {"operating_point": 0.4, "patients_with": 60, "patients_without": 90, "metrics": metrics}

    return {
        "unit": "image",
        "cases": 200,
        "patients": 150,
        "findings": {"nodule": finding(0.8), "cavity": finding(0.7)},
        "not_assessable": ["age group 0-17"],
        "gates": ["nodule AUROC: met"],
    }


@pytest.fixture
def away_gateway(serve_gateway, tmp_path):
    """A gateway whose model server is not there."""
    samples = tmp_path / "samples"
    samples.mkdir()
    with serve_gateway(settings(tmp_path / "data", "127.0.0.1:1", samples=samples)) as client:
        yield client


def test_while_it_is_away_uploads_are_kept_and_predictions_are_503(away_gateway, upload, make_film):
    at_once = upload(away_gateway, make_film())
    assert at_once.status_code == 503
    assert at_once.json()["type"] == "/problems/unavailable"
    assert int(at_once.headers["retry-after"]) >= 1
    assert away_gateway.get("/api/v1/studies").json()["total"] == 0
    kept = upload(away_gateway, make_film(), predict="false")
    assert kept.status_code == 201
    address = kept.headers["location"]
    asked = away_gateway.post(f"{address}/predictions", json={})
    assert (asked.status_code, away_gateway.get(address).json()["status"]) == (503, "failed")
    image = kept.json()["image_list"][0]["id"]
    assert away_gateway.get(f"{address}/images/{image}/rendered").status_code == 200


def test_while_it_is_away_models_are_not_available_and_a_sample_is_kept(away_gateway, make_film):
    (model,) = away_gateway.get("/api/v1/models").json()["models"]
    assert {name for name, value in model.items() if value is not None} == {"name", "available"}
    assert model["available"] is False
    assert away_gateway.get("/api/v1/models/judge/card").status_code == 503
    assert away_gateway.get("/readyz").status_code == 503
    (away_gateway.app_folder.parent / "samples" / "film.dcm").write_bytes(make_film())
    sample = away_gateway.post("/api/v1/samples")
    assert sample.status_code == 201
    assert (sample.json()["status"], sample.json()["sample"]) == ("uploaded", True)


def test_after_some_failures_the_server_is_left_alone_and_answers_come_at_once(away_gateway):
    for _ in range(6):
        away_gateway.get("/api/v1/models/judge/card")
    began = time.monotonic()
    answer = away_gateway.get("/api/v1/models/judge/card")
    assert time.monotonic() - began < 0.5
    assert "did not answer the last calls" in answer.json()["detail"]


def test_a_server_that_comes_back_is_asked_again(serve_gateway, start_server, own_models, tmp_path, upload, make_film):
    flags = ("--model_name=judge", f"--model_base_path={own_models / 'synthetic_chest'}")
    server = start_server(*flags)
    address = server.wait_until_ready()
    with serve_gateway(settings(tmp_path / "data", address)) as client:
        assert upload(client, make_film()).status_code == 201
        server.stop()
        assert upload(client, make_film()).status_code == 503
        again = start_server(*flags, f"--port={address.rsplit(':', 1)[1]}")
        again.wait_until_ready()
        answers = []
        for _ in range(100):
            answers.append(upload(client, make_film()).status_code)
            if answers[-1] == 201:
                break
            time.sleep(0.2)
        assert answers[-1] == 201
        assert set(answers) <= {503, 201}


def test_a_reload_in_the_middle_gives_every_case_one_version(
    serve_gateway, start_server, own_models, export_judge, tmp_path, upload, make_film
):
    """Forty cases of two images, while version 2 takes over: none fails, and none mixes two versions."""
    flags = (
        "--model_name=judge",
        f"--model_base_path={own_models / 'synthetic_chest'}",
        "--file_system_poll_wait_seconds=1",
    )
    address = start_server(*flags).wait_until_ready()
    export_judge(tmp_path / "next", "image", 0.25)
    with serve_gateway(settings(tmp_path / "data", address)) as client:
        late = threading.Timer(0.5, lambda: shutil.copytree(tmp_path / "next", own_models / "synthetic_chest" / "2"))
        versions, began = [], time.monotonic()
        while len(versions) < 40 or (2 not in versions and time.monotonic() - began < 60):
            case = upload(client, make_film(1000), make_film(1000)).json()
            (prediction,) = case["predictions"]
            versions.append(prediction["model"]["version"])
            if len(versions) == 1:
                late.start()
            scores = {
                round(finding["probability"], 5)
                for image in prediction["images"]
                for finding in image["findings"]
                if finding["name"] == "nodule"
            }
            assert len(scores) == 1, scores
        late.join()
    assert set(versions) == {1, 2}
    assert versions == sorted(versions)


def test_test_results_and_the_approval_come_with_a_prediction(
    serve_gateway, start_server, own_models, tmp_path, upload, make_film
):
    address = start_server(
        "--model_name=judge", f"--model_base_path={own_models / 'synthetic_chest'}"
    ).wait_until_ready()
    with serve_gateway(settings(tmp_path / "data", address, serving_root=own_models)) as client:
        (prediction,) = upload(client, make_film()).json()["predictions"]
        nodule = next(one for one in prediction["findings"] if one["name"] == "nodule")
        assert nodule["sensitivity"] == {"value": 0.8, "lower": 0.7, "upper": 0.9, "patients": 60, "note": ""} | {
            "lower": pytest.approx(0.7),
            "upper": pytest.approx(0.9),
        }
        assert prediction["not_assessable"] == ["age group 0-17"]
        card = client.get("/api/v1/models/judge/card").json()
        assert (card["test_patients"], card["gates"]) == (150, ["nodule AUROC: met"])
        assert card["findings"][1]["metrics"]["auroc"]["value"] == 0.95
        assert card["model"]["approved"] is False


def test_the_label_approved_is_asked_for_first(judge_server, tmp_path):
    asked = []

    class Approving(ModelClient):
        """Answers as a server that has the label, which the version 1 carries."""

        def describe_version(self, *, version=None, version_label=None):
            asked.append(version_label)
            return super().describe_version(version=version)

    model = ServedModel(Approving(judge_server, "judge"), CircuitBreaker(), Metrics())
    current = model.current("id")
    assert (current.version, current.approved, asked) == (1, True, ["approved"])
    model.close()


def approved(root, version):
    """Returns facts of a folder in which a version is approved."""
    approval = Approval(
        model="synthetic_chest",
        version=int(version.name),
        by="A. Radiologist",
        role="head of radiology",
        statement="Tried on 50 cases.",
        at=datetime(2026, 11, 24, tzinfo=timezone.utc),
        digest=content_digest(version),
    )
    with only_writer(root):
        record(root, APPROVE, approval)
    return VersionFacts(root)


def version_of(root, number):
    version = root / "synthetic_chest" / str(number)
    version.mkdir(parents=True)
    (version / "saved_model.pb").write_text(f"model {number}")
    return version


def test_who_approved_is_told_of_the_version_that_is_approved_alone(tmp_path):
    version_of(tmp_path, 4)
    facts = approved(tmp_path, version_of(tmp_path, 3))
    assert facts.approval("synthetic_chest", 3).by == "A. Radiologist"
    assert facts.approval("synthetic_chest", 4) is None
    (tmp_path / "audit.jsonl").write_text("{}\n")
    assert facts.approval("synthetic_chest", 3) is None


@pytest.mark.parametrize("sums", [True, False])
def test_another_model_under_an_approved_number_is_not_said_to_be_approved(tmp_path, sums):
    version = version_of(tmp_path, 3)
    if sums:
        write_digests(version)
    facts = approved(tmp_path, version)
    current = Current(3, True, SimpleNamespace(task=SimpleNamespace(name="synthetic_chest")))
    said = facts.version("chest", current)
    assert said.approved and said.approval.by == "A. Radiologist"
    shutil.rmtree(version)
    assert facts.approval("synthetic_chest", 3) is None
    assert facts.version("chest", current).approved, "what the server says, where the folder does not say otherwise"
    (version_of(tmp_path, 3) / "saved_model.pb").write_text("another")
    if sums:
        write_digests(version)
    said = facts.version("chest", current)
    assert (said.approved, said.approval, facts.approval("synthetic_chest", 3)) == (False, None, None)


class Failing:
    """Stands for a client whose calls fail."""

    model_name = "judge"

    def __init__(self, error):
        self.error = error

    def with_request_id(self, request_id):
        return self

    def call(self):
        raise self.error


def test_a_version_that_is_gone_passes_and_does_not_open_the_breaker():
    model = ServedModel(Failing(ModelVersionUnknown("gone")), CircuitBreaker(failures=1), Metrics())
    for _ in range(3):
        with pytest.raises(ModelVersionUnknown):
            model.ask("id", lambda client: client.call())


def test_a_server_that_is_away_opens_it():
    model = ServedModel(Failing(ModelServerAway("away")), CircuitBreaker(failures=1), Metrics())
    for words in ("does not answer", "did not answer the last calls"):
        with pytest.raises(ProblemError, match=words):
            model.ask("id", lambda client: client.call())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModelForeign("lacks describe"), "no model that Radflow exported"),
        (ModelServerError("INTERNAL"), "refused what"),
    ],
)
def test_only_a_model_that_lacks_a_signature_is_said_to_be_none_of_radflows(error, words):
    model = ServedModel(Failing(error), CircuitBreaker(failures=1), Metrics())
    for _ in range(2):
        with pytest.raises(ProblemError, match=words) as caught:
            model.ask("id", lambda client: client.call())
        assert caught.value.kind.status == 502
        assert ("Radflow exported" in str(caught.value)) == isinstance(error, ModelForeign)


def test_a_server_that_stops_in_the_midst_of_an_answer_is_503_and_opens_the_breaker():
    """gRPC's server cancels what it has begun when it stops; a client sees CANCELLED."""

    def stopping(_, context):
        context.abort(grpc.StatusCode.CANCELLED, "CANCELLED")

    methods = {"Predict": grpc.unary_unary_rpc_method_handler(stopping)}
    handler = grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", methods)
    server = grpc.server(ThreadPoolExecutor(1), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    model = ServedModel(ModelClient(f"127.0.0.1:{port}", "judge"), CircuitBreaker(failures=1), Metrics())
    try:
        for words in ("does not answer", "did not answer the last calls"):
            with pytest.raises(ProblemError, match=words) as caught:
                model.current("id")
            assert caught.value.kind.status == 503
            assert int(caught.value.headers["Retry-After"]) >= 1
    finally:
        model.close()
        server.stop(None).wait()
