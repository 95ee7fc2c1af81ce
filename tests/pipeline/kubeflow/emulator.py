"""Runs the steps of a compiled specification as Kubeflow Pipelines' driver and launcher would, without a cluster.

It follows `driver.go`, `launcher_v2.go` and `client.go` of open-source Kubeflow Pipelines 2: what a step is given in
its ExecutorInput (inputs are called by a number and have no type, an output `executor-logs` is added), which files it
finds (those of its declared inputs, copied from the object store into folders of its own, where no folder is empty),
and what is taken from it (declared outputs, and what its ExecutorOutput says). What it is not: pods, Argo, or an object
store.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
SCHEMES = {"gs": "gcs", "s3": "s3", "minio": "minio"}
LOGS = {"artifactType": {"schemaTitle": "system.Artifact"}}
Message = dict[str, Any]


class StepError(Exception):
    """A step ended with another exit code than 0; the text is what it said."""


class Cluster:
    """A namespace of a cluster: an object store, a cache, and what runs left.

    Args:
        file: the compiled YAML.
        folder: holds the object store and the steps' folders.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        self.spec: Message = next(yaml.safe_load_all(file.read_text()))
        self.tasks: Message = self.spec["root"]["dag"]["tasks"]
        self._folder, self._store = folder, folder / "store"
        self._cache: dict[str, Message] = {}
        self._ids = 0
        self.executed: Counter[str] = Counter()

    def order(self) -> list[str]:
        """Returns the steps, each after those that it depends on."""
        done: list[str] = []
        while len(done) < len(self.tasks):
            ready = [
                name
                for name, task in self.tasks.items()
                if name not in done and set(task.get("dependentTasks", ())) <= set(done)
            ]
            assert ready, f"a circle, or a step that there is not, among {set(self.tasks) - set(done)}"
            done += ready
        return done

    def run(self, run_id: str, *nodes: str) -> Run:
        """Runs steps, or all of them, as one run."""
        run = Run(self, run_id)
        for node in nodes or self.order():
            run.step(node)
        return run

    def next_id(self) -> str:
        """Returns the number of a new artifact, as a text."""
        self._ids += 1
        return str(self._ids)


