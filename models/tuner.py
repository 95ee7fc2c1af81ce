"""What TFX's Tuner calls. Thin on purpose: TFX reloads the module that holds a user function."""

from __future__ import annotations

from typing import Any

from tfx.components.tuner.component import TunerFnResult

from models.tuning_run import open_search


def tuner_fn(fn_args: Any) -> TunerFnResult:
    """Returns the search over the tuning space of the task in `fn_args.custom_config`; `fn_args` is TFX's `FnArgs`."""
    return TunerFnResult(tuner=open_search(fn_args), fit_kwargs={})
