from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest

from data_schemas import features
from data_schemas.errors import Corrupt, NoPixels, NotDicom, NotForTask, Unsupported
from data_schemas.features import UNKNOWN
from data_schemas.task import Task
from data_schemas.wire import example_pb2
from imaging.example import DeclaredHeader, TrainingExample, serving_examples, training_examples
from imaging.manifest import ManifestRow
from imaging.pseudonyms import Pseudonyms

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
PSEUDONYMS = Pseudonyms(bytes(range(32)))
PIXELS = np.linspace(0, 4095, 40 * 30).reshape(40, 30).astype(np.uint16)
IDENTITY_AND_LABEL = {features.EXAMPLE_ID, features.PATIENT, features.STUDY, features.LABEL, features.FINDINGS}
HEADER = {
    "PatientSex": "F",
    "PatientAge": "045Y",
    "ViewPosition": "PA",
    "Manufacturer": "acme",
    "BitsStored": 12,
    "HighBit": 11,
}


def row(**values: Any) -> ManifestRow:
    return ManifestRow(**({"row": 7, "file": Path("a.dcm"), "label": "NORMAL"} | values))


def train(data: bytes, task: Task, **values: Any) -> TrainingExample:
    (only,) = training_examples(data, row=row(**values), task=task, pseudonyms=PSEUDONYMS)
    return only


def serve(data: bytes, task: Task) -> bytes:
    (only,) = serving_examples(data, task=task)
    return only.serialized


def parsed(serialized: bytes) -> dict[str, Any]:
    """Returns each feature as a list of its values, text decoded but for the image."""
    found: dict[str, Any] = {}
    for name, feature in example_pb2.Example.FromString(serialized).features.feature.items():
        kind = feature.WhichOneof("kind")
        assert kind is not None
        values = list(getattr(feature, kind).value)
        found[name] = values if name == features.IMAGE or kind != "bytes_list" else [value.decode() for value in values]
    return found


def pixels(serialized: bytes) -> np.ndarray[Any, Any]:
    return cv2.imdecode(np.frombuffer(parsed(serialized)[features.IMAGE][0], np.uint8), cv2.IMREAD_UNCHANGED)


def feature_names() -> set[str]:
    """Returns every name that `data_schemas.features` gives to a raw feature."""
    constants = {
        name: value for name, value in inspect.getmembers(features) if name.isupper() and isinstance(value, str)
    }
    return set(constants.values()) - {UNKNOWN, features.TRANSFORMED_IMAGE, features.TRANSFORMED_LABEL}


def test_a_multi_class_example_has_every_feature_of_the_contract(dicom: Any, chest_task: Task) -> None:
    assert set(parsed(train(dicom(PIXELS), chest_task).serialized)) == feature_names() - {features.FINDINGS}


def test_a_multi_label_example_has_findings_for_a_label(dicom: Any, findings_task: Task) -> None:
    found = parsed(train(dicom(PIXELS), findings_task, findings=(1, 0, -1, 0)).serialized)
    assert set(found) == feature_names() - {features.LABEL}
    assert found[features.FINDINGS] == [1, 0, -1, 0]


def test_a_serving_example_has_neither_identity_nor_label(dicom: Any, chest_task: Task) -> None:
    found = parsed(serve(dicom(PIXELS), chest_task))
    assert set(found) == feature_names() - IDENTITY_AND_LABEL
    assert found[features.MANIFEST_ROW] == [0]


def test_the_study_of_a_file_is_told_beside_its_record_and_is_not_in_it(dicom: Any, chest_task: Task) -> None:
    def served(**header: str) -> Any:
        (only,) = serving_examples(dicom(PIXELS, **HEADER | header), task=chest_task)
        return only

    one = served(StudyInstanceUID="1.2.777", PatientID="SECRET-7")
    assert one.study == served(StudyInstanceUID="1.2.777", PatientID="SECRET-7", ViewPosition="AP").study
    others = {
        served(StudyInstanceUID="1.2.777", PatientID="ANOTHER").study,
        served(StudyInstanceUID="1.2.778", PatientID="SECRET-7").study,
        served(StudyInstanceUID="1.2.777", PatientID="SECRET-7", IssuerOfPatientID="elsewhere").study,
    }
    assert len(others - {one.study}) == 3
    assert b"1.2.777" not in one.serialized and b"SECRET-7" not in one.serialized
    assert served(StudyInstanceUID="").study == ""