class Run:
    """One run: what its steps gave."""

    def __init__(self, cluster: Cluster, run_id: str) -> None:
        self._cluster, self._run_id = cluster, run_id
        self.outputs: dict[str, Message] = {}
        self.executed: list[str] = []

    def step(self, node: str) -> Message:
        """Runs one step, unless the cache knows what it would give; returns its outputs."""
        cluster, task = self._cluster, self._cluster.tasks[node]
        request = self.executor_input(node)
        key = self.cache_key(node)
        caches = task["cachingOptions"].get("enableCache", False)
        if not (caches and key in cluster._cache):
            cluster._cache[key] = self._execute(node, request)
            cluster.executed[node] += 1
            self.executed.append(node)
        self.outputs[node] = cluster._cache[key]
        return self.outputs[node]

    def cache_key(self, node: str) -> str:
        """Returns Kubeflow's key: names of input artifacts, input parameters, what goes out (without URIs), command."""
        request = self.executor_input(node)
        inputs = {
            name: [one["name"] for one in found["artifacts"]] for name, found in request["inputs"]["artifacts"].items()
        }
        outputs = {
            name: [{"type": one["type"], "metadata": one["metadata"]} for one in made["artifacts"]]
            for name, made in request["outputs"]["artifacts"].items()
        }
        parts = [inputs, request["inputs"]["parameterValues"], outputs, sorted(request["outputs"]["parameters"])]
        return hashlib.sha256(json.dumps([*parts, self._container(node)], sort_keys=True).encode()).hexdigest()

    def executor_input(self, node: str) -> Message:
        """Returns what the driver makes of a step's inputs and outputs."""
        task, component = self._cluster.tasks[node], self._component(node)
        outputs = component.get("outputDefinitions", {})
        root = (
            f"{self._cluster.spec['defaultPipelineRoot']}/{self._cluster.spec['pipelineInfo']['name']}/{self._run_id}"
        )
        return {
            "inputs": {
                "parameterValues": {
                    name: self._parameter(one) for name, one in task.get("inputs", {}).get("parameters", {}).items()
                },
                "artifacts": {
                    name: {"artifacts": [self._artifact(node, one["taskOutputArtifact"])]}
                    for name, one in task.get("inputs", {}).get("artifacts", {}).items()
                },
            },
            "outputs": {
                "artifacts": {
                    name: {
                        "artifacts": [
                            {
                                "uri": f"{root}/{node}/{name}",
                                "type": one["artifactType"],
                                "metadata": one.get("metadata", {}),
                            }
                        ]
                    }
                    for name, one in {**outputs.get("artifacts", {}), "executor-logs": LOGS}.items()
                },
                "parameters": {
                    name: {"outputFile": str(self._pod(node) / "outputs" / name)}
                    for name in outputs.get("parameters", {})
                },
                "outputFile": str(self._pod(node) / "outputs" / "output_metadata.json"),
            },
        }

    def _parameter(self, source: Message) -> Any:
        if "runtimeValue" in source:
            return source["runtimeValue"]["constant"]
        output = source["taskOutputParameter"]
        return self.outputs[output["producerTask"]]["parameters"][output["outputParameterKey"]]

    def _artifact(self, node: str, source: Message) -> Message:
        producer = source["producerTask"]
        assert producer in self._cluster.tasks[node]["dependentTasks"], f"{node} does not wait for {producer}"
        found = self.outputs[producer]["artifacts"][source["outputArtifactKey"]]
        # The launcher does not know the type of what a step left ("figure out how to get schema").
        return {**found, "type": {"instanceSchema": ""}}

    def _execute(self, node: str, request: Message) -> Message:
        pod = self._pod(node)
        shutil.rmtree(pod, ignore_errors=True)
        (pod / "outputs").mkdir(parents=True)
        for found in request["inputs"]["artifacts"].values():
            self._copy(found["artifacts"][0]["uri"], pod, down=True)
        container = self._container(node)
        words = [*container["command"], *container["args"]]
        words = [word.replace("{{$}}", json.dumps(request)) for word in words]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "RADFLOW_MOUNTS": str(pod), "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment |= {one["name"]: one["value"] for one in container["env"]}
        done = subprocess.run(
            [sys.executable if word == "python" else word for word in words[:1]] + words[1:],
            cwd=pod, env=environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        if done.returncode:
            raise StepError(f"{node} ended with {done.returncode}: {done.stderr[-4000:]}")
        return self._collect(request, pod)

    def _collect(self, request: Message, pod: Path) -> Message:
        """Returns what the launcher records of a step, after copying its outputs to the object store."""
        file = Path(request["outputs"]["outputFile"])
        report = json.loads(file.read_text()) if file.exists() else {}
        artifacts = {}
        assert set(report.get("artifacts", {})) <= set(request["outputs"]["artifacts"])
        for name, made in request["outputs"]["artifacts"].items():
            (artifact,) = made["artifacts"]
            (said,) = report.get("artifacts", {}).get(name, {"artifacts": [{}]})["artifacts"]
            metadata = artifact["metadata"] | {"display_name": name} | said.get("metadata", {})
            assert all(isinstance(value, str | float | int | dict | list) for value in metadata.values()), metadata
            uri = said.get("uri") or artifact["uri"]
            self._copy(uri, pod, down=False)
            artifacts[name] = {"name": self._cluster.next_id(), "uri": uri, "metadata": metadata}
        parameters = report.get("parameterValues", {})
        assert set(parameters) == set(request["outputs"]["parameters"])
        return {"artifacts": artifacts, "parameters": parameters}

    def _copy(self, uri: str, pod: Path, *, down: bool) -> None:
        """Copies files between the object store, which has no folders, and where a step sees them."""
        scheme, _, key = uri.partition("://")
        if scheme not in SCHEMES:
            return  # a file system that all steps share
        stored, seen = self._cluster._store / scheme / key, pod / SCHEMES[scheme] / key
        source, target = (stored, seen) if down else (seen, stored)
        for path in [one for one in source.rglob("*") if one.is_file()]:
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / path.relative_to(source))

    def _pod(self, node: str) -> Path:
        return self._cluster._folder / "pods" / self._run_id / node

    def _component(self, node: str) -> Message:
        component: Message = self._cluster.spec["components"][self._cluster.tasks[node]["componentRef"]["name"]]
        return component

    def _container(self, node: str) -> Message:
        label = self._component(node)["executorLabel"]
        container: Message = self._cluster.spec["deploymentSpec"]["executors"][label]["container"]
        return container
