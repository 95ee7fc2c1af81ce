"""Evaluator: TFX's, with the task's gates, operating points read from the model, and the champion's verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts, standard_component_specs
from tfx.utils import json_utils

from components.evaluator.executor import LEDGER_KEY, TASK_KEY, Executor


class EvaluatorSpec(component_spec.ComponentSpec):
    """TFX's EvaluatorSpec, in which the task takes the place of an `EvalConfig` that a trained model completes."""

    PARAMETERS = {  # ComponentSpec declares it
        TASK_KEY: component_spec.ExecutionParameter(type=str),
        LEDGER_KEY: component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
        standard_component_specs.EXAMPLE_SPLITS_KEY: component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {  # as above
        key: standard_component_specs.EvaluatorSpec.INPUTS[key]
        for key in (
            standard_component_specs.EXAMPLES_KEY,
            standard_component_specs.MODEL_KEY,
            standard_component_specs.BASELINE_MODEL_KEY,
            standard_component_specs.SCHEMA_KEY,
        )
    }
    OUTPUTS = standard_component_specs.EvaluatorSpec.OUTPUTS


class Evaluator(base_beam_component.BaseBeamComponent):
    """Evaluates a candidate on the test split, by slice, and blesses it when it meets every gate of the task.

    Example:
        evaluator = Evaluator(
            examples=example_gen.outputs["examples"],
            model=trainer.outputs["model"],
            champion=champion.outputs["champion"],
            task=task_to_json(task),
            looks_ledger=settings.looks_ledger,
            code_digest=digest,
        )

    Outputs: `evaluation` (TFMA's results, `gates.json`, `metrics.json`, `cases.npz`) and `blessing`, for the Pusher.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        *,
        task: str,
        looks_ledger: Path,
        code_digest: str,
        champion: channel.BaseChannel | None = None,
        schema: channel.BaseChannel | None = None,
        example_splits: Sequence[str] = ("test",),
    ) -> None:
        """Connects the Evaluator.

        Args:
            examples: Examples with a split for each of `example_splits`.
            model: the candidate, with `assets.extra/description.json` beside its signatures.
            task: as `task_to_json` gives it; its labels, slices and gates are used.
            looks_ledger: a file that knows which patients models were judged on before.
            code_digest: a hash of the sources that the result depends on, for the cache.
            champion: Model with the custom properties `usable` (1 or 0) and `reason`; without the input there is none.
            schema: of the examples.
            example_splits: what is evaluated.
        """
        spec = EvaluatorSpec(
            examples=examples,
            model=model,
            baseline_model=champion,
            schema=schema,
            task=task,
            looks_ledger=str(looks_ledger),
            code_digest=code_digest,
            example_splits=json_utils.dumps(list(example_splits)),
            evaluation=channel.Channel(type=standard_artifacts.ModelEvaluation),
            blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
        )
        super().__init__(spec=spec)
