"""`radflow compile` writes what Kubeflow runs, or says what is wrong and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cli.main import main
from tests.pipeline.conftest import write_task


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--root", "http://bucket"], "write gs://BUCKET/PATH"),
        (
            ["--manifest", "manifest.csv"],
            "--manifest manifest.csv: give the absolute path that",
        ),
        (["--output", "here"], "--output here: give the absolute path"),
        (["--resources", "Trainer=cpu"], "--resources Trainer=cpu: 'cpu' is not understood"),
        (["--secret", "KEY=value"], "write VARIABLE=SECRET/KEY"),
        (["--volume", "data"], "write CLAIM:/PATH"),
        (["--submit"], "--submit and --endpoint URL belong together"),
        (["--endpoint", "http://127.0.0.1"], "--submit and --endpoint URL belong together"),
        (["-o", "pipeline.json"], "a file whose name ends in .yaml"),
        (["--task", "nothing"], "no such task or file"),
        (["--hyperparameters", "nothing.json"], "--hyperparameters nothing.json: No such file"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compile", *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.pipeline
def test_without_options_it_is_the_demos_task_and_no_data_are_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compile", "--engine", "kubeflow", "-o", "new/pipeline.yaml", "--resources", "Trainer=gpu:1"]) == 0
    assert "new/pipeline.yaml" in capsys.readouterr().out
    (spec,) = yaml.safe_load_all((tmp_path / "new" / "pipeline.yaml").read_text())
    assert spec["pipelineInfo"]["name"] == "synthetic-chest"
    assert spec["defaultPipelineRoot"] == "minio://mlpipeline/radflow"
    (prepare,) = (one for name, one in spec["deploymentSpec"]["executors"].items() if name.startswith("Prepare"))
    assert "--manifest" not in prepare["container"]["command"]
    trainer = spec["deploymentSpec"]["executors"]["Trainer_executor"]["container"]
    assert trainer["resources"]["accelerator"] == {"type": "nvidia.com/gpu", "count": "1"}


@pytest.mark.pipeline
def test_a_former_searchs_values_become_the_tasks_own_and_there_is_no_search(tmp_path: Path) -> None:
    (tmp_path / "found.json").write_text('{"learning_rate": 0.0123, "dropout": 0.45}')
    task = write_task(tmp_path / "task.yaml", tuning={"enabled": True, "batch_size": [8, 16]})
    for words, nodes, rate in ((("--hyperparameters", "found.json"), 0, 0.0123), ((), 1, None)):
        file = tmp_path / f"pipeline-{nodes}.yaml"
        places = [str(tmp_path / word) if word.endswith(".json") else word for word in words]
        assert main(["compile", "--task", str(task), "-o", str(file), *places]) == 0
        (spec,) = yaml.safe_load_all(file.read_text())
        assert ("Tuner" in spec["root"]["dag"]["tasks"]) is bool(nodes)
        parameters = spec["root"]["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]
        told = json.loads(json.loads(parameters["custom_config"]["runtimeValue"]["constant"])["task"])
        assert rate is None or (told["training"]["learning_rate"], told["model"]["dropout"]) == (rate, 0.45)
