"""Searches as TFX's Tuner does, and leaves every trial as a table, as JSON and drawn."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tfx.components.tuner import executor
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as specs

from reports.tuning import write_results


class Executor(executor.Executor):
    """TFX's executor, which also keeps the trials, and removes the unfinished search once it is finished."""

    def Do(self, input_dict: dict[str, Any], output_dict: dict[str, Any], exec_properties: dict[str, Any]) -> None:
        """Searches, and writes the winner and the trials.

        Args:
            input_dict: TFX's.
            output_dict: TFX's: `best_hyperparameters` and `tuner_results`.
            exec_properties: TFX's.
        """
        tuner = executor.search(input_dict, exec_properties, self._get_tmp_dir())
        executor.write_best_hyperparameters(tuner, output_dict)
        folder = Path(artifact_utils.get_single_uri(output_dict[specs.TUNER_RESULTS_KEY]))
        write_results(tuner.results(), folder)
        shutil.rmtree(tuner.directory)
