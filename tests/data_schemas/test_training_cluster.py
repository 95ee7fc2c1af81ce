"""TF_CONFIG as people and Kubeflow's training operator write it: who is who, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data_schemas.errors import ConfigurationError
from data_schemas.training_cluster import TrainingCluster, training_cluster

HOSTS = ["a:2222", "b:2222"]


def _named(cluster: dict[str, Any], **more: Any) -> TrainingCluster | None:
    return training_cluster({"TF_CONFIG": json.dumps({"cluster": cluster, **more})})


@pytest.mark.parametrize(
    ("cluster", "task", "addresses", "index"),
    [
        ({"worker": HOSTS}, {"type": "worker", "index": 0}, ("a:2222", "b:2222"), 0),
        ({"worker": HOSTS}, {"type": "worker", "index": 1}, ("a:2222", "b:2222"), 1),
        ({"worker": HOSTS, "chief": ["c:1"]}, {"type": "chief", "index": 0}, ("c:1", "a:2222", "b:2222"), 0),
        ({"worker": HOSTS, "chief": ["c:1"]}, {"type": "worker", "index": 1}, ("c:1", "a:2222", "b:2222"), 2),
    ],
)
def test_the_chief_comes_first(cluster: Any, task: Any, addresses: tuple[str, ...], index: int) -> None:
    found = _named(cluster, task=task, environment="cloud")
    assert found == TrainingCluster(addresses, index)
    assert found.chief == (index == 0)


@pytest.mark.parametrize(
    "text", ["", " ", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}']
)
def test_one_machine_is_no_cluster(text: str) -> None:
    assert training_cluster({"TF_CONFIG": text}) is None
    assert training_cluster({}) is None


WORKER = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Invalid JSON"),
        ("[]", "object"),
        ('{"cluster": 3}', "cluster"),
        (json.dumps({"cluster": {"worker": ["a", "b"]}, "task": WORKER}), r"cluster\.worker\.0: .*pattern"),
        (json.dumps({"cluster": {"worker": HOSTS, "ps": ["c:1"]}, "task": WORKER}), r"cluster\.ps: .*not permitted"),
        (json.dumps({"cluster": {"worker": HOSTS, "chief": HOSTS}, "task": WORKER}), r"cluster\.chief"),
        (json.dumps({"cluster": {"worker": HOSTS}}), "does not say which of the machines this is"),
        (json.dumps({"cluster": {"worker": HOSTS}, "task": {"type": "worker", "index": 2}}), "there is no worker 2"),
        (json.dumps({"cluster": {"worker": HOSTS}, "task": {"type": "chief", "index": 0}}), "there is no chief 0"),
        (json.dumps({"cluster": {"worker": HOSTS}, "task": {"type": "evaluator", "index": 0}}), r"task\.type"),
    ],
)
def test_what_is_wrong_is_said_with_how_to_mend_it(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"TF_CONFIG is no cluster \(.*{why}.*unset it, or give JSON such as"):
        training_cluster({"TF_CONFIG": text})
