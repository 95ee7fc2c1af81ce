from __future__ import annotations

import logging
from pathlib import Path

import pytest

from data_schemas.errors import ConfigurationError
from serving.server.config import ModelConfig
from serving.server.options import RestOptions, SessionOptions, parse_options

BASE = "--model_base_path=/models/chest"


def test_flags_are_those_of_tensorflow_model_server():
    options = parse_options(
        [
            "--port=8510",
            "--grpc_socket_path=/run/model.sock",
            "--ssl_config_file=/etc/ssl.config",
            "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,grpc.primary_user_agent=x",
            "--model_name=chest",
            BASE,
            "--grpc_max_threads=3",
            "--file_system_poll_wait_seconds=2",
            "--num_load_threads=2",
            "--max_num_load_retries=1",
            "--load_retry_interval_micros=500000",
            "--num_request_iterations_for_warmup=4",
            "--enable_batching",
            "--batching_parameters_file=/etc/batching.config",
            "--enable_serialization_as_tensor_content=true",
        ]
    )
    assert options.models == (ModelConfig("chest", Path("/models/chest")),)
    assert (options.port, options.threads, options.poll_interval_s, options.load_threads) == (8510, 3, 2, 2)
    assert (options.load_retries, options.retry_interval_s, options.warm_up_iterations) == (1, 0.5, 4)
    assert options.channel_arguments == (("grpc.max_connection_age_ms", 2000), ("grpc.primary_user_agent", "x"))
    assert (options.socket_path, options.ssl_config_file) == ("/run/model.sock", Path("/etc/ssl.config"))
    assert (options.batching, options.batching_file, options.as_content) == (True, Path("/etc/batching.config"), True)


def test_rest_flags():
    options = parse_options(
        [
            BASE,
            "--rest_api_port=8501",
            "--rest_api_num_threads=5",
            "--rest_api_timeout_in_ms=1500",
            "--rest_api_max_body_bytes=1000",
            "--rest_api_enable_cors_support",
            "--monitoring_config_file=/etc/monitoring.config",
        ]
    )
    assert (options.rest_port, options.rest_threads) == (8501, 5)
    assert options.rest == RestOptions(timeout_s=1.5, max_body_bytes=1000, cors=True)
    assert options.monitoring_config_file == Path("/etc/monitoring.config")


def test_session_flags():
    options = parse_options(
        [
            BASE,
            "--tensorflow_session_parallelism=2",
            "--tensorflow_intra_op_parallelism=3",
            "--per_process_gpu_memory_fraction=0.5",
            "--saved_model_tags=serve,gpu",
            "--enable_signature_method_name_check",
        ]
    )
    expected = SessionOptions(
        intra_op_threads=3, inter_op_threads=2, gpu_memory_fraction=0.5, tags=("serve", "gpu"), method_name_check=True
    )
    assert options.session == expected


def test_defaults_are_those_of_tensorflow_model_server_but_the_address_is_local():
    options = parse_options([BASE])
    assert options.models[0].name == "default"
    assert (options.host, options.port, options.rest_port) == ("127.0.0.1", 8500, 0)
    assert (options.poll_interval_s, options.load_retries, options.retry_interval_s) == (1, 5, 60)
    assert (options.batching, options.allow_unused_labels, options.warm_up_iterations) == (False, False, 1)
    assert options.rest.timeout_s == 30
    assert options.health
    assert not parse_options([BASE, "--enable_grpc_healthcheck_service=false"]).health


def test_a_config_file_goes_before_a_base_path():
    options = parse_options([BASE, "--model_config_file=m.config", "--model_config_file_poll_wait_seconds=7"])
    assert (options.models, options.config_file, options.config_poll_interval_s) == ((), Path("m.config"), 7)


@pytest.mark.parametrize(
    ("flag", "on"),
    [
        ("--enable_model_warmup", True),
        ("--enable_model_warmup=true", True),
        ("--enable_model_warmup=1", True),
        ("--enable_model_warmup=false", False),
        ("--enable_model_warmup=False", False),
        ("--enable_model_warmup=0", False),
        ("--noenable_model_warmup", False),
    ],
)
def test_switches_are_spelt_as_gflags_and_absl_spell_them(flag, on):
    assert bool(parse_options([BASE, flag]).warm_up_iterations) is on


@pytest.mark.parametrize("flag", ["--enable_profiler=true", "--flush_filesystem_caches=false", "--num_tflite_pools=2"])
def test_flags_of_tensorflow_model_server_that_mean_nothing_here_are_accepted_with_a_warning(flag, caplog):
    with caplog.at_level(logging.WARNING, logger="serving.server"):
        parse_options([BASE, flag])
    assert [record.message for record in caplog.records] == [
        f"{flag.partition('=')[0]} asks for nothing that this server has: ignored"
    ]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([], "either --model_base_path"),
        ([BASE, "--batching_parameters_file=b"], "without --enable_batching"),
        ([BASE, "--use_alts_credentials=true"], "--use_alts_credentials"),
        ([BASE, "--monitoring_config_file=m"], "--rest_api_port as well"),
        (
            [BASE, *(f"--tensorflow_{kind}_parallelism=2" for kind in ("session", "intra_op", "inter_op"))],
            "not all three",
        ),
    ],
    ids=["no model", "batching file alone", "ALTS", "metrics without HTTP", "three kinds of threads"],
)
def test_flags_that_cannot_be_followed_are_refused(flags, says):
    with pytest.raises(ConfigurationError, match=says):
        parse_options(flags)


@pytest.mark.parametrize(
    "flag",
    [
        "--model_nam=x",
        "--grpc_max_threads=0",
        "--enable_batching=perhaps",
        "--grpc_channel_arguments=grpc.x",
        "--file_system_poll_wait_seconds=-1",
    ],
)
def test_unknown_and_impossible_flags_end_with_usage(flag, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_options([BASE, flag])
    assert caught.value.code == 2
    assert flag.split("=")[0] in capsys.readouterr().err


def test_version_names_tensorflow(capsys):
    with pytest.raises(SystemExit):
        parse_options(["--version"])
    assert "TensorFlow Library: " in capsys.readouterr().out
