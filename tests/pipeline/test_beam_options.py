"""What `--beam` takes, and what it refuses before any work."""

from __future__ import annotations

import os

import pytest

from data_schemas.errors import ConfigurationError
from pipeline.beam_options import IN_PROCESS, WORKERS_HAVE_CODE, BeamOptions, parse_beam, parse_remote_beam
from tests.pipeline.conftest import radflow

FLINK = "--runner=FlinkRunner --flink_master=flink:8081 --sdk_container_image=hospital/radflow:1"


def test_without_it_steps_run_in_process() -> None:
    assert parse_beam("") == BeamOptions() == BeamOptions(IN_PROCESS)


@pytest.mark.parametrize("text", ["", "--runner=DirectRunner", "--direct_num_workers=2", "--extra_package=a.whl"])
def test_beam_downloads_no_other_runner_for_what_runs_in_process(text: str) -> None:
    assert "--allow_unsafe_triggers" in parse_beam(text).arguments


def test_a_local_cluster_has_a_worker_for_each_core_or_as_many_as_are_asked_for() -> None:
    assert parse_beam("local-cluster") == BeamOptions((), workers=os.cpu_count())
    assert parse_beam("local-cluster:3 --max_cache_memory_usage_mb=50") == BeamOptions(
        ("--max_cache_memory_usage_mb=50",), workers=3
    )


@pytest.mark.parametrize(
    "text",
    [
        FLINK,
        "--runner SparkRunner --extra_package=/wheels/radflow.whl",
        "--runner=DataflowRunner --setup_file=setup.py",
    ],
)
def test_a_runners_arguments_are_handed_on_as_they_are(text: str) -> None:
    assert parse_beam(text) == BeamOptions(tuple(text.split()))


def test_a_quoted_argument_stays_whole() -> None:
    text = """--direct_running_mode=multi_threading --environment_config='{"command": "a b"}'"""
    assert parse_beam(text).arguments[:2] == (
        "--direct_running_mode=multi_threading",
        '--environment_config={"command": "a b"}',
    )


def test_tfx_does_not_pack_itself_for_workers_in_this_process() -> None:
    assert parse_beam("--direct_running_mode=multi_threading").arguments[-1] == WORKERS_HAVE_CODE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FlinkRunner", "'FlinkRunner' is no argument of Beam"),
        ("local-cluster:0", "'local-cluster:0' is no argument of Beam"),
        ("local-cluster now", "'now' is no argument of Beam"),
        ("local-cluster --runner=FlinkRunner", "leave --runner out"),
        ("--runner=FlinkRunner", "the workers of FlinkRunner need Radflow's code: add --sdk_container_image"),
        ("--runner 'FlinkRunner", "cannot be read: No closing quotation"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match="--beam") as refused:
        parse_beam(text)
    assert said in str(refused.value)


def test_steps_elsewhere_take_a_runner_that_they_reach_and_no_cluster_here() -> None:
    assert parse_remote_beam(FLINK) == tuple(FLINK.split())
    assert parse_remote_beam("") == IN_PROCESS
    with pytest.raises(ConfigurationError, match="leave --beam out"):
        parse_remote_beam("local-cluster:2")


def test_the_command_refuses_it_at_once(tmp_path) -> None:
    words = ["run", "--task", "synthetic_chest", "--manifest", tmp_path / "none.csv", "--output", tmp_path / "output"]
    refused = radflow(*words, "--beam", "Flink")
    assert refused.code == 2
    assert "'Flink' is no argument of Beam" in refused.err and "Traceback" not in refused.err
    assert not (tmp_path / "output").exists()
