"""An output folder with runs as TFX records them, made in milliseconds: real metadata store, small files."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from ml_metadata.proto import metadata_store_pb2 as pb
from pyarrow import parquet

from data_schemas.digests import write_digests
from data_schemas.ingest_report import IngestReport
from data_schemas.models_config import write_models_config
from data_schemas.restored import Restored
from data_schemas.served_folder import model_digest
from pipeline.metadata_database import output_database
from tests.reports.sample_report import evaluation

WITHDRAWN = "ab" * 16
NODES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "DicomExampleGen": ((), {"examples": "Examples", "ingest_report": "IngestReport"}),
    "DataCheck": (("ingest_report",), {"check": "DataCheckReport"}),
    "Trainer": (("examples",), {"model": "Model"}),
    "Evaluator": (("examples", "model"), {"blessing": "ModelBlessing", "evaluation": "ModelEvaluation"}),
    "ServingCanary": (("model",), {"infra_blessing": "InfraBlessing"}),
    "Pusher": (("model", "blessing", "infra_blessing", "evaluation"), {"pushed_model": "PushedModel"}),
    "ModelReport": (("model", "evaluation"), {"report": "ModelReport"}),
}
"""Node -> what it uses, and what it makes by type."""
_NAMES = {"check": "report", "infra_blessing": "blessing"}
"""Outputs of two nodes that have the same name."""


class RecordedOutput:
    """An output and its runs.

    Args:
        folder: the output folder; made if absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.database = output_database(folder)
        self.store = self.database.connect()
        self._types = {
            name: self.store.put_context_type(pb.ContextType(name=name)) for name in ("pipeline", "pipeline_run")
        }

    def run(
        self,
        name: str,
        *,
        task: str = "chest",
        content: str | None = None,
        version: int | None = None,
        already: bool = False,
        blessed: bool = True,
        recorded_digest: bool = True,
        stops: tuple[str, int] | None = None,
        cached: Mapping[str, pb.Artifact] | None = None,
    ) -> dict[str, pb.Artifact]:
        """Adds a run, and the version that it pushed; returns its artifacts by name.

        Args:
            name: the run's, without the output's suffix.
            task: the pipeline's.
            content: of the model's one file; the run's name unless given.
            version: what it is pushed as; not pushed if None.
            already: that version was served already.
            blessed: the Evaluator's verdict.
            recorded_digest: whether the Pusher recorded the model's digest.
            stops: node, and the state in which it and the run end.
            cached: artifacts of a former run; the nodes that made them come from the cache.
        """
        contexts = [self._context("pipeline", task), self._context("pipeline_run", self.database.run_id(name))]
        made: dict[str, pb.Artifact] = dict(cached or {})
        for node, (used, outputs) in NODES.items():
            if stops and stops[0] == node:
                self._execution(node, stops[1], [made[one] for one in used], {}, contexts)
                break
            from_cache = all(output in (cached or {}) for output in outputs)
            if not from_cache:
                made |= {output: self._artifact(node, output, kind) for output, kind in outputs.items()}
                self._fill(node, made, content or name, task, version, already, blessed, recorded_digest)
            state = pb.Execution.CACHED if from_cache else pb.Execution.COMPLETE
            self._execution(node, state, [made[one] for one in used], {one: made[one] for one in outputs}, contexts)
        return made

    def pushed(self, task: str, number: int, content: str, *, restored: Restored | None = None) -> Path:
        """Writes a version into the served folder."""
        version = self.folder / "serving" / task / str(number)
        (version / "assets.extra").mkdir(parents=True)
        (version / "saved_model.pb").write_text(content)
        if restored is not None:
            (version / "assets.extra" / "restored.json").write_text(restored.model_dump_json())
        write_digests(version)
        for later in (0, 60):  # a label moves in two steps
            write_models_config(self.folder / "serving", now=time.time() + later)
        return version

    def _fill(self, node, made, content, task, version, already, blessed, recorded_digest) -> None:
        folders = {output: Path(made[output].uri) for output in NODES[node][1]}
        if node == "DicomExampleGen":
            (folders["examples"] / "Split-train").mkdir()
            (folders["examples"] / "Split-train" / "data.gz").write_bytes(b"0" * 1000)
            write_ingest(folders["ingest_report"])
        elif node == "Trainer":
            (folders["model"] / "Format-Serving").mkdir()
            (folders["model"] / "Format-Serving" / "saved_model.pb").write_text(content)
        elif node == "Evaluator":
            made["blessing"].custom_properties["blessed"].int_value = int(blessed)
            (folders["evaluation"] / "metrics.json").write_text(json.dumps(evaluation().to_json()))
        elif node == "ServingCanary":
            made["infra_blessing"].custom_properties["blessed"].int_value = 1
        elif node == "ModelReport":
            lineage = {"data_digest": "d1" * 32, "versions": {"tensorflow": "2.16.2"}}
            (folders["report"] / "report.json").write_text(json.dumps({"lineage": lineage}))
        elif node == "Pusher":
            properties = made["pushed_model"].custom_properties
            properties["pushed"].int_value = int(version is not None)
            if version is not None:
                served = self.folder / "serving" / task / str(version)
                served = served if served.exists() else self.pushed(task, version, content)
                properties["pushed_destination"].string_value = str(served)
                properties["already_served"].int_value = int(already)
                if recorded_digest:
                    properties["model_digest"].string_value = model_digest(served)

    def _context(self, kind: str, name: str) -> pb.Context:
        found = self.store.get_context_by_type_and_name(kind, name)
        if found is None:
            found = pb.Context(type_id=self._types[kind], name=name)
            (found.id,) = self.store.put_contexts([found])
        return found

    def _artifact(self, node: str, output: str, kind: str) -> pb.Artifact:
        number = len(self.store.get_executions()) + 1
        folder = self.folder / "pipeline" / node / _NAMES.get(output, output) / str(number)
        folder.mkdir(parents=True)
        type_id = self.store.put_artifact_type(pb.ArtifactType(name=kind))
        return pb.Artifact(type_id=type_id, uri=str(folder), state=pb.Artifact.LIVE)

    def _execution(self, node, state, used, made, contexts) -> None:
        type_id = self.store.put_execution_type(pb.ExecutionType(name=f"components.x.component.{node}"))
        execution = pb.Execution(type_id=type_id, last_known_state=state)
        for name, value in PARAMETERS.get(node, {}).items():
            execution.custom_properties[name].string_value = value
        inputs = [(one, _event(pb.Event.INPUT, name)) for name, one in zip(NODES[node][0], used, strict=True)]
        outputs = [(one, _event(pb.Event.OUTPUT, _NAMES.get(name, name))) for name, one in made.items()]
        _, ids, _ = self.store.put_execution(execution, [*inputs, *outputs], contexts)
        for (artifact, _), number in zip([*inputs, *outputs], ids, strict=True):
            artifact.id = number