def test_the_header_fills_the_features(dicom: Any, chest_task: Task) -> None:
    found = parsed(train(dicom(PIXELS, **HEADER), chest_task).serialized)
    expected = {
        features.LABEL: ["NORMAL"],
        features.MANIFEST_ROW: [7],
        features.SEX: ["F"],
        features.AGE_YEARS: [45.0],
        features.AGE_GROUP: ["18+"],
        features.MODALITY: ["DX"],
        features.VIEW: ["PA"],
        features.MANUFACTURER: ["ACME"],
        features.SITE: [UNKNOWN],
        features.SOURCE_ROWS: [40],
        features.SOURCE_COLUMNS: [30],
        features.BITS_STORED: [12],
    }
    assert {name: found[name] for name in expected} == expected


def test_the_manifest_goes_before_the_header(dicom: Any, chest_task: Task) -> None:
    values = {"sex": "M", "age_years": 3.5, "view": "ap", "modality": "cr", "manufacturer": "other", "site": "A"}
    found = parsed(train(dicom(PIXELS, **HEADER), chest_task, **values).serialized)
    assert [found[name][0] for name in (features.SEX, features.AGE_YEARS, features.VIEW, features.MODALITY)] == [
        "M",
        3.5,
        "AP",
        "CR",
    ]
    assert [found[name][0] for name in (features.MANUFACTURER, features.SITE, features.AGE_GROUP)] == [
        "OTHER",
        "A",
        "2-4",
    ]


def test_a_png_knows_nothing_and_says_so(chest_task: Task) -> None:
    found = parsed(train(imagecodecs.png_encode(PIXELS), chest_task, patient_id="P").serialized)
    assert [found[name] for name in (features.SEX, features.AGE_GROUP, features.MODALITY, features.MANUFACTURER)] == [
        [UNKNOWN]
    ] * 4
    assert found[features.AGE_YEARS] == []


def test_columns_that_slices_name_become_features(dicom: Any, chest_task: Task) -> None:
    task = chest_task.model_copy(update={"slices": (("ward",),)})
    name = features.extra_column("ward")
    assert parsed(train(dicom(PIXELS), task, extra={"ward": "ICU"}).serialized)[name] == ["ICU"]
    assert parsed(train(dicom(PIXELS), task, extra={"ward": ""}).serialized)[name] == [UNKNOWN]


def test_ct_has_moments_for_each_window(dicom: Any, ct_task: Task) -> None:
    data = dicom(PIXELS, Modality="CT", RescaleSlope="1", RescaleIntercept="-1024")
    serialized = train(data, ct_task, label="contrast").serialized
    found = parsed(serialized)
    assert len(found[features.CHANNEL_MEAN]) == len(found[features.CHANNEL_MEAN_SQUARE]) == 3
    np.testing.assert_array_equal(pixels(serialized), PIXELS - 1024.0 + 32_768)


def test_the_image_is_16_bit_and_no_longer_than_max_side(dicom: Any, chest_task: Task) -> None:
    image = pixels(train(dicom(np.zeros((600, 300), np.uint16)), chest_task).serialized)
    assert (image.shape, image.dtype) == ((256, 128), np.uint16)


def test_a_dicom_and_its_png_have_the_same_pixels(dicom: Any, chest_task: Task) -> None:
    film = np.random.default_rng(1).integers(0, 256, (300, 280), dtype=np.uint8)
    as_dicom, as_png = (
        serve(dicom(film), chest_task),
        serve(imagecodecs.png_encode(film), chest_task),
    )
    np.testing.assert_array_equal(pixels(as_dicom), pixels(as_png))


def test_training_and_serving_share_every_feature_but_identity_and_label(dicom: Any, chest_task: Task) -> None:
    for data in (
        dicom(PIXELS, **HEADER),
        dicom(PIXELS, PhotometricInterpretation="MONOCHROME1"),
        imagecodecs.png_encode(PIXELS),
    ):
        trained = parsed(train(data, chest_task, patient_id="P").serialized)
        served = parsed(serve(data, chest_task))
        different = {name for name in trained if served.get(name) != trained[name]}
        assert different == {
            features.EXAMPLE_ID,
            features.PATIENT,
            features.STUDY,
            features.LABEL,
            features.MANIFEST_ROW,
        }


@pytest.mark.skipif(not (DATA / "ct-contrast-dicom").is_dir(), reason="the CT set is not in ../shared/data")
def test_training_and_serving_pixels_are_the_same_on_real_ct(ct_task: Task) -> None:
    for path in sorted((DATA / "ct-contrast-dicom" / "dicom").iterdir())[::13]:
        data = path.read_bytes()
        trained = train(data, ct_task, label="contrast").serialized
        assert parsed(trained)[features.IMAGE] == parsed(serve(data, ct_task))[features.IMAGE]


def test_equal_bytes_give_equal_examples(dicom: Any, chest_task: Task) -> None:
    data = dicom(PIXELS, **HEADER)
    assert train(data, chest_task) == train(data, chest_task)


