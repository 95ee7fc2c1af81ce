from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def case(gateway, upload, make_film):
    return upload(gateway, make_film()).json()


@pytest.fixture
def say(gateway, case):
    """Posts feedback on the case."""

    def say(**said):
        said = {name: case["predictions"][0]["id"] if value == "seen" else value for name, value in said.items()}
        return gateway.post(f"/api/v1/studies/{case['id']}/feedback", json=said)

    return say


def test_an_opinion_comes_before_the_prediction_and_a_correction_after(gateway, case, say):
    opinion = say(kind="opinion", labels=["normal"])
    assert (opinion.status_code, opinion.json()["blind"]) == (201, False)  # the upload's answer had the prediction
    answer = say(kind="correct", labels=["cavity"], comment=" <b>thick wall</b> ", prediction="seen")
    assert answer.status_code == 201
    assert answer.json()["comment"] == "<b>thick wall</b>"
    assert answer.json()["mine"]
    kept = gateway.get(f"/api/v1/studies/{case['id']}").json()
    assert [one["kind"] for one in kept["feedback"]] == ["opinion", "correct"]
    assert kept["read"]


@pytest.mark.parametrize("kind", ["agree", "disagree"])
def test_agreeing_needs_no_label(say, kind):
    assert say(kind=kind, prediction="seen").status_code == 201


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "opinion", "labels": ["normal"], "prediction": "seen"},
        {"kind": "agree"},
        {"kind": "correct", "prediction": "seen"},
        {"kind": "correct", "labels": ["normal", "cavity"], "prediction": "seen"},
        {"kind": "correct", "labels": ["goitre"], "prediction": "seen"},
        {"kind": "correct", "labels": ["cavity", "cavity"], "prediction": "seen"},
        {"kind": "agree", "prediction": "0" * 32},
        {"kind": "perhaps", "prediction": "seen"},
        {"kind": "agree", "prediction": "seen", "comment": "x" * 2001},
    ],
)
def test_feedback_that_cannot_be_meant_is_refused(say, said):
    assert say(**said).status_code == 422