PARAMETERS = {
    "DicomExampleGen": {
        "fingerprint": "f1" * 32,
        "input_base": "/private",
        "input_config": json.dumps({"splits": [{"name": "manifest", "pattern": "manifest-1.csv"}]}),
        "pseudonym_key_id": "key 1",
        "withdrawals_digest": "e3" * 32,
        "code_digest": "c1" * 32,
    },
    "Trainer": {
        "custom_config": json.dumps({"code_digest": "c2" * 32, "weights_digests": {"mobilenet": "w1", "small_cnn": ""}})
    },
}


def write_ingest(folder: Path, patients: tuple[str, ...] = (WITHDRAWN, "cd" * 16)) -> None:
    """Writes an ingest report with an image index: an image a patient, all in `train`."""
    report = IngestReport(
        rows=len(patients),
        examples={"train": len(patients)},
        labels={"train": {"nodule": len(patients)}},
        patients={"train": patients},
        rejects=(),
        warnings={},
        pseudonym_key_id="key 1",
    )
    (folder / "ingest.json").write_text(report.model_dump_json())
    rows = [
        {"manifest_row": row, "frame": 0, "split": "train", "patient": patient, "file_hash": f"file {row}",
         "pixel_hash": f"pixels {row}", "thumbnail": b"picture", "label": "nodule"}
        for row, patient in enumerate(patients, 1)
    ]  # fmt: skip
    parquet.write_table(pa.Table.from_pylist(rows), folder / "images-00000-of-00001.parquet")


def _event(kind: int, key: str) -> pb.Event:
    return pb.Event(type=kind, path=pb.Event.Path(steps=[pb.Event.Path.Step(key=key)]))
