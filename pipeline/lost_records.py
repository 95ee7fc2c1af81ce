"""Stops a run where artifacts are there whose records are lost: TFX would number new ones alike, and mix the two.

TFX calls an artifact's folder by the number of the execution that makes it, and empties nothing. A metadata store that
was lost counts from 1 again: records of patients who withdrew since would lie beside new ones, and be trained on.
"""

from __future__ import annotations

from pathlib import Path

from data_schemas.errors import ConfigurationError
from pipeline.artifact_root import artifact_root
from pipeline.lineage import run_ids
from pipeline.metadata_database import MetadataDatabase, choose_database, output_database


def require_records(output: Path, metadata: str | None = None) -> None:
    """Raises where an output has artifacts that its metadata store cannot have numbered.

    An object store is listed only where there is no run: of an older metadata store, copies of younger artifacts tell
    that are still in the output.

    Args:
        output: absolute path of the output folder, before its first run chooses where to record; it need not exist.
        metadata: URL that the run is given of a server's database, which may have the password.

    Raises:
        ConfigurationError: it has, or the metadata store cannot be used.
        RadflowError: there is no run, and the object store that may have artifacts cannot be read.
    """
    store, root = output_database(output), artifact_root(output)
    if store.url is not None:
        store = choose_database(output, metadata)  # the choice was made: it is written no more
    if not run_ids(store):
        if root.folders():
            places = f"{root.folder} and {output / 'artifacts.json'}" if root.url else str(root.folder)
            raise ConfigurationError(
                f"{root.url or root.folder} has artifacts of runs that the metadata store {store} does not have: new "
                f"ones would be numbered alike and mixed with them. Put the store back, or move {places} away, or give "
                "another --output"
            )
    elif root.highest_here() > _highest(store):
        raise ConfigurationError(
            f"{root.folder} has younger artifacts than the metadata store {store}, which seems to be an older backup: "
            "new ones would be numbered alike and mixed with them. Put the newest store back, or give another --output"
        )


def _highest(store: MetadataDatabase) -> int:
    """Returns the number of the last step that any run began; 0 where none did."""
    from ml_metadata import ListOptions, OrderByField

    newest = ListOptions(limit=1, order_by=OrderByField.ID, is_asc=False)
    return max((one.id for one in store.connect().get_executions(list_options=newest)), default=0)
