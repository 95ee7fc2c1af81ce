"""ModelReport: which cases are shown and how, what the model is asked, and that a missing part fails nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest

from components.model_report.chosen_cases import EACH, TestCases, choose, outcomes
from components.model_report.explained_cases import LONGEST_SIDE, displayed, explained_gallery, picture
from components.model_report.gather import RunArtifacts, gather, judged_images, used, written_on
from components.model_report.groups import group_counts
from components.model_report.provenance import data_digest, hardware
from components.model_report.records import example_id, with_ids
from components.model_report.scope_use import scope_use
from data_schemas import features
from data_schemas.image_settings import Intensity
from data_schemas.model_files import ASSETS, DESCRIPTION_FILE
from data_schemas.wire import example_pb2
from imaging.canonical import encode_png
from reports.model_report import report_files
from tests.models.tasks import demo_task, multi_label_task
from tests.reports.sample_report import INGEST, description

MADE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
POINTS = {"nodule": 0.5, "cavity": 0.5}


def cases(nodule: Sequence[float], labels: Sequence[int], patients: Sequence[str] | None = None) -> TestCases:
    """Returns cases with scores of nodule; those of cavity are 0."""
    scores = np.array([[1 - score, score, 0.0] for score in nodule])
    names = np.array([f"image{index}" for index in range(len(nodule))])
    who = np.array(patients if patients is not None else [f"patient{index}" for index in range(len(nodule))])
    return TestCases(names, who, np.array(labels), scores)


def record(name: str, *, row: int = 1, shape: tuple[int, int] = (8, 16)) -> bytes:
    """Returns a serialized example with an image that rises from left to right."""
    image = np.tile(np.linspace(0, 65_535, shape[1]).astype(np.uint16), (shape[0], 1))
    example = example_pb2.Example()
    example.features.feature[features.EXAMPLE_ID].bytes_list.value.append(name.encode())
    example.features.feature[features.IMAGE].bytes_list.value.append(encode_png(image))
    example.features.feature[features.MANIFEST_ROW].int64_list.value.append(row)
    return example.SerializeToString()


def write_split(folder: Path, records: Sequence[bytes]) -> Path:
    import tensorflow as tf

    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data-0.gz"), options="GZIP") as writer:
        for one in records:
            writer.write(one)
    return folder


def test_outcomes_are_what_the_operating_point_makes_of_each_case() -> None:
    labels = demo_task().labels  # normal, nodule, cavity
    found = outcomes(cases([0.9, 0.5, 0.4, 0.1, 0.8], [1, 0, 1, 2, -1]), labels, "nodule", 0.5)
    # A score at the operating point is flagged; the last case's label is not known.
    assert {name: list(indices) for name, indices in found.items()} == {
        "true positive": [0],
        "false positive": [1],
        "false negative": [2],
        "true negative": [3],
    }


def test_the_worst_errors_are_shown_and_the_usual_right_answers() -> None:
    labels = demo_task().labels
    wrong, right = [0.6, 0.99, 0.7, 0.9], [0.91, 0.92, 0.93, 0.94, 0.99]
    chosen, counts = choose(cases(wrong + right, [0] * 4 + [1] * 5), labels, POINTS)
    of_nodule = [one for one in chosen if one.finding == "nodule"]
    assert [one.index for one in of_nodule if one.outcome == "false positive"] == [1, 3, 2]
    # The median of the right ones is .93, then .92 and .94 are as near; the hash decides their order.
    assert [one.index for one in of_nodule if one.outcome == "true positive"] == [6, 5, 7]
    assert counts["nodule"] == {"true positive": 5, "false positive": 4, "false negative": 0, "true negative": 0}


def test_a_patient_is_shown_once_of_a_kind_and_images_with_text_never() -> None:
    labels = demo_task().labels
    few = cases([0.9, 0.8, 0.7, 0.6], [0] * 4, patients=["a", "a", "b", "c"])
    chosen, counts = choose(few, labels, POINTS, left_out={"image2"})
    assert [one.index for one in chosen if one.outcome == "false positive"] == [0, 3]
    assert counts["nodule"]["false positive"] == 4, "what is not shown is counted all the same"


def test_at_most_three_of_a_kind_are_shown() -> None:
    chosen, _ = choose(cases([0.9] * 10, [0] * 10), demo_task().labels, POINTS)
    assert sum(one.outcome == "false positive" for one in chosen) == EACH == 3


def test_findings_that_are_not_known_are_of_no_kind() -> None:
    labels = multi_label_task().labels
    two = TestCases(np.array(["x", "y"]), np.array(["p", "q"]), np.array([[1, -1], [0, 1]]), np.full((2, 2), 0.9))
    _, counts = choose(two, labels, {"a": 0.5, "b": 0.5})
    assert counts["a"] == {"true positive": 1, "false positive": 1, "false negative": 0, "true negative": 0}
    assert counts["b"] == {"true positive": 1, "false positive": 0, "false negative": 0, "true negative": 0}


def test_ct_is_shown_in_its_first_window() -> None:
    # Window 0 of width 100: -50 HU is black, 50 HU white, 0 HU half.
    intensity = Intensity.model_validate({"policy": "hounsfield", "windows": [{"center": 0, "width": 100}]})
    png = encode_png(np.array([[32_768 - 50, 32_768, 32_768 + 50, 65_535]], np.uint16))
    assert displayed(png, intensity).tolist() == [[0, 128, 255, 255]]


def test_a_picture_is_small_and_its_heatmap_lies_where_it_belongs() -> None:
    image = np.full((400, 800), 100, np.uint8)
    heatmap = np.zeros((64, 64), np.float32)
    heatmap[16:32, :16] = 1.0  # the image covers rows 16 to 47: its upper left quarter's left half
    shown = cv2.imdecode(np.frombuffer(picture(image, heatmap), np.uint8), cv2.IMREAD_COLOR)
    rows, columns = LONGEST_SIDE // 2, LONGEST_SIDE
    plain, overlay = shown[:, :columns], shown[:, columns + 4 : 2 * columns + 4]
    assert shown.shape[0] == rows and abs(plain.astype(int) - 100).max() < 8
    assert overlay[5:35, 5:35].mean() > 115 and overlay[45:75, 45:].mean() < 105


def test_the_gallery_asks_for_each_findings_own_map_and_names_rows(tmp_path: Path) -> None:
    split = write_split(tmp_path / "Split-test", [record("image0", row=17), record("image1", row=18)])
    asked: list[int] = []

    def explain(records: Sequence[bytes], labels: Sequence[int]) -> Any:
        asked.extend(labels)
        return np.zeros((len(records), 64, 64), np.float32)

    labels = demo_task().labels
    found = explained_gallery(
        explain, cases([0.9, 0.1], [1, 0]), split, labels=labels, points=POINTS, intensity=Intensity()
    )
    assert [(one.finding, one.outcome, one.row) for one in found.cases if one.finding == "nodule"] == [
        ("nodule", "true positive", 17),
        ("nodule", "true negative", 18),
    ]
    assert set(asked) == {1, 2} and found.cases[0].score == pytest.approx(0.9)


def test_a_case_without_a_record_is_not_shown(tmp_path: Path) -> None:
    split = write_split(tmp_path / "Split-test", [record("image0")])
    assert set(with_ids(split, {"image0", "image1"})) == {"image0"}


def test_the_model_is_asked_about_the_images_of_the_lowest_hashes_whatever_their_order() -> None:
    asked: list[str] = []

    def score(batch: Sequence[bytes]) -> dict[str, Any]:
        names = [example_id(one) for one in batch]
        asked.extend(names)
        unusual = np.array([name in ("image00", "image40") for name in names])
        words = np.array([b"mismatch" if odd else b"match" for odd in unusual], object)
        return {"out_of_scope": unusual, "modality_check": words, "view_check": words, "age_check": words}

    backwards = [record(f"image{index:02}") for index in reversed(range(41))]
    use = scope_use(score, backwards, most=40)
    assert asked == [f"image{index:02}" for index in range(40)]
    assert (use.images, use.of, use.flagged) == (40, 41, 1)
    assert use.checks["view"] == {"match": 39, "mismatch": 1}


def index_table(**changes: Any) -> pa.Table:
    columns: dict[str, Any] = {
        "manifest_row": [1, 2, 3],
        "frame": [1, 1, 1],
        "split": ["train", "train", "test"],
        "patient": ["a", "a", "b"],
        "example_id": ["x", "y", "z"],
        "file_hash": ["f1", "f2", "f3"],
        "pixel_hash": ["p1", "p2", "p3"],
        "label": ["nodule", "nodule", "normal"],
        "sex": ["F", "F", None],
        "text_score": [None, 0.0, 2.0],
    }
    return pa.table(columns | changes)


def test_groups_are_counted_by_image_and_patient() -> None:
    counted = {
        (one.feature, one.value, one.split): (one.images, one.patients)
        for one in group_counts(index_table(), demo_task())
    }
    assert counted == {("sex", "F", "train"): (2, 1), ("sex", "unknown", "test"): (1, 1)}


@pytest.mark.parametrize("changed", [{"label": ["nodule", "cavity", "normal"]}, {"split": ["train", "test", "test"]}])
def test_another_label_or_split_has_another_digest(changed) -> None:
    assert data_digest(index_table()) == data_digest(index_table()) != data_digest(index_table(**changed))


def test_images_with_text_are_told_by_the_index() -> None:
    assert written_on(index_table()) == {"z"} and written_on(None) == frozenset()


def test_hardware_names_no_machine() -> None:
    import socket

    assert socket.gethostname() not in " ".join(hardware().values())


def test_an_artifact_is_named_without_the_folder_that_holds_the_output() -> None:
    place = used("model_run", "ModelRun", 7, "/home/somebody/output/pipeline/Trainer/model_run/7").place
    assert place == "Trainer/model_run/7"


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    """Returns a folder in which a model says what it is, and no more."""
    folder = tmp_path / "model"
    (folder / ASSETS).mkdir(parents=True)
    (folder / ASSETS / DESCRIPTION_FILE).write_text(description().model_dump_json())
    return folder


def test_a_run_of_which_only_the_model_is_left_has_a_report(serving: Path) -> None:
    data = gather(RunArtifacts("run", serving), made=MADE)
    assert data.evaluation is None and data.gallery is None and data.history == ()
    assert "Not judged" in report_files(data)["model_report.html"]


def test_an_artifact_of_an_older_version_is_left_out_and_the_rest_kept(serving: Path, tmp_path: Path) -> None:
    old = tmp_path / "evaluation"
    old.mkdir()
    (old / "metrics.json").write_text(json.dumps({"overall": {}, "slices": [], "champion": None}))
    (old / "gates.json").write_text(json.dumps([{"name": "g", "passed": True, "strange": 1}]))
    ingest = tmp_path / "ingest"
    ingest.mkdir()
    (ingest / "ingest.json").write_text(INGEST.model_dump_json())
    data = gather(RunArtifacts("run", serving, evaluation=old, ingest_report=ingest, blessed=True), made=MADE)
    assert data.evaluation is None and data.gates is None and data.blessed is True
    assert data.ingest == INGEST and data.groups == ()


def test_a_model_that_cannot_be_loaded_still_has_a_report(serving: Path, tmp_path: Path) -> None:
    split = write_split(tmp_path / "Split-test", [record("image0")])
    data = gather(RunArtifacts("run", serving, test_split=split), made=MADE)
    assert data.scope is None and data.gallery is None


def test_cases_are_read_as_the_evaluator_leaves_them(tmp_path: Path) -> None:
    one = {"ids": ["x"], "patients": ["p"], "studies": ["s"], "labels": [1], "group_sex": ["F"]}
    np.savez(tmp_path / "cases.npz", scores=[[0.2, 0.8]], raw_scores=[[0.0, 1.0]], **one)
    read = judged_images(tmp_path)
    assert (read.example_ids.tolist(), read.patients.tolist(), read.labels.tolist()) == (["x"], ["p"], [1])
    assert read.scores.tolist() == [[0.2, 0.8]]
