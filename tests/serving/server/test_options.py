from __future__ import annotations

from pathlib import Path

import pytest

from data_schemas.errors import ConfigurationError
from serving.server.config import ModelConfig
from serving.server.options import parse_options


def test_flags_are_those_of_tensorflow_model_server():
    options = parse_options(
        [
            "--port=8510",
            "--model_name=chest",
            "--model_base_path=/models/chest",
            "--grpc_max_threads=3",
            "--file_system_poll_wait_seconds=2",
            "--max_num_load_retries=1",
            "--load_retry_interval_micros=500000",
        ]
    )
    assert options.models == (ModelConfig("chest", Path("/models/chest")),)
    assert (options.port, options.threads, options.poll_interval_s) == (8510, 3, 2)
    assert (options.load_retries, options.retry_interval_s) == (1, 0.5)


def test_defaults_are_those_of_tensorflow_model_server_but_the_address_is_local():
    options = parse_options(["--model_base_path=/models/chest"])
    assert options.models[0].name == "default"
    assert (options.host, options.port) == ("127.0.0.1", 8500)
    assert (options.poll_interval_s, options.load_retries, options.retry_interval_s) == (1, 5, 60)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--model_base_path=a", "--rest_api_port=8501"], "--rest_api_port"),
        ([], "either --model_base_path"),
        (["--model_base_path=a", "--model_config_file=b"], "either --model_base_path"),
    ],
    ids=["REST", "no model", "two sources"],
)
def test_flags_that_cannot_be_followed_are_refused(flags, says):
    with pytest.raises(ConfigurationError, match=says):
        parse_options(flags)


@pytest.mark.parametrize("flag", ["--enable_batching", "--model_nam=x", "--grpc_max_threads=0"])
def test_unknown_and_impossible_flags_end_with_usage(flag, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_options(["--model_base_path=a", flag])
    assert caught.value.code == 2
    assert flag.split("=")[0] in capsys.readouterr().err