def test_no_identifier_stands_in_an_example(dicom: Any, chest_task: Task) -> None:
    data = dicom(
        PIXELS, PatientBirthDate="19630412", StudyDate="20200101", AccessionNumber="ACC-1", IssuerOfPatientID="ISSUER"
    )
    for serialized in (
        train(data, chest_task, patient_id="MANIFEST-ID", study_id="MANIFEST-STUDY").serialized,
        serve(data, chest_task),
    ):
        for secret in (b"ID-OF", b"Name", b"1.2.3", b"19630412", b"20200101", b"ACC-1", b"ISSUER", b"MANIFEST-"):
            assert secret not in serialized


def test_a_patient_has_one_pseudonym_and_each_image_its_own(dicom: Any, chest_task: Task) -> None:
    first, second = (train(dicom(PIXELS + number), chest_task) for number in (0, 1))
    assert first.patient == second.patient == PSEUDONYMS.pseudonym("patient", "patient\x1f\x1fID-OF-PATIENT")
    one, two = parsed(first.serialized), parsed(second.serialized)
    assert one[features.PATIENT] == [first.patient]
    assert one[features.STUDY] == two[features.STUDY] != one[features.PATIENT]
    assert one[features.EXAMPLE_ID] != two[features.EXAMPLE_ID]
    assert first.split == second.split


def test_the_same_study_number_of_two_patients_is_two_studies(dicom: Any, chest_task: Task) -> None:
    found = [parsed(train(dicom(PIXELS), chest_task, patient_id=name, study_id="1").serialized) for name in "AB"]
    assert found[0][features.STUDY] != found[1][features.STUDY]


def test_a_contradicting_patient_id_is_a_warning_that_names_the_row_alone(dicom: Any, chest_task: Task) -> None:
    found = train(dicom(PIXELS), chest_task, patient_id="OTHER")
    assert found.warnings == ("row 7: patient_id differs from the DICOM's; the manifest's is used",)
    assert found.patient == PSEUDONYMS.pseudonym("patient", "patient\x1f\x1fOTHER")
    assert train(dicom(PIXELS), chest_task, patient_id="ID-OF-PATIENT").warnings == ()


def test_without_a_patient_id_the_study_stands_in(dicom: Any, chest_task: Task) -> None:
    assert train(dicom(PIXELS, PatientID=""), chest_task).warnings == (
        "row 7: no patient id; the study stands in for the patient",
    )
    with pytest.raises(Unsupported, match="patient id"):
        train(imagecodecs.png_encode(PIXELS), chest_task)


def test_a_given_split_is_kept(dicom: Any, chest_task: Task) -> None:
    (found,) = training_examples(
        dicom(PIXELS),
        row=row(split="test"),
        task=chest_task,
        pseudonyms=PSEUDONYMS,
        given_splits=("train", "eval", "test"),
    )
    assert found.split == "test"


@pytest.mark.parametrize("elements", [{"Modality": "MR"}, {"ViewPosition": "LL"}])
def test_what_the_task_does_not_take_is_unsupported_for_both(
    dicom: Any, findings_task: Task, elements: dict[str, str]
) -> None:
    data = dicom(PIXELS, **elements)
    with pytest.raises(Unsupported, match="the task takes"):
        train(data, findings_task, findings=(0, 0, 0, 0))
    with pytest.raises(Unsupported, match="the task takes"):
        serve(data, findings_task)


def test_images_for_processing_are_refused_unless_the_task_accepts_them(dicom: Any, chest_task: Task) -> None:
    data = dicom(PIXELS, PresentationIntentType="FOR PROCESSING")
    with pytest.raises(Unsupported, match="accepts_for_processing"):
        train(data, chest_task)
    with pytest.raises(Unsupported, match="accepts_for_processing"):
        serve(data, chest_task)
    accepting = chest_task.model_copy(update={"accepts_for_processing": True})
    assert serve(data, accepting) == serve(dicom(PIXELS), chest_task)


def test_the_manifest_can_say_that_a_modality_is_right_after_all(dicom: Any, chest_task: Task) -> None:
    assert train(dicom(PIXELS, Modality="OT"), chest_task, modality="CR").serialized


@pytest.mark.parametrize("error", [NotDicom, NoPixels, Corrupt])
def test_rejections_are_the_same_for_both(dicom: Any, chest_task: Task, error: type[Exception]) -> None:
    data = {NotDicom: b"no image", NoPixels: dicom(None), Corrupt: dicom(PIXELS)[:-9]}[error]
    with pytest.raises(error):
        train(data, chest_task)
    with pytest.raises(error):
        serve(data, chest_task)


