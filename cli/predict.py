"""`radflow predict`: sends images to a model server and prints what it answers, one JSON object a frame or a study.

It needs the server's address alone: what the model wants and what its scores mean, it tells through `describe`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_schemas.errors import ConfigurationError, ImageRejected

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data_schemas.description import ModelDescription
    from imaging.example import ServingExample
    from imaging.source_geometry import Heatmap
    from serving.client import ModelClient, Prediction

NOTE = "Research software, not a medical device."
SIGNATURES = {"layer-cam": "explain", "integrated-gradients": "explain_integrated_gradients"}
"""The model's signature of each method of explanation."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Send DICOM, PNG, JPEG or NIfTI files to a model server; print one JSON object for each frame the task takes, "
        "or for each study where the task judges studies."
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="DICOM, PNG, JPEG or NIfTI")
    parser.add_argument("--server", required=True, metavar="HOST:PORT", help="address of the model server")
    parser.add_argument(
        "--model-name",
        default="default",
        metavar="NAME",
        help="name the model is served under, its task's name; not needed for a server that `radflow serve` started",
    )
    parser.add_argument(
        "--one-study",
        action="store_true",
        help="files that name no study, as PNG, JPEG and NIfTI, are all of one; for a model that judges studies",
    )
    parser.add_argument("--timeout", type=float, default=30.0, metavar="S", help="seconds for one file [%(default)s]")
    parser.add_argument(
        "--explain",
        metavar="LABEL",
        help="also draw where the model looked for this label: one FILE, of whose frames the one that scores highest",
    )
    parser.add_argument(
        "--heatmap",
        type=Path,
        metavar="PNG",
        help="where --explain writes its heatmap, pixel for pixel the file's image: black is 0, white the highest",
    )
    parser.add_argument("--method", choices=SIGNATURES, default="layer-cam", help="how to explain [%(default)s]")
    parser.add_argument(
        "--overlay", action="store_true", help="draw the heatmap over the image, in colours, with a legend to its right"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints a line of JSON for every frame or study, and for a file that gives none; 0 if one was scored, else 1."""
    from serving.client import ModelClient

    _check(arguments)
    scored = 0
    with ModelClient(arguments.server, arguments.model_name, timeout_s=arguments.timeout) as client:
        description = client.describe()
        _check_label(arguments.explain, description)
        of_unit = _studies if description.task.unit == "study" else _frames
        if arguments.one_study and of_unit is _frames:
            raise ConfigurationError(f"--one-study: the model {description.task.name} judges images; leave it out")
        for answer in of_unit(client, arguments):
            print(json.dumps(answer), flush=True)
            scored += "scores" in answer
    return 0 if scored else 1


@dataclass(frozen=True)
class Scored:
    """A frame as it was sent, what the model answered to it, and the version that answered."""

    example: ServingExample
    prediction: Prediction
    description: ModelDescription


def score_file(client: ModelClient, data: bytes) -> list[Scored]:
    """Scores a file's frames as the version that answers wants them, also when the server changes it meanwhile.

    Raises:
        ImageRejected: the task does not read such a file.
        ModelServerError: the server is away, or refused the request.
    """
    description = client.describe()
    while True:
        scored, answering = _scored(client, data, description)
        if answering.task == description.task:
            return scored
        description = answering


def _scored(client: ModelClient, data: bytes, description: ModelDescription) -> tuple[list[Scored], ModelDescription]:
    """Returns the frames scored so far, and who answered last; it stops at a version of another task."""
    from imaging.example import serving_examples

    scored, answering = [], description
    for example in serving_examples(data, task=description.task):
        prediction = client.predict([example.serialized])
        answering = client.describe(prediction.version)
        if answering.task != description.task:
            break
        scored.append(Scored(example, prediction, answering))
    return scored, answering


def answer_of(prediction: Prediction, description: ModelDescription) -> dict[str, Any]:
    """Returns the JSON object of one image: what the model says by label, and what it holds for.

    `operating_points` are in the unit of `scores`. `prediction_set` has the labels that cannot be excluded at the
    stated coverage; of findings, `absence_set` has those whose absence cannot be.
    """
    return {"unit": "image", **decided(prediction, description), **scope_of(prediction, description)}


def decided(prediction: Prediction, description: ModelDescription) -> dict[str, Any]:
    """Returns what the signature `calibrate` says, by label, and what it holds for."""
    labels, outputs, conformal = description.task.labels, prediction.outputs, description.conformal
    answer = {
        "model": description.task.name,
        "version": prediction.version,
        "scores": _by_label(labels.names, outputs["scores"][0]),
        "flagged": _chosen(labels.names, outputs["flag"][0]),
        "operating_points": _by_label(labels.names, outputs["operating_point"][0]),
        "calibrated": description.calibrated,
        "prevalence": description.scores_prevalence,
        "prediction_set": _chosen(labels.names, outputs["prediction_set"][0]),
        "coverage": None if conformal is None else conformal.coverage,
        "intended_use": description.task.intended_use,
        "note": NOTE,
    }
    if "absence_set" in outputs:
        answer["absence_set"] = _chosen(labels.names, outputs["absence_set"][0])
    return answer


def scope_of(prediction: Prediction, description: ModelDescription) -> dict[str, Any]:
    """Returns whether an image is what the model was made for, and what speaks for it."""
    outputs, scope = prediction.outputs, description.scope
    return {
        "out_of_scope": bool(outputs["out_of_scope"][0]),
        "scope": {
            "score": float(outputs["out_of_scope_score"][0]),
            "threshold": None if scope is None else scope.threshold,
            **{name: outputs[f"{name}_check"][0].decode() for name in ("modality", "view", "age")},
        },
    }


def _by_label(names: tuple[str, ...], values: Any) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _chosen(names: tuple[str, ...], chosen: Any) -> list[str]:
    return [name for name, one in zip(names, chosen, strict=True) if one]


def _check(arguments: argparse.Namespace) -> None:
    host, _, port = arguments.server.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(f"--server {arguments.server}: give host and port, e.g. 127.0.0.1:8500")
    if bool(arguments.explain) != bool(arguments.heatmap) or (arguments.explain and len(arguments.files) > 1):
        raise ConfigurationError("--explain LABEL, --heatmap PNG and one FILE belong together")
    if arguments.overlay and not arguments.heatmap:
        raise ConfigurationError("--overlay belongs to --explain LABEL and --heatmap PNG: give both, or leave it out")
    if arguments.heatmap and arguments.heatmap.exists():
        raise ConfigurationError(f"--heatmap {arguments.heatmap} is there already: name a new file, or remove this one")


def _check_label(label: str | None, description: ModelDescription) -> None:
    names = description.task.labels.names
    if label and label not in names:
        raise ConfigurationError(f"--explain {label}: the model's labels are {', '.join(names)}")


def _frames(client: ModelClient, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yields the answer to each frame, or why there is none to a file."""
    for file in arguments.files:
        read = read_and_score(client, file)
        if isinstance(read, dict):
            yield read
            continue
        explained = explain(client, read, arguments)
        for one in read.scored:
            answer = {"file": str(file), "frame": one.example.frame, **answer_of(one.prediction, one.description)}
            yield answer | (explained if one is best(read, arguments.explain) else {})


def _studies(client: ModelClient, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from cli.predicted_studies import study_answers

    return study_answers(client, arguments)


@dataclass(frozen=True)
class ReadFile:
    """A file that was scored: its bytes, and its frames."""

    file: Path
    data: bytes
    scored: list[Scored]


def read_and_score(client: ModelClient, file: Path) -> ReadFile | dict[str, Any]:
    """Returns a file's frames as the model sees them, or the JSON object that says why there is none.

    Raises:
        ModelServerError: the server is away, or refused the request.
    """
    from imaging.image_file import read_image_file

    try:
        data = read_image_file(file)
        return ReadFile(file, data, score_file(client, data))
    except OSError as error:
        return {"file": str(file), "status": "unreadable", "error": error.strerror or type(error).__name__}
    except ImageRejected as error:
        return {"file": str(file), "status": error.status, "error": str(error)}


def best(read: ReadFile, label: str | None) -> Scored | None:
    """Returns the frame that scores highest for a label, None where there is no label."""
    if not label:
        return None
    index = read.scored[0].description.task.labels.names.index(label)
    return max(read.scored, key=lambda one: float(one.prediction.outputs["scores"][0, index]))


def explain(client: ModelClient, read: ReadFile, arguments: argparse.Namespace) -> dict[str, Any]:
    """Draws where the model looked, if that was asked for; returns the part of the answer that says so."""
    label, method = arguments.explain, arguments.method
    shown = best(read, label)
    if shown is None:
        return {}
    heatmap = _heatmap(client, shown, label=label, method=method)
    _write_png(arguments.heatmap, _overlaid(read.data, shown, heatmap) if arguments.overlay else _gray(heatmap))
    return {"explained": {"label": label, "method": method, "heatmap": str(arguments.heatmap)}}


def _heatmap(client: ModelClient, scored: Scored, *, label: str, method: str) -> Heatmap:
    """Returns where the version that scored a frame looked for a label, float32 (rows, columns) of its source."""
    import numpy as np

    from imaging.source_geometry import to_source

    index = np.array([scored.description.task.labels.names.index(label)], np.int64)
    version, examples = scored.prediction.version, [scored.example.serialized]
    explained = client.predict(examples, signature=SIGNATURES[method], version=version, label=index)
    return to_source(explained.outputs["heatmap"][0], scored.example.geometry)


def _gray(heatmap: Heatmap) -> NDArray[Any]:
    import numpy as np

    return np.rint(heatmap * 255).astype(np.uint8)


def _overlaid(data: bytes, scored: Scored, heatmap: Heatmap) -> NDArray[Any]:
    """Returns a heatmap over the frame that it explains; `data` are the bytes of its file."""
    from imaging.overlay import overlaid, rendered
    from imaging.source import read_frames

    task, number = scored.description.task, scored.example.frame
    source = next(one for one in read_frames(data, policy=task.image.frame) if one.frame == number)
    return overlaid(rendered(source, task), heatmap)


def _write_png(out: Path, picture: NDArray[Any]) -> None:
    import cv2

    try:
        out.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    except OSError as error:
        raise ConfigurationError(f"--heatmap {out}: {error.strerror}; give a file that can be written") from error
