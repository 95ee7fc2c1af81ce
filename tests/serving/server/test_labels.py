from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from serving.server.config import ModelConfig
from serving.server.errors import RequestError
from serving.server.labels import checked_labels, labelled_version


def config(**labels: int) -> ModelConfig:
    return ModelConfig("chest", Path("/chest"), labels=tuple(labels.items()))


def check(*, current=None, loaded=(1, 2), allow_unused=False, **labels):
    return checked_labels(
        [config(**labels)],
        current={"chest": current or {}},
        available=lambda name, version: name == "chest" and version in loaded,
        allow_unused=allow_unused,
    )


def test_labels_of_loaded_versions_are_taken():
    assert check(approved=1, candidate=2) == {"chest": {"approved": 1, "candidate": 2}}


@pytest.mark.parametrize("current", [{}, {"candidate": 2}, {"candidate": 3}])
def test_a_label_of_a_version_that_is_not_loaded_is_refused(current):
    with pytest.raises(RequestError) as caught:
        check(current=current, candidate=3)
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.message == (
        "Request to assign label to version 3 of model chest, which is not currently available for inference"
    )


@pytest.mark.parametrize("current", [{}, {"candidate": 3}], ids=["unused", "as before"])
def test_an_unused_label_may_be_allowed_on_a_version_that_is_not_loaded(current):
    assert check(current=current, allow_unused=True, candidate=3) == {"chest": {"candidate": 3}}


def test_a_label_in_use_never_moves_to_a_version_that_is_not_loaded():
    with pytest.raises(RequestError, match="version 3 of model chest"):
        check(current={"candidate": 2}, allow_unused=True, candidate=3)


@pytest.mark.parametrize(("model", "label"), [("chest", "latest"), ("ct", "approved")])
def test_an_unknown_label(model, label):
    with pytest.raises(RequestError, match=f"^Unrecognized servable version label: {label}$") as caught:
        labelled_version({"chest": {"approved": 1}}, model, label)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
