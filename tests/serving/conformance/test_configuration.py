"""Version folders, policies, labels and HandleReloadConfigRequest."""

from __future__ import annotations

import shutil
import time

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from tests.processes import wait_until

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
STATE = get_model_status_pb2.ModelVersionStatus


def config(name="other", *, folder="toy", policy="all {}", labels=""):
    """A model's entry; `labels` is `LABEL VERSION,...`."""
    pairs = [label.split() for label in filter(None, labels.split(","))]
    version_labels = "".join(f'version_labels {{ key: "{label}" value: {version} }} ' for label, version in pairs)
    return (
        f'config {{ name: "{name}" base_path: "FOLDER/{folder}" model_platform: "tensorflow" '
        f"model_version_policy {{ {policy} }} {version_labels}}}"
    )


def configs(*entries):
    return f"model_config_list {{ {' '.join(entries)} }}"


TOY = config("toy", labels="stable 1,canary 2")


def served(prediction, predict_request, example, **spec):
    return prediction.Predict(predict_request(inputs=[example()], **spec)).model_spec.version.value


def states(model, name):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    return {status.version: status.state for status in model.GetModelStatus(request).model_version_status}


@pytest.mark.parametrize(("label", "version"), [("stable", 1), ("canary", 2)])
def test_a_label_stands_for_its_version(prediction, predict_request, example, label, version):
    assert served(prediction, predict_request, example, version_label=label) == version


def test_001_is_version_1(prediction, predict_request, example):
    assert served(prediction, predict_request, example, version=1) == 1


def test_without_a_version_the_newest_answers(prediction, predict_request, example):
    assert served(prediction, predict_request, example) == 2


@pytest.mark.parametrize("name", ["toy", "chest"])
def test_an_unknown_label(prediction, predict_request, example, status_of, name):
    request = predict_request(inputs=[example()], name=name, version_label="latest")
    expected = (INVALID_ARGUMENT, "Unrecognized servable version label: latest")
    assert status_of(prediction.Predict, request) == expected


def test_a_reload_without_a_config_list(model, status_of):
    code, text = status_of(model.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest())
    assert code is INVALID_ARGUMENT
    assert text == (
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
    )


def test_a_reload_adds_and_removes_models(reload_config, model, prediction, predict_request, example, status_of):
    reload_config(configs(TOY, config("other")))
    assert served(prediction, predict_request, example, name="other") == 2
    reload_config(configs(TOY))
    wait_until(lambda: states(model, "other") == {2: STATE.END, 1: STATE.END})
    expected = (grpc.StatusCode.NOT_FOUND, "Servable not found for request: Latest(other)")
    assert status_of(prediction.Predict, predict_request(name="other", inputs=[example()])) == expected


@pytest.mark.parametrize(
    ("policy", "versions"),
    [("latest { num_versions: 1 }", {2}), ("specific { versions: 1 }", {1}), ("all {}", {1, 2})],
    ids=["latest", "specific", "all"],
)
def test_a_policy_says_which_versions_are_served(reload_config, model, policy, versions):
    reload_config(configs(TOY, config("other", policy=policy)))
    wait_until(
        lambda: {number for number, state in states(model, "other").items() if state == STATE.AVAILABLE} == versions
    )


def test_a_reload_moves_a_label_to_a_version_that_is_loaded(reload_config, prediction, predict_request, example):
    reload_config(configs(config("toy", labels="stable 2")))
    assert served(prediction, predict_request, example, version_label="stable") == 2


def test_a_label_in_use_cannot_move_to_a_version_that_is_not_loaded(
    reload_config, prediction, predict_request, example
):
    with pytest.raises(grpc.RpcError) as caught:
        reload_config(configs(config("toy", labels="stable 7")))
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details() == (
        "Request to assign label to version 7 of model toy, which is not currently available for inference"
    )
    assert served(prediction, predict_request, example, version_label="stable") == 1


def test_a_label_not_in_use_may_be_set_before_its_version_is_loaded(
    reload_config, prediction, predict_request, example, status_of
):
    reload_config(configs(config("toy", labels="stable 1,next 7")))
    expected = (grpc.StatusCode.NOT_FOUND, "Servable not found for request: Specific(toy, 7)")
    assert status_of(prediction.Predict, predict_request(version_label="next", inputs=[example()])) == expected


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([TOY, TOY], "Illegal to list model toy multiple times in config list"),
        ([TOY, config("other").replace("FOLDER/", "")], "to have an absolute path or URI; got base_path()=toy"),
    ],
    ids=["twice", "relative path"],
)
def test_a_config_list_that_is_refused_changes_nothing(
    reload_config, prediction, predict_request, example, entries, says
):
    with pytest.raises(grpc.RpcError) as caught:
        reload_config(configs(*entries))
    assert caught.value.code() is INVALID_ARGUMENT
    assert says in caught.value.details()
    assert served(prediction, predict_request, example, version_label="stable") == 1


def test_a_version_that_appears_takes_over_and_the_old_one_is_unloaded(
    reload_config, model, folder, prediction, predict_request, example
):
    versions = folder.path / "empty"
    shutil.copytree(folder.path / "toy" / "001", versions / "1")
    try:
        reload_config(configs(TOY, config("other", folder="empty", policy="latest { num_versions: 1 }")))
        assert served(prediction, predict_request, example, name="other") == 1
        shutil.copytree(folder.path / "toy" / "2", versions / ".2")
        (versions / ".2").rename(versions / "2")
        while served(prediction, predict_request, example, name="other") == 1:  # no request fails meanwhile
            time.sleep(0.05)
        wait_until(lambda: states(model, "other") == {2: STATE.AVAILABLE, 1: STATE.END})
    finally:
        for version in versions.iterdir():
            shutil.rmtree(version)


def test_warm_up_requests_run_before_a_version_is_available(reload_config, prediction, predict_request, example):
    reload_config(configs(TOY, config("warm", folder="warmed_up")))
    assert served(prediction, predict_request, example, name="warm") == 1


@pytest.mark.parametrize(
    ("folder_name", "says"),
    [
        ("wrong_warm_up", 'Serving signature key "no_such_signature" not found.'),
        ("broken_warm_up", "Failed to parse warmup record"),
        ("long_warm_up", "Number of warmup records exceeds the maximum (1000)"),
    ],
)
def test_warm_up_requests_that_fail_fail_the_load(reload_config, model, folder_name, says):
    with pytest.raises(grpc.RpcError) as caught:
        reload_config(configs(TOY, config(folder_name, folder=folder_name)))
    assert caught.value.code() is grpc.StatusCode.UNKNOWN
    assert caught.value.details().startswith("Some models did not become available: {")
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = folder_name
    (status,) = model.GetModelStatus(request).model_version_status
    assert status.state == STATE.END
    assert says in status.status.error_message
