"""Which output folder a command means, and that there are runs in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from data_schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from pipeline.metadata_graph import MetadataGraph


def named_output(given: Path | None) -> Path:
    """Returns the absolute path of `--output`, else of RADFLOW_OUTPUT, else of the demo's.

    Raises:
        ConfigurationError: it is no folder.
    """
    from pipeline.finished_run import output_folder

    output = (given or output_folder()).absolute()
    if not output.is_dir():
        raise ConfigurationError(f"{output} does not exist: give --output DIR, the folder that `radflow run` was given")
    return output


def require_runs(output: Path, graph: MetadataGraph) -> None:
    """Raises where an output has no run.

    Raises:
        ConfigurationError: it has none.
    """
    from pipeline.metadata_database import output_database

    if not graph.runs:
        raise ConfigurationError(
            f"there is no run in {output} yet, by {output_database(output)}: `radflow run --output {output}` makes one"
        )
