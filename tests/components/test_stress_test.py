"""The StressTest on small exported models: one that reads a mark in a corner is exposed, an honest one is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.artifacts import StressTest as StressTestArtifact
from components.stress_test.executor import Executor
from components.stress_test.results import read_stress
from components.stress_test.sample import choose, read_sample
from data_schemas.description import Calibration, ModelDescription
from data_schemas.errors import ConfigurationError
from data_schemas.stress_results import StressResults, StressRow
from data_schemas.task import Task
from data_schemas.wire import example_pb2
from imaging.canonical import encode_png
from imaging.perturbations import PERTURBATIONS
from tests.models.tasks import demo_task, multi_label_task

pytestmark = pytest.mark.pipeline

PATIENTS = 60
SIZE = 64
MARK = (slice(0, 5), slice(0, 5))
LESION = (slice(24, 40), slice(24, 40))
STRIP = (slice(50, 56), slice(24, 40))
"""What the sex can be read from."""


class Toy(tf.Module):
    """Scores the first finding by the brightness of one place of the image, and gives three places as features."""

    def __init__(self, place: tuple[slice, slice], task: Task) -> None:
        super().__init__()
        self._place, self._labels = place, len(task.labels.names)
        self._softmax = task.labels.type == "multi_class"

    def images(self, inputs: tf.Tensor) -> tf.Tensor:
        images = tf.io.parse_example(inputs, {"image": tf.io.FixedLenFeature([], tf.string)})["image"]
        decoded = tf.map_fn(
            lambda one: tf.image.decode_png(one, dtype=tf.uint16)[..., 0],
            images,
            fn_output_signature=tf.TensorSpec([None, None], tf.uint16),
        )
        return tf.cast(decoded, tf.float32) / 65_535.0

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def serve(self, inputs):
        seen = tf.reduce_mean(self.images(inputs)[:, self._place[0], self._place[1]], axis=(1, 2))
        logits = [20 * (seen - 0.5) if label == int(self._softmax) else 0 * seen for label in range(self._labels)]
        stacked = tf.stack(logits, axis=1)
        return {"scores_at_calibration_prevalence": (tf.nn.softmax if self._softmax else tf.sigmoid)(stacked)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def features(self, inputs):
        images = self.images(inputs)
        places = [tf.reduce_mean(images[:, rows, columns], axis=(1, 2)) for rows, columns in (MARK, LESION, STRIP)]
        return {"features": tf.stack(places, axis=1)}


def _save(folder: Path, task: Task, place: tuple[slice, slice], *, features: bool = True) -> Path:
    toy, serving = Toy(place, task), folder / "Format-Serving"
    signatures = {"serving_default": toy.serve} | ({"features": toy.features} if features else {})
    tf.saved_model.save(toy, str(serving), signatures=signatures)
    description = ModelDescription(
        task=task,
        operating_points=dict.fromkeys(task.labels.names, 0.5),
        prevalence=dict.fromkeys(task.labels.names, 0.5),
        calibration=Calibration.identity(len(task.labels.names)),
        radflow_version="0",
    )
    (serving / "assets.extra").mkdir()
    (serving / "assets.extra" / "description.json").write_text(description.model_dump_json(), encoding="utf-8")
    return folder


def _pixels(generator: np.random.Generator, *, diseased: bool, woman: bool) -> np.ndarray:
    """Returns an image whose lesion tells the disease in part, whose corner mark nearly does, and the sex."""
    image = generator.normal(0.4, 0.02, (SIZE, SIZE))
    image[LESION] += generator.normal(0.1 if diseased else 0.0, 0.05)
    image[MARK] = 0.9 if diseased != (generator.random() < 0.05) else 0.4
    image[STRIP] += 0.2 if woman else 0.0
    return np.rint(image.clip(0, 1) * 65_535).astype(np.uint16)


def _record(image: np.ndarray, *, patient: int, number: int, label: list[int], sex: str, task: Task) -> bytes:
    example = example_pb2.Example()
    feature = example.features.feature
    feature["image"].bytes_list.value.append(encode_png(image))
    feature["example_id"].bytes_list.value.append(b"%04x" % ((patient * 2 + number) * 7919 % 65_521))
    feature["patient"].bytes_list.value.append(b"%04x" % (patient * 104_729 % 65_521))
    feature["sex"].bytes_list.value.append(sex.encode())
    feature["age_years"].float_list.value.extend([20.0 + patient] if patient % 6 else [])
    if task.labels.type == "multi_class":
        feature["label"].bytes_list.value.append(task.labels.names[label[0]].encode())
    else:
        feature["findings"].int64_list.value.extend(label)
    return bytes(example.SerializeToString())


def _write(folder: Path, task: Task) -> Path:
    generator = np.random.default_rng(0)
    (folder / "Split-test").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "Split-test" / "data.gz"), options="GZIP") as writer:
        for patient in range(PATIENTS):
            sex = "F" if patient % 3 else "M"
            for number in range(2):
                diseased = bool(generator.integers(2))
                image = _pixels(generator, diseased=diseased, woman=sex == "F")
                unknown = patient % 10 == 9
                label = [int(diseased)] if task.labels.type == "multi_class" else [-1 if unknown else int(diseased), -1]
                writer.write(_record(image, patient=patient, number=number, label=label, sex=sex, task=task))
    return folder


@dataclass(frozen=True)
class World:
    """Examples, and a folder for models."""

    folder: Path
    task: Task

    def run(self, name: str, place: tuple[slice, slice], *, features: bool = True, output: str = "out") -> Path:
        """Runs the executor; returns the artifact's folder."""
        if not (self.folder / name).exists():
            _save(self.folder / name, self.task, place, features=features)
        model, examples = standard_artifacts.Model(), standard_artifacts.Examples()
        model.uri, examples.uri = str(self.folder / name), str(self.folder / "examples")
        examples.split_names = '["test"]'
        stress = StressTestArtifact()
        stress.uri = str(self.folder / f"{name}-{output}")
        Executor().Do({"model": [model], "examples": [examples]}, {"stress": [stress]}, {"code_digest": ""})
        return Path(stress.uri)


