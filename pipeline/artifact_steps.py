"""Lets steps of a run here work on files where artifacts are on an object store: fetches inputs, then keeps outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tfx.orchestration.portable import launcher
from tfx.types import artifact_utils

from pipeline.artifact_root import ArtifactRoot


@contextmanager
def artifacts_in(root: ArtifactRoot) -> Iterator[None]:
    """Within the block, the steps that TFX's launcher starts find their inputs and leave their outputs in `root`.

    Outputs are there before TFX records them: what is recorded is whole. The cache answers with what is there,
    which is fetched only when a step needs it.
    """
    if not root.url:
        yield
        return
    table = launcher.DEFAULT_EXECUTOR_OPERATORS
    former, verify = dict(table), artifact_utils.verify_artifacts
    table.update({spec: _keeping(operator, root) for spec, operator in former.items()})
    artifact_utils.verify_artifacts = lambda artifacts: _require_all(artifacts, root)
    try:
        yield
    finally:
        artifact_utils.verify_artifacts = verify
        table.clear()
        table.update(former)


def _keeping(operator: Any, root: ArtifactRoot) -> Any:
    class Operator(operator):
        """One of TFX's, between the object store and the folder."""

        def run_executor(self, execution_info: Any) -> Any:
            for path in _paths(execution_info.input_dict):
                root.fetched(path)
            result = super().run_executor(execution_info)
            if not result.execution_result.code:
                for path in _paths(execution_info.output_dict):
                    root.keep(path)
            return result

    return Operator


def _require_all(artifacts: Any, root: ArtifactRoot) -> None:
    """Raises where artifacts that TFX found in its cache are no longer there, as TFX's own `verify_artifacts` does.

    Raises:
        RuntimeError: one is not.
    """
    gone = [path for path in _paths(artifacts) if not root.exists(path)]
    if gone:
        raise RuntimeError(f"{gone[0]} is gone")


def _paths(artifacts: Any) -> Iterable[Path]:
    return [Path(artifact.uri) for of_name in artifacts.values() for artifact in of_name]
