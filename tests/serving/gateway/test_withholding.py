from __future__ import annotations

import cv2
import numpy as np
import pytest


def latest(case):
    return case["predictions"][-1]


def hidden(prediction):
    """Returns whether nothing of a prediction tells a score."""
    every = [*prediction["findings"], *(finding for image in prediction["images"] for finding in image["findings"])]
    return all(one[name] is None for one in every for name in ("probability", "flagged", "in_set"))


@pytest.mark.parametrize(
    ("elements", "code", "words"),
    [
        ({"Modality": "CT"}, "modality_mismatch", "not one that the model reads (CR, DX)"),
        ({"ViewPosition": "LL"}, "view_mismatch", "not one that the model reads (PA, AP)"),
        ({"PatientAge": "007Y"}, "age_mismatch", "for (18 to 89 years)"),
        ({"PatientAge": "097Y"}, "age_mismatch", "for (18 to 89 years)"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "not_accepted", "raw detector values"),
        ({"ViewPosition": None}, "view_unknown", "does not say the view: state it"),
        ({"ViewPosition": "SIDEWAYS"}, "view_unknown", "does not say the view: state it"),
        ({"Modality": None}, "modality_unknown", "does not say the modality: state it"),
        ({"Modality": "JANE"}, "modality_unknown", "does not say the modality: state it"),
        ({"PatientAge": None}, "age_unknown", "does not say the patient's age: state it"),
    ],
)
def test_what_does_not_fit_is_said_and_no_score_is_shown(gateway, upload, make_film, elements, code, words):
    case = upload(gateway, make_film(**elements)).json()
    prediction = latest(case)
    assert (case["status"], case["withheld"], case["flagged"], case["urgency"]) == ("withheld", [code], [], None)
    assert prediction["withheld"]["codes"] == [code]
    assert words in prediction["withheld"]["message"]
    assert hidden(prediction)
    names = {"view_unknown": ["view"], "modality_unknown": ["modality"], "age_unknown": ["age_years"]}
    assert prediction["withheld"]["declare"] == names.get(code, [])


def test_several_facts_that_a_file_does_not_say_are_one_sentence(gateway, upload, make_film):
    prediction = latest(upload(gateway, make_film(Modality=None, ViewPosition=None, PatientAge=None)).json())
    assert prediction["withheld"]["message"] == (
        "No scores are shown: the file does not say the modality, the view and the patient's age: state them."
    )


def test_an_image_unlike_those_of_the_model_is_out_of_distribution(gateway, upload, make_film):
    prediction = latest(upload(gateway, make_film(4000)).json())
    assert prediction["withheld"]["codes"] == ["out_of_distribution"]
    scope = prediction["images"][0]["scope"]
    assert scope["out_of_distribution"]
    assert scope["score"] > scope["threshold"] == 0.9
    assert hidden(prediction)


def test_one_image_that_does_not_fit_speaks_against_the_case(gateway, upload, make_film):
    prediction = latest(upload(gateway, make_film(1000), make_film(4000)).json())
    assert prediction["withheld"]["codes"] == ["out_of_distribution"]
    assert hidden(prediction)


def test_an_image_that_the_task_refuses_is_left_out_and_named_where_others_are_left(gateway, upload, make_film):
    prediction = latest(upload(gateway, make_film(), make_film(ViewPosition="LL")).json())
    assert prediction["withheld"] is None
    assert "Image 2 was left out: the view is LL; the task takes PA, AP." in prediction["note"]
    judged, refused = prediction["images"]
    assert (judged["scope"]["view"], refused["scope"]["view"]) == ("match", "mismatch")
    assert judged["findings"]
    assert not refused["findings"]


def test_what_a_caller_states_with_the_upload_is_used_and_said(gateway, upload, make_png):
    case = upload(gateway, make_png(), modality="cr", view="pa", age_years="52").json()
    prediction = latest(case)
    assert prediction["withheld"] is None
    assert prediction["images"][0]["scope"]["declared"] == ["modality", "view", "age_years"]
    assert case["declared"] == {"modality": "cr", "view": "pa", "age_years": 52.0}