@pytest.fixture(scope="module", params=["multi_class", "multi_label"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> World:
    task = demo_task() if request.param == "multi_class" else multi_label_task()
    folder = tmp_path_factory.mktemp(request.param)
    _write(folder / "examples", task)
    return World(folder, task)


@pytest.fixture(scope="module")
def shortcut(world: World) -> StressResults:
    """What is found of a model that looks at the mark alone."""
    return read_stress(world.run("shortcut", MARK))


@pytest.fixture(scope="module")
def honest(world: World) -> StressResults:
    """What is found of a model that looks at the lesion alone."""
    return read_stress(world.run("honest", LESION))


def _rows(results: StressResults, name: str) -> list[StressRow]:
    return [row for row in results.rows if row.name == name]


def test_every_change_has_a_row_and_every_image_is_scored(shortcut: StressResults) -> None:
    assert (shortcut.patients, shortcut.images) == (PATIENTS, 2 * PATIENTS)
    assert (shortcut.test_patients, shortcut.test_images) == (PATIENTS, 2 * PATIENTS)
    assert shortcut.sampling == "All 120 images of the 60 patients of the test split."
    expected = [(one.name, one.level_text(level)) for one in PERTURBATIONS for level in one.levels]
    assert [(row.name, row.level) for row in shortcut.rows] == expected
    assert {row.images_changed for row in shortcut.rows if row.name != "burned-in text"} == {2 * PATIENTS}


def test_a_model_that_reads_a_mark_in_the_corner_is_exposed(world: World, shortcut: StressResults) -> None:
    finding = world.task.labels.findings[0]
    assert shortcut.unperturbed[finding].value > 0.9
    for row in _rows(shortcut, "corners"):
        found = row.findings[finding]
        assert found.auroc.value == pytest.approx(0.5, abs=0.15)
        assert found.auroc_difference.upper < -0.2
        assert found.flag_changed == pytest.approx(0.5, abs=0.15)  # whoever had a mark has none


def test_an_honest_model_is_not(world: World, honest: StressResults) -> None:
    finding = world.task.labels.findings[0]
    assert honest.unperturbed[finding].value > 0.85
    for row in (*_rows(honest, "corners"), *_rows(honest, "border")):
        found = row.findings[finding]
        assert (found.auroc_difference.value, found.flag_changed) == (0, 0)
        assert found.score_change == pytest.approx(0, abs=1e-6)


def test_a_shift_moves_the_honest_model_as_the_sums_say(world: World, honest: StressResults) -> None:
    """A window that is wider by half takes the score's slope down; the order of scores, and so the AUROC, stays."""
    finding = world.task.labels.findings[0]
    wider = next(row for row in _rows(honest, "window width") if row.level == "x 1.5").findings[finding]
    assert wider.score_change > 0.03
    assert wider.auroc_difference.value == pytest.approx(0, abs=0.01)


def test_where_no_text_is_found_no_image_is_changed(world: World, honest: StressResults) -> None:
    (row,) = _rows(honest, "burned-in text")
    found = row.findings[world.task.labels.findings[0]]
    assert row.images_changed == 0
    assert (found.score_change, found.auroc_difference.note) == (0, "the same scores")


def test_a_finding_that_nobody_knows_is_shown_as_such(world: World, honest: StressResults) -> None:
    unknown = world.task.labels.findings[1]
    assert honest.unperturbed[unknown].value is None
    assert honest.unperturbed[unknown].note.startswith("too few patients: 0 with the finding")


def test_the_probe_finds_the_sex_that_the_features_hold_and_no_age(honest: StressResults) -> None:
    sex, age = honest.probes
    assert (sex.attribute, sex.patients) == ("sex", PATIENTS)
    assert sex.auroc.value > 0.95
    assert (age.attribute, age.patients) == ("age", 50)
    assert age.auroc.lower < 0.5 < age.auroc.upper


def test_a_model_without_features_is_stressed_all_the_same(world: World, honest: StressResults) -> None:
    old = read_stress(world.run("old", LESION, features=False))
    assert old.rows == honest.rows
    assert all(probe.auroc.value is None and "no signature `features`" in probe.note for probe in old.probes)


def test_two_runs_agree_to_the_byte(world: World, honest: StressResults) -> None:
    again = world.run("honest", LESION, output="again")
    first = world.folder / "honest-out"
    assert (again / "stress.json").read_bytes() == (first / "stress.json").read_bytes()


def test_an_older_model_without_the_scores_is_told_so(world: World, tmp_path: Path) -> None:
    _save(world.folder / "ancient", world.task, LESION)
    toy = Toy(LESION, world.task)
    plain = tf.function(lambda inputs: {"scores": toy.serve(inputs)["scores_at_calibration_prevalence"]})
    signature = plain.get_concrete_function(tf.TensorSpec([None], tf.string, name="inputs"))
    tf.saved_model.save(
        toy, str(world.folder / "ancient" / "Format-Serving"), signatures={"serving_default": signature}
    )
    with pytest.raises(ConfigurationError, match="no scores_at_calibration_prevalence"):
        world.run("ancient", LESION)


def test_too_large_a_split_is_cut_by_the_stated_rule(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "__kwdefaults__", {"most_images": 40})
    folder = str(world.folder / "examples" / "Split-test")
    cut = read_sample(folder, world.task.labels)
    assert len(cut.records) == 40 and len(set(cut.patients)) == 40  # two images each would be 80
    assert sorted(cut.patients) == cut.patients.tolist()
    assert cut.sampling.startswith("40 of the test split's 120 images, 40 of its 60 patients")


def test_an_empty_split_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the test split has no image"):
        read_sample(str(tmp_path), demo_task().labels)


def test_patients_are_chosen_by_their_hashes_in_whatever_order_they_come() -> None:
    identities = [(f"p{patient}", f"i{patient}{image}") for patient in range(5) for image in range(1 + patient)]
    assert choose(identities) == sorted(identities)
    assert choose(identities[::-1], most_images=2) == [("p0", "i00"), ("p1", "i10")]


def test_of_too_many_images_each_patient_keeps_the_same_number_at_most() -> None:
    identities = [(f"p{patient}", f"i{patient}{image}") for patient in range(5) for image in range(1 + patient)]
    # 1 + 2 + 2 + 2 + 2 = 9 images with two each at most; three each would be 12.
    chosen = choose(identities, most_images=11)
    assert len(chosen) == 9 and ("p4", "i41") in chosen and ("p4", "i42") not in chosen
    assert len(choose(identities, most_images=3)) == 3
    assert choose([]) == []
