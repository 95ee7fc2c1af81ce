"""Hands Beam's arguments to the steps of a run past TFX's cache: where data are processed changes no result.

`Pipeline(beam_pipeline_args=...)` makes them part of each step's cache key, so that a run on another runner, or on the
same cluster at another port, would begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tfx.orchestration.portable import launcher
from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.proto.orchestration import executable_spec_pb2, placeholder_pb2

from pipeline.beam_cluster import local_cluster
from pipeline.beam_options import BeamOptions

_BEAM_STEP = executable_spec_pb2.BeamExecutableSpec


@contextmanager
def beam_steps_run_by(options: BeamOptions) -> Iterator[None]:
    """Within the block, the Beam steps that TFX's launcher starts run where the options say.

    Raises:
        RadflowError: the cluster did not start.
    """
    if options.workers:
        with local_cluster(options.workers) as arguments, _arguments_of_steps([*arguments, *options.arguments]):
            yield
    else:
        with _arguments_of_steps(options.arguments):
            yield


@contextmanager
def _arguments_of_steps(arguments: Sequence[str]) -> Iterator[None]:
    """Replaces, for the block, what the launcher starts Beam steps with; its cache key is made of other things."""

    class Operator(BeamExecutorOperator):
        """TFX's, with further arguments."""

        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            for argument in arguments:
                expression = placeholder_pb2.PlaceholderExpression()
                expression.value.string_value = argument
                self.beam_pipeline_args.append(expression)

    table = launcher.DEFAULT_EXECUTOR_OPERATORS
    former = table[_BEAM_STEP]
    table[_BEAM_STEP] = Operator
    try:
        yield
    finally:
        table[_BEAM_STEP] = former