@pytest.fixture
def every_frame(chest_task: Task) -> Task:
    return chest_task.model_copy(update={"image": chest_task.image.model_copy(update={"frame": "every"})})


def test_every_frame_is_an_example_of_one_patient_and_study(dicom: Any, every_frame: Task) -> None:
    data = dicom(PIXELS, NumberOfFrames=3, PixelData=np.stack([PIXELS, PIXELS + 1, PIXELS]).tobytes())
    found = training_examples(data, row=row(patient_id="OTHER"), task=every_frame, pseudonyms=PSEUDONYMS)
    records = [parsed(one.serialized) for one in found]
    assert [record[features.FRAME] for record in records] == [[1], [2], [3]]
    assert len({record[features.EXAMPLE_ID][0] for record in records}) == 3
    for name in (features.PATIENT, features.STUDY, features.LABEL, features.MANIFEST_ROW):
        assert len({str(record[name]) for record in records}) == 1
    assert len({one.split for one in found}) == 1
    assert [len(one.warnings) for one in found] == [1, 0, 0]
    assert [one.index_row["frame"] for one in found] == [1, 2, 3]
    assert len({one.index_row["file_hash"] for one in found}) == 3  # no frame is a copy of another
    served = serving_examples(data, task=every_frame)
    assert [one.frame for one in served] == [1, 2, 3]
    assert [parsed(one.serialized)[features.IMAGE] for one in served] == [record[features.IMAGE] for record in records]


def test_a_file_of_one_frame_keeps_its_name_whatever_the_policy(
    dicom: Any, chest_task: Task, every_frame: Task
) -> None:
    assert train(dicom(PIXELS), every_frame).serialized == train(dicom(PIXELS), chest_task).serialized


def test_one_broken_frame_costs_the_file(dicom: Any, every_frame: Task) -> None:
    frames = [imagecodecs.jpegls_encode(PIXELS), b"broken"]
    data = dicom(PIXELS, syntax="1.2.840.10008.1.2.4.80", frames=frames, NumberOfFrames=2)
    with pytest.raises(Corrupt):
        training_examples(data, row=row(), task=every_frame, pseudonyms=PSEUDONYMS)


def test_a_header_word_that_dicom_does_not_define_is_not_told(dicom: Any, chest_task: Task) -> None:
    with pytest.raises(Unsupported) as caught:
        train(dicom(PIXELS, Modality="JANEDOE"), chest_task)
    assert "JANEDOE" not in str(caught.value) and "not one that DICOM defines" in str(caught.value)


def test_a_view_that_dicom_does_not_define_is_unknown_unless_the_manifest_gives_it(
    dicom: Any, chest_task: Task
) -> None:
    task = chest_task.model_copy(update={"views": ()})
    assert parsed(train(dicom(PIXELS, ViewPosition="JANEDOE"), task).serialized)[features.VIEW] == [UNKNOWN]
    assert parsed(train(dicom(PIXELS), task, view="tunnel").serialized)[features.VIEW] == ["TUNNEL"]


def test_a_manufacturer_that_repeats_the_patients_name_is_unknown(dicom: Any, chest_task: Task) -> None:
    data = dicom(PIXELS, Manufacturer="made for Jane Doe", PatientName="DOERING^JANE")
    assert parsed(train(data, chest_task).serialized)[features.MANUFACTURER] == [UNKNOWN]
    data = dicom(PIXELS, Manufacturer="Acme", PatientName="DOERING^JANE")
    assert parsed(train(data, chest_task).serialized)[features.MANUFACTURER] == ["ACME"]


STATED = DeclaredHeader(modality="CR", view="AP", age_years=61.0)


def test_what_is_declared_fills_what_a_file_does_not_say(chest_task: Task) -> None:
    png = cv2.imencode(".png", PIXELS)[1].tobytes()
    (only,) = serving_examples(png, task=chest_task, declared=STATED)
    found = parsed(only.serialized)
    assert (found[features.MODALITY], found[features.VIEW], found[features.AGE_YEARS]) == (["CR"], ["AP"], [61.0])
    assert found[features.AGE_GROUP] == ["18+"]


def test_what_is_declared_never_goes_before_the_header(dicom: Any, chest_task: Task) -> None:
    data = dicom(PIXELS, **HEADER)
    (only,) = serving_examples(data, task=chest_task, declared=STATED)
    assert only.serialized == serve(data, chest_task)


def test_what_is_declared_is_held_against_the_task_as_a_header_is(chest_task: Task) -> None:
    png = cv2.imencode(".png", PIXELS)[1].tobytes()
    with pytest.raises(NotForTask, match="the modality is CT; the task takes") as caught:
        serving_examples(png, task=chest_task, declared=DeclaredHeader(modality="CT"))
    assert caught.value.what == "modality"
