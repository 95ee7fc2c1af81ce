"""`radflow lineage`: from which data, code, parameters and run a served model came, and who approved it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cli.serving_folder import add_model_arguments, model_folder, serving_root, version_folder
from data_schemas.errors import ConfigurationError

_UNKNOWN = 1
"""Exit code where the metadata store does not have the version, or another model under its number."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Say where a served version comes from: the run, the data and their hashes, the code, the parameters, how good "
        "it was, and who approved it. The metadata store knows the first of these, the version's folder the last; what "
        "the store does not have (any more) is said, and ends the command with exit code 1."
    )
    parser.add_argument(
        "version", metavar="MODEL", help="a version's number, or its folder; of a model's folder the newest version"
    )
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Prints the lineage.

    Returns:
        0, or 1 where the metadata store does not have the version, or another model under its number.

    Raises:
        ConfigurationError: there is no such version, or the metadata store cannot be used.
        AuditBroken: the approvals cannot be relied on.
    """
    from cli.lineage_text import lineage_text

    lineage = served_lineage(_version(arguments))
    print(json.dumps(lineage) if arguments.json else lineage_text(lineage))
    return 0 if lineage["run"] and lineage["run"]["same_model"] is not False else _UNKNOWN


def _version(arguments: argparse.Namespace) -> Path:
    from data_schemas.served_folder import resolve_version

    if arguments.version.isdecimal():
        folder = model_folder(serving_root(arguments.output), arguments.model)
        return version_folder(folder, int(arguments.version))
    version = resolve_version(Path(arguments.version).absolute())
    if not version.name.isdecimal() or version.parents[1].name != "serving":
        raise ConfigurationError(
            f"{version} is no version that a run pushed: give OUTPUT/serving/TASK/VERSION, or its number and --output"
        )
    return version


def served_lineage(version: Path) -> dict[str, Any]:
    """Returns all that is known of where a version comes from, as JSON values.

    Args:
        version: `OUTPUT/serving/TASK/VERSION`.

    Raises:
        ConfigurationError: the metadata store cannot be used.
        AuditBroken: the approvals cannot be relied on.
        ModelAltered: what the version says of itself cannot be read.
    """
    from pipeline.metadata_database import output_database
    from pipeline.metadata_graph import read_graph
    from pipeline.model_origin import origin_of

    output = version.parents[2]
    store = output_database(output)
    origin = origin_of(read_graph(store), version)
    lineage = {**_of_folder(version), "metadata": str(store), **dict.fromkeys(("run", "data", "code", "artifacts"))}
    return lineage if origin is None else lineage | _of_store(output, origin)


def _of_folder(version: Path) -> dict[str, Any]:
    """Returns what the version's folder and the audit log beside it say."""
    from cli.verify import check_version
    from data_schemas.approvals import APPROVE, ROLL_BACK, WITHDRAW, approvals_in, read_audit
    from data_schemas.digests import content_digest
    from data_schemas.restored import read_restored
    from data_schemas.served_evaluation import read_served_evaluation

    entries = read_audit(version.parents[1])
    held = approvals_in(entries).get(version.parent.name)
    checked = check_version(version, held)
    restored, evaluation = read_restored(version), read_served_evaluation(version)
    subject = f"{version.parent.name}/{version.name}"
    acts = [one for one in entries if one.subject == subject and one.action in (APPROVE, WITHDRAW, ROLL_BACK)]
    return {
        "model": version.parent.name,
        "version": int(version.name),
        "folder": str(version),
        "content_digest": content_digest(version),
        "files": {"state": checked.state, "reason": checked.reason},
        "restored": restored and restored.model_dump(mode="json"),
        "task": _task(version),
        "evaluation": evaluation and evaluation.model_dump(mode="json", exclude={"scores"}),
        "approved": checked.approved,
        "audit": [one.model_dump(mode="json") for one in acts],
    }


