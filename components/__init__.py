"""Custom TFX components, one folder each; artifact types by name, loaded on use (Kubeflow wants `components.Type`)."""

from typing import Any

_ARTIFACT_TYPES = ("DataCheckReport", "IngestReport", "ModelReport", "StressTest")


def __getattr__(name: str) -> Any:
    if name not in _ARTIFACT_TYPES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from components import artifacts  # importing TFX takes 17 s of CPU

    return getattr(artifacts, name)