def test_a_reader_states_what_is_unknown_and_it_stays_with_the_case(gateway, upload, make_film):
    case = upload(gateway, make_film(ViewPosition=None, PatientAge=None)).json()
    address = f"/api/v1/studies/{case['id']}/predictions"
    still = gateway.post(address, json={"declared": {"view": "PA"}}).json()
    assert still["withheld"]["codes"] == ["age_unknown"]
    answered = gateway.post(address, json={"declared": {"age_years": 52}}).json()
    assert answered["withheld"] is None
    entries = gateway.get("/api/v1/audit", params={"limit": 1000}).json()["entries"]
    declared = [
        entry["details"] for entry in entries if entry["subject"] == case["id"] and entry["action"] == "declare"
    ]
    assert declared == [{"view": "PA"}, {"age_years": 52.0}]


def test_what_was_stated_wrongly_can_be_stated_anew(gateway, upload, make_film):
    case = upload(gateway, make_film(ViewPosition=None), view="LL").json()
    withheld = latest(case)["withheld"]
    assert (withheld["codes"], withheld["declare"]) == (["view_mismatch"], ["view"])
    address = f"/api/v1/studies/{case['id']}/predictions"
    assert gateway.post(address, json={"declared": {"view": "AP"}}).json()["withheld"] is None


def test_a_statement_never_goes_before_a_header(gateway, upload, make_film):
    case = upload(gateway, make_film(ViewPosition="LL"), view="PA", age_years="52").json()
    assert latest(case)["withheld"]["codes"] == ["view_mismatch"]
    assert latest(case)["withheld"]["declare"] == []
    assert latest(case)["images"][0]["scope"]["declared"] == []


def test_written_text_is_said_and_withholds_nothing_by_itself(gateway, upload, make_film):
    pixels = np.full((64, 48), 1500, np.uint16)
    cv2.putText(pixels, "DOE 1970", (2, 30), cv2.FONT_HERSHEY_PLAIN, 0.55, 4095, 1)
    case = upload(gateway, make_film(BurnedInAnnotation="YES", PixelData=pixels.tobytes())).json()
    assert case["image_list"][0]["burned_in_text"]
    assert latest(case)["withheld"] is None
    assert "text was found in the pixels" in latest(case)["note"]


@pytest.mark.parametrize(
    ("elements", "checks"),
    [
        ({"Modality": "CT"}, ("mismatch", "unknown", "unknown")),
        ({"ViewPosition": "LL"}, ("match", "mismatch", "unknown")),
        ({"Modality": "JANE", "ViewPosition": "LL"}, ("unknown", "mismatch", "unknown")),
        ({"PresentationIntentType": "FOR PROCESSING"}, ("unknown", "unknown", "unknown")),
    ],
)
def test_of_an_image_that_the_model_is_not_sent_nothing_is_said_to_fit_that_nobody_checked(
    gateway, upload, make_film, elements, checks
):
    scope = latest(upload(gateway, make_film(**elements)).json())["images"][0]["scope"]
    assert (scope["modality"], scope["view"], scope["age"]) == checks
    assert (scope["out_of_distribution"], scope["score"], scope["threshold"]) == (None, None, 0.9)


def test_a_view_that_is_no_word_of_dicoms_can_be_stated(gateway, upload, make_film):
    case = upload(gateway, make_film(ViewPosition="SIDEWAYS")).json()
    assert latest(case)["withheld"]["declare"] == ["view"]
    stated = gateway.post(f"/api/v1/studies/{case['id']}/predictions", json={"declared": {"view": "PA"}}).json()
    assert stated["withheld"] is None
    assert stated["images"][0]["scope"]["declared"] == ["view"]