def _task(version: Path) -> dict[str, Any]:
    """Returns the task that the model was made for, and what identifies its text and its training patients' key."""
    from data_schemas.digests import file_digest
    from data_schemas.model_files import ASSETS, TASK_FILE, TRAINING_PATIENTS_FILE

    text, patients = version / ASSETS / TASK_FILE, version / ASSETS / TRAINING_PATIENTS_FILE
    known = json.loads(patients.read_text(encoding="utf-8")) if patients.is_file() else {}
    return {
        "file": str(text) if text.is_file() else None,
        "sha256": file_digest(text) if text.is_file() else None,
        "pseudonym_key_id": known.get("pseudonym_key_id"),
        "training_patients": len(known["patients"]) if "patients" in known else None,
    }


def _of_store(output: Path, origin: Any) -> dict[str, Any]:
    """Returns what the metadata store and the artifacts that it names say."""
    report = _report(output, origin)
    return {
        "run": {
            "pushed_by": origin.pushed_by.run_id,
            "trained_by": origin.trained_by.run_id,
            "same_model": origin.same_model,
            "steps": {node: step.started.isoformat() for node, step in origin.steps.items()},
        },
        "data": _data(origin, report),
        "code": {"digests": origin.code_digests(), "versions": report.get("lineage", {}).get("versions", {})},
        "parameters": _parameters(origin),
        "artifacts": [one.to_json() for one in origin.artifacts],
    }


def _data(origin: Any, report: dict[str, Any]) -> dict[str, Any]:
    from data_schemas.ingest_report import FILE_NAME, IngestReport

    said = origin.parameters("DicomExampleGen")
    data = {
        "manifest": _manifest(said),
        "manifest_fingerprint": said.get("fingerprint"),
        "withdrawals_digest": said.get("withdrawals_digest"),
        "pseudonym_key_id": said.get("pseudonym_key_id"),
        "data_digest": report.get("lineage", {}).get("data_digest") or _kept_digest(origin),
        "records_there": origin.has("DicomExampleGen", "examples"),
        "ingest": None,
    }
    folder = origin.folder("DicomExampleGen", "ingest_report")
    if folder is not None and (folder / FILE_NAME).is_file():
        ingest = IngestReport.model_validate_json((folder / FILE_NAME).read_text(encoding="utf-8"))
        data["ingest"] = {
            "rows": ingest.rows,
            "images": ingest.examples,
            "patients": {split: len(patients) for split, patients in ingest.patients.items()},
            "labels": ingest.labels,
            "rejected": len(ingest.rejects),
            "without_consent": ingest.without_consent,
            "withdrawn": ingest.withdrawn,
        }
    return data


def _kept_digest(origin: Any) -> str | None:
    """Returns the digest over the data that stayed when its images were removed."""
    from cli.cached_images import HASHES_FILE

    folder = origin.folder("DicomExampleGen", "ingest_report")
    file = folder / HASHES_FILE if folder else None
    return json.loads(file.read_text(encoding="utf-8"))["data_digest"] if file and file.is_file() else None


def _manifest(said: dict[str, Any]) -> str | None:
    """Returns the path of the private copy of the manifest."""
    try:
        pattern = json.loads(said["input_config"])["splits"][0]["pattern"]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return str(Path(said["input_base"]) / pattern)


def _parameters(origin: Any) -> dict[str, Any]:
    from data_schemas.model_files import HYPERPARAMETERS_FILE

    said = origin.parameters("Trainer")
    searched = origin.folder("Tuner", "best_hyperparameters") or origin.folder("Importer", "result")
    file = searched / HYPERPARAMETERS_FILE if searched else None
    return {
        "task": json.loads(said["task"]) if "task" in said else None,
        "weights": {name: digest for name, digest in said.get("weights_digests", {}).items() if digest},
        "hyperparameters": json.loads(file.read_text(encoding="utf-8"))["values"] if file and file.is_file() else None,
    }


def _report(output: Path, origin: Any) -> dict[str, Any]:
    """Returns the numbers of the model's report; nothing where they were removed."""
    from reports.model_report import JSON_FILE

    artifact = origin.folder("ModelReport", "report")
    folders = [*([artifact] if artifact else []), output / "reports" / origin.pushed_by.run_id]
    file = next((folder / JSON_FILE for folder in folders if (folder / JSON_FILE).is_file()), None)
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file else {}
    return report
