"""A pipeline that is compiled away from its data becomes, with what is found there, that of one machine."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import local_runner
from data_schemas.errors import ConfigurationError
from pipeline.kubeflow.found import found_names, found_values, names_in, referring_settings, replaced
from pipeline.settings import PipelineSettings
from tests.pipeline.conftest import write_task


@pytest.fixture
def settings(tmp_path: Path) -> PipelineSettings:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    (tmp_path / "manifest.csv").write_text("file,label,patient_id\na.png,normal,1\nb.png,nodule,2\n")
    task = write_task(tmp_path / "task.yaml", tuning={"enabled": True, "batch_size": [8, 16]})
    return local_runner.prepare(str(task), tmp_path / "manifest.csv", output=tmp_path / "output")


def referring(settings: PipelineSettings) -> PipelineSettings:
    return referring_settings(
        settings.task, settings.output, backbones=list(settings.weights), steps=list(settings.code_digests)
    )


def test_with_what_was_found_the_settings_are_those_of_one_machine(settings: PipelineSettings) -> None:
    values, compiled = found_values(settings), referring(settings)
    assert found_names(compiled) == list(values)
    for one in fields(PipelineSettings):
        before, after = getattr(compiled, one.name), getattr(settings, one.name)
        if one.name not in ("task", "hyperparameters", "beam_args", "metadata"):
            assert replaced(str(before), values) == str(after), one.name


@pytest.mark.pipeline
def test_with_what_was_found_every_step_has_the_parameters_of_one_machine(settings: PipelineSettings) -> None:
    from pipeline.pipeline import create_pipeline

    def parameters(one: PipelineSettings) -> dict[str, dict[str, Any]]:
        return {node.id: dict(node.exec_properties) for node in create_pipeline(one).components}

    local, compiled, values = parameters(settings), parameters(referring(settings)), found_values(settings)
    filled = {
        node: {name: replaced(value, values) if isinstance(value, str) else value for name, value in given.items()}
        for node, given in compiled.items()
    }
    assert filled == local
    assert any("@{found." in str(value) for value in compiled["Trainer"].values())


def test_only_names_that_are_known_are_replaced() -> None:
    text = '{"weights": "@{found.weights_cnn}", "price": "@{found.other}", "plain": "@{weights_cnn}"}'
    assert names_in(text) == {"weights_cnn", "other"}
    assert replaced(text, {"weights_cnn": "/w.h5"}) == text.replace("@{found.weights_cnn}", "/w.h5")


@pytest.mark.parametrize("character", ['"', "\\", "\n", "\0"])
def test_a_value_that_would_break_the_json_around_it_is_refused(settings: PipelineSettings, character: str) -> None:
    weights = dict.fromkeys(settings.weights, f"/we{character}ights")
    with pytest.raises(ConfigurationError, match="a quote, a backslash or a line break"):
        found_values(replace(settings, weights=weights))


def test_a_changed_file_changes_the_fingerprint_that_is_found_and_nothing_else(settings: PipelineSettings) -> None:
    manifest, before = settings.output.parent / "manifest.csv", found_values(settings)
    (manifest.parent / "a.png").write_bytes(b"other bytes")
    after = found_values(local_runner.prepare_task(settings.task, manifest, output=settings.output))
    assert {name for name in before if before[name] != after[name]} == {"fingerprint", "run_nonce"}
