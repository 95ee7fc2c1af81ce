from __future__ import annotations

import gzip
import io
import math
import zipfile

import nibabel
import numpy as np
import pytest

STUDY = "1.2.3.4.5"


def softmax(mean):
    """Returns the scores of normal, nodule and cavity that `judge_model` gives for a mean."""
    weights = [math.exp(logit) for logit in (0.0, 4 * mean, 8 * mean - 4)]
    return [weight / sum(weights) for weight in weights]


def zipped(*files, compression=zipfile.ZIP_DEFLATED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for number, data in enumerate(files):
            archive.writestr(f"../NAME^PATIENT/{number}.dcm", data)
    return target.getvalue()


def findings(prediction):
    return {finding["name"]: finding for finding in prediction["findings"]}


def test_a_film_is_predicted_at_once(gateway, upload, make_film):
    answer = upload(gateway, make_film(2047))
    case = answer.json()
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/api/v1/studies/{case['id']}"
    assert answer.headers["cache-control"] == "no-store"
    (prediction,), (image,) = case["predictions"], case["image_list"]
    mean = prediction["images"][0]["scope"]["score"]
    assert mean == pytest.approx(0.5, abs=0.001)
    told = [finding["probability"] for finding in prediction["findings"]]
    np.testing.assert_allclose(told, softmax(mean), atol=1e-5)
    assert [case["status"], case["model"], case["flagged"]] == ["predicted", "judge", ["nodule"]]
    assert {image[name] for name in ("modality", "view", "sex", "age_years")} == {"CR", "PA", "F", 52}


def test_a_prediction_says_what_its_scores_hold_for(gateway, upload, make_film):
    (prediction,) = upload(gateway, make_film()).json()["predictions"]
    nodule = findings(prediction)["nodule"]
    assert (nodule["prevalence"], nodule["deployment"], nodule["is_finding"]) == (0.3, False, True)
    assert nodule["operating_point"] == pytest.approx(0.4)
    assert (nodule["flagged"], nodule["in_set"], nodule["absence_in_set"]) == (True, True, None)
    assert findings(prediction)["normal"]["is_finding"] is False
    assert (prediction["coverage"], prediction["unit"], prediction["withheld"]) == (0.9, "image", None)
    assert prediction["model"] == {"name": "judge", "version": 1, "approved": False, "approval": None}
    assert prediction["note"] == "Research software, not a medical device."


def test_no_name_of_a_file_and_no_identifier_is_kept_or_told(gateway, upload, make_film):
    answer = upload(gateway, make_film())
    case = gateway.get(answer.headers["location"])
    folder = gateway.app_folder
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in (b"NAME^PATIENT", b"ID-OF-PATIENT", b"Name^Of^Patient", STUDY.encode()):
        assert secret not in case.content
        assert secret not in kept
    assert not list((folder / "work").iterdir())


def test_several_files_are_one_case_and_each_finding_that_of_its_highest_image(gateway, upload, make_film):
    case = upload(gateway, make_film(0), make_film(3200), make_film(1600)).json()
    assert case["images"] == 3
    (prediction,) = case["predictions"]
    means = [image["scope"]["score"] for image in prediction["images"]]
    told = findings(prediction)
    scores = [softmax(mean) for mean in means]
    assert told["nodule"]["probability"] == pytest.approx(max(row[1] for row in scores), abs=1e-5)
    assert told["cavity"]["probability"] == pytest.approx(max(row[2] for row in scores), abs=1e-5)
    assert told["normal"]["probability"] == pytest.approx(min(row[0] for row in scores), abs=1e-5)
    assert "image that scores highest" in prediction["note"]


def test_a_model_of_studies_gives_a_study_one_answer(gateway, upload, make_film):
    case = upload(gateway, make_film(800), make_film(2400), model="study").json()
    (prediction,) = case["predictions"]
    first, second = (image["scope"]["score"] for image in prediction["images"])
    told = [finding["probability"] for finding in prediction["findings"]]
    # The mean of logits that are linear in m is the logit of the mean of m.
    np.testing.assert_allclose(told, softmax((first + second) / 2), atol=1e-5)
    assert prediction["unit"] == "study"


def test_files_of_two_patients_or_two_studies_are_refused(gateway, upload, make_film):
    patients = upload(gateway, make_film(), make_film(PatientID="ANOTHER"))
    studies = upload(gateway, make_film(), make_film(StudyInstanceUID="1.2.3.4.6"))
    assert patients.status_code == studies.status_code == 422
    assert "of 2 patients" in patients.json()["detail"]
    assert "of 2 studies" in studies.json()["detail"]


def test_an_archive_is_as_good_as_its_files(gateway, upload, make_film):
    case = upload(gateway, zipped(make_film(100), make_film(2000)), make_film(3000)).json()
    assert [image["file"] for image in case["image_list"]] == [1, 2, 3]


def test_a_bomb_is_rejected_and_what_comes_with_it_is_not(gateway, upload, make_film):
    case = upload(gateway, zipped(bytes(30_000_000)), make_film()).json()
    (rejected,) = case["rejected"]
    assert (rejected["file"], rejected["status"]) == (1, "unsupported")
    assert "inflates to more" in rejected["reason"]
    assert case["images"] == 1


def test_png_and_nifti_are_taken_and_what_they_do_not_say_is_asked_for(gateway, upload, make_png):
    volume = nibabel.Nifti1Image(np.arange(64 * 48 * 3, dtype=np.int16).reshape(64, 48, 3), np.eye(4))
    for data, kind in ((make_png(), "PNG"), (gzip.compress(volume.to_bytes()), "NIfTI")):
        case = upload(gateway, data).json()
        assert case["image_list"][0]["format"] == kind
        assert case["withheld"] == ["modality_unknown", "view_unknown", "age_unknown"]


def test_files_that_are_no_image_are_listed_with_their_reason(gateway, upload, make_film):
    case = upload(gateway, b"hello", make_film(), make_film()[:2000]).json()
    assert [(one["file"], one["status"]) for one in case["rejected"]] == [(1, "not_dicom"), (3, "corrupt")]


def test_an_upload_without_an_image_is_refused_with_every_reason(gateway, upload):
    answer = upload(gateway, b"hello", b"")
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "/problems/no-image"
    assert [error["loc"] for error in problem["errors"]] == [["files", 1], ["files", 2]]


def test_without_predict_nothing_is_asked_until_it_is(gateway, upload, make_film):
    case = upload(gateway, make_film(), predict="false").json()
    assert (case["status"], case["predictions"]) == ("uploaded", [])
    address = f"/api/v1/studies/{case['id']}/predictions"
    answer = gateway.post(address, json={})
    assert answer.status_code == 201
    assert gateway.get(address).json() == [answer.json()]
    assert gateway.get(f"/api/v1/studies/{case['id']}").json()["status"] == "predicted"


def test_a_later_prediction_of_the_kept_file_is_the_same(gateway, upload, make_film):
    case = upload(gateway, make_film()).json()
    again = gateway.post(f"/api/v1/studies/{case['id']}/predictions", json={}).json()
    assert again["findings"] == case["predictions"][0]["findings"]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"predict": "perhaps"}, "predict"),
        ({"age_years": "old"}, "age_years"),
        ({"age_years": "131"}, "age_years"),
        ({"modality": "<script>"}, "modality"),
        ({"view": "P A"}, "view"),
    ],
)
def test_a_field_that_is_wrong_is_named(gateway, upload, make_film, fields, place):
    problem = upload(gateway, make_film(), **fields).json()
    assert problem["status"] == 422
    assert [error["loc"] for error in problem["errors"]] == [["body", place]]


