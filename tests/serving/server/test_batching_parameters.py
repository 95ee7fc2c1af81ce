from __future__ import annotations

import pytest

from data_schemas.errors import ConfigurationError
from serving.server.batching_parameters import BatchingParameters, read_batching_parameters


def read(folder, text):
    path = folder / "batching.config"
    path.write_text(text)
    return read_batching_parameters(path)


def test_every_field_is_read(tmp_path):
    text = """
    max_batch_size { value: 64 } batch_timeout_micros { value: 1500 } max_enqueued_batches { value: 7 }
    num_batch_threads { value: 3 } allowed_batch_sizes: 16 allowed_batch_sizes: 64 thread_pool_name { value: "p" }
    pad_variable_length_inputs: true
    """
    assert read(tmp_path, text) == BatchingParameters(64, 0.0015, 7, 3, (16, 64), max_execution_batch_size=64)


def test_an_empty_file_has_tensorflow_servings_defaults(tmp_path):
    parameters = read(tmp_path, "")
    assert (parameters.max_batch_size, parameters.timeout_s, parameters.max_enqueued_batches) == (1000, 0, 10)


def test_large_requests_are_split_into_batches_of_the_size_that_is_executed(tmp_path):
    splitting = "enable_large_batch_splitting { value: true } max_execution_batch_size { value: 8 }"
    assert read(tmp_path, "max_batch_size { value: 64 } " + splitting).rows == 8


@pytest.mark.parametrize(("rows", "padded"), [(1, 4), (4, 4), (5, 8), (8, 8)])
def test_a_batch_is_filled_to_the_next_allowed_size(rows, padded):
    assert BatchingParameters(8, allowed_batch_sizes=(4, 8)).padded(rows) == padded


def test_without_allowed_sizes_nothing_is_filled():
    assert BatchingParameters(8).padded(5) == 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        ("max_batch_size { value: 4 } allowed_batch_sizes: 4 allowed_batch_sizes: 4", "positive and rise"),
        ("max_batch_size { value: 0 }", "max_batch_size must be 1 or more"),
        ("batch_timeout_micros { value: -1 }", "0 or more"),
        ("max_batch: 4", "must be a BatchingParameters as text"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path, text, says):
    with pytest.raises(ConfigurationError, match=says):
        read(tmp_path, text)
