"""What `radflow lineage` tells a person: where a served model comes from, section by section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cli.run_text import estimate, table

_ACTIONS = {"approve": "approved", "withdraw_approval": "approval withdrawn", "rollback": "published by a rollback"}
_UNKNOWN = "not known"


def lineage_text(lineage: Mapping[str, Any]) -> str:
    """Returns what `radflow lineage --json` prints, for people."""
    sections = {
        "": _head(lineage),
        "Run": _run(lineage),
        "Data": _data(lineage["data"]),
        "Code": _code(lineage["code"]),
        "Parameters": _parameters(lineage),
        "Evaluation on the test split": _evaluation(lineage["evaluation"]),
        "Approval": _approval(lineage),
        "Artifacts": _artifacts(lineage["artifacts"]),
    }
    parts = []
    for title, lines in sections.items():
        found = [line if not title else f"  {line}" for block in lines for line in block.splitlines()]
        if found:
            parts.append("\n".join([*([title] if title else []), *found]))
    return "\n\n".join(parts)


def _head(lineage: Mapping[str, Any]) -> Iterator[str]:
    files = lineage["files"]
    reason = f": {files['reason']}" if files["reason"] else ""
    yield f"{lineage['model']}/{lineage['version']}: {lineage['folder']}"
    yield f"Files {files['state']}{reason}; SHA-256 of their sums {lineage['content_digest']}"
    restored = lineage["restored"]
    if restored:
        first = restored["first_version"]
        origin = "" if first == restored["restores"] else f", which a run pushed as version {first}"
        yield f"Restores the model of version {restored['restores']}{origin}, in place of {restored['in_place_of']}."
    if lineage["run"] is None:
        yield (
            f"The metadata store {lineage['metadata']} does not have this version: it was removed there, or never was. "
            "Run, data, code and artifacts are not known; what follows is what the version's folder says."
        )


def _run(lineage: Mapping[str, Any]) -> Iterator[str]:
    run = lineage["run"]
    if run is None:
        return
    yield f"pushed by {run['pushed_by']}, by {lineage['metadata']}"
    if run["trained_by"] != run["pushed_by"]:
        yield f"trained by {run['trained_by']}"
    said = {
        True: "the version's model is the one that was recorded",
        False: "BEWARE: the version's model is not the one that was recorded under this number",
        None: "nothing tells whether the version's model is the one that was recorded under this number",
    }
    yield said[run["same_model"]]


def _data(data: Mapping[str, Any] | None) -> Iterator[str]:
    if data is None:
        return
    rows = [
        ("manifest, private copy", data["manifest"]),
        ("fingerprint of the manifest", data["manifest_fingerprint"]),
        ("SHA-256 over the images' hashes, splits and labels", data["data_digest"]),
        ("SHA-256 of the list of withdrawals", data["withdrawals_digest"]),
        ("id of the pseudonyms' key", data["pseudonym_key_id"]),
        ("records", "there" if data["records_there"] else "removed since"),
    ]
    yield from (f"{name}: {value or _UNKNOWN}" for name, value in rows)
    ingest = data["ingest"]
    if ingest is None:
        yield "counts: the ingest report was removed since"
        return
    images, patients = ingest["images"], ingest["patients"]
    counts = [(split, str(images[split]), str(patients.get(split, 0))) for split in images]
    total = ("all", str(sum(images.values())), str(sum(patients.values())))
    yield table([("Split", "Images", "Patients"), *counts, total])
    yield (
        f"{ingest['rows']} rows, {ingest['rejected']} rejected, {ingest['without_consent']} left out without consent, "
        f"{ingest['withdrawn']} because the patient withdrew"
    )


def _code(code: Mapping[str, Any] | None) -> Iterator[str]:
    if code is None:
        return
    if code["versions"]:
        yield ", ".join(f"{name} {version}" for name, version in code["versions"].items())
    yield from (f"{node}: {digest}" for node, digest in sorted(code["digests"].items()))


def _parameters(lineage: Mapping[str, Any]) -> Iterator[str]:
    task = lineage["task"]
    if task["file"]:
        yield f"task: {task['file']}"
        yield f"SHA-256 of the task: {task['sha256']}"
    if task["training_patients"] is not None:
        yield f"patients that it was fitted to or chosen on: {task['training_patients']}"
    parameters = lineage.get("parameters") or {"weights": {}, "hyperparameters": None}
    yield from (f"weights of {name}: {digest}" for name, digest in parameters["weights"].items())
    if parameters["hyperparameters"]:
        yield ", ".join(f"{name} {value}" for name, value in parameters["hyperparameters"].items())


def _evaluation(evaluation: Mapping[str, Any] | None) -> Iterator[str]:
    if evaluation is None:
        yield "the version has none: it was pushed by an older Radflow, or not by Radflow"
        return
    yield f"{evaluation['cases']} {evaluation['unit']}s of {evaluation['patients']} patients"
    names = ("auroc", "sensitivity", "specificity")
    rows = [
        (finding, *(estimate(said["metrics"].get(name)) for name in names))
        for finding, said in evaluation["findings"].items()
    ]
    yield table([("Finding", "AUROC", "Sensitivity", "Specificity"), *rows])
    yield from evaluation["gates"]


def _approval(lineage: Mapping[str, Any]) -> Iterator[str]:
    yield "approved now" if lineage["approved"] else "not approved now"
    for one in lineage["audit"]:
        when = one["at"][:16].replace("T", " ")
        role, statement = one["details"].get("role", ""), one["details"].get("statement", "")
        yield f'{one["number"]}. {_ACTIONS[one["action"]]} by {one["actor"]} ({role}), {when} UTC: "{statement}"'


def _artifacts(artifacts: list[Mapping[str, Any]] | None) -> Iterator[str]:
    if artifacts:
        rows = [(f"{one['node']}.{one['output']}", "" if one["there"] else "removed", one["uri"]) for one in artifacts]
        yield table([("Output", "", "Where"), *rows])