def test_an_unknown_model_or_field_is_refused(gateway, upload, make_film):
    assert (
        upload(gateway, make_film(), model="other").json()["detail"] == "there is no such model; there are judge, study"
    )
    assert "none of files, model" in upload(gateway, make_film(), patient="x").json()["detail"]


def test_the_worklist_has_pages(gateway, upload, make_film):
    first = upload(gateway, make_film(), predict="false").json()["id"]
    second = upload(gateway, make_film(), predict="false").json()["id"]
    page = gateway.get("/api/v1/studies", params={"order": "newest", "limit": 1}).json()
    assert page["cases"][0]["id"] == second
    page = gateway.get("/api/v1/studies", params={"order": "newest", "limit": 1, "cursor": page["next"]}).json()
    assert page["cases"][0]["id"] == first


def test_a_deleted_case_is_gone(gateway, upload, make_film):
    address = f"/api/v1/studies/{upload(gateway, make_film(), predict='false').json()['id']}"
    assert gateway.delete(address).status_code == 204
    assert gateway.get(address).status_code == gateway.delete(address).status_code == 404


def test_what_was_done_is_in_the_audit_log(gateway, upload, make_png):
    case = upload(gateway, make_png(), view="PA", modality="CR").json()
    gateway.get(f"/api/v1/studies/{case['id']}")
    entries = gateway.get("/api/v1/audit", params={"limit": 1000}).json()["entries"]
    done = [entry["action"] for entry in entries if entry["subject"] == case["id"]]
    assert done == ["upload", "declare", "withhold", "view"]


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("PUT", "/api/v1/studies", 405),
        ("GET", "/api/v1/studies/not-an-id", 422),
        ("GET", f"/api/v1/studies/{'0' * 32}", 404),
        ("GET", "/api/v1/studies?limit=0", 422),
        ("GET", "/api/v1/studies?cursor=x", 400),
        ("GET", "/api/v1/models/other/card", 404),
        ("POST", "/api/v1/samples", 404),
        ("POST", f"/api/v1/studies/{'0' * 32}/feedback", 422),
        ("POST", "/api/v1/studies", 415),
    ],
)
def test_every_error_has_one_shape(gateway, method, address, status):
    answer = gateway.request(method, address)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"]


def test_a_405_names_every_method_of_its_address(gateway):
    assert gateway.put("/api/v1/studies").headers["allow"] == "GET, POST"


BOUNDARY = "multipart/form-data; boundary=b"


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b"x", 415),
        ("multipart/form-data", b"x", 400),
        (BOUNDARY, b"", 400),
        (BOUNDARY, b"no boundary at all", 400),
        (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="files"\r\n\r\nhalf', 400),
        (BOUNDARY, b"--b\r\n" + b"X" * 10_000 + b": y\r\n\r\n", 400),
        (BOUNDARY, b"--b\r\n\r\nnameless\r\n--b--\r\n", 422),
        (BOUNDARY, b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + b"x" * 300 + b"\r\n--b--", 422),
        (BOUNDARY, b"--b--\r\n", 422),
    ],
)
def test_a_body_that_is_no_upload_is_refused(gateway, content_type, body, status):
    answer = gateway.post("/api/v1/studies", content=body, headers={"content-type": content_type})
    assert answer.status_code == status, answer.text
    assert not list((gateway.app_folder / "work").iterdir())


def test_an_archive_without_a_file_and_an_empty_file_are_said_to_be_so(gateway, upload, make_film):
    empty = upload(gateway, zipped())
    assert empty.status_code == 422
    assert "the archive holds no file" in empty.json()["detail"]
    nothing = upload(gateway, b"")
    assert "not_dicom: the file is empty" in nothing.json()["detail"]
    case = upload(gateway, make_film(), zipped()).json()
    assert case["rejected"] == [{"file": 2, "status": "unsupported", "reason": "the archive holds no file"}]
