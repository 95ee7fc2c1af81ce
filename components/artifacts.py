"""Artifact types of Radflow's components. KFP wants `package.Class`: `components/__init__.py` offers them by name."""

from __future__ import annotations

from tfx.types.artifact import Artifact


class IngestReport(Artifact):
    """`ingest.json`, a `data_schemas.ingest_report.IngestReport`."""

    TYPE_NAME = "components.IngestReport"


class ModelReport(Artifact):
    """`model_report.html`: how a model was made, and what its scores mean."""

    TYPE_NAME = "components.ModelReport"


class StressTest(Artifact):
    """`stress.json`, a `data_schemas.stress_results.StressResults`: what moves the model's scores."""

    TYPE_NAME = "components.StressTest"


class DataCheckReport(Artifact):
    """`data_check.json` and `data_check.html`: what DataCheck found, and whether the run may go on."""

    TYPE_NAME = "components.DataCheckReport"
