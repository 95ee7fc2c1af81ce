"""What TFX's Trainer calls. Thin on purpose: TFX reloads the module that holds a user function."""

from __future__ import annotations

from typing import Any

from models.training_run import run_training


def run_fn(fn_args: Any) -> None:
    """Trains, exports and keeps the eval scores; `fn_args` is TFX's `FnArgs`."""
    run_training(fn_args)
