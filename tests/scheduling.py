"""How the tests are shared out among processes: by file, for what a file's tests share is made once."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

_SHARED = {
    "first_run": ("notebooks", "run", "served_model", "tfx_command"),
    "marked_run": ("multi_label", "privacy", "second_run"),
}
"""Files of `tests/pipeline` that look at one run of the pipeline, by its fixture; they run others in its output."""
_RUN_OF = {f"tests/pipeline/test_{name}.py": run for run, names in _SHARED.items() for name in names}
_CONFORMANCE = "tests/serving/conformance"
"""A folder whose files ask the same two model servers."""


class FilesAndRuns(LoadFileScheduling):
    """Whole files, but for those that share a run or servers, which go together."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return _CONFORMANCE if file.startswith(_CONFORMANCE) else _RUN_OF.get(file, file)
