"""Over HTTP: two readers with a key each; what tells of the model's say, and whose opinion comes before it."""

from __future__ import annotations

import threading
from datetime import datetime, timezone

import pytest

from serving.gateway.authentication.api_keys import new_key, write_keys
from serving.gateway.settings import GatewaySettings

WITHOUT = {"predictions": "false"}
NORMAL = {"kind": "opinion", "labels": ["normal"]}
WORDS = ("probability", "operating_point", "out_of_distribution", "cavity", "nodule")


@pytest.fixture(scope="module")
def keyed(judge_server, serve_gateway, tmp_path_factory):
    """A client of a gateway with keys, and the keys by name."""
    folder = tmp_path_factory.mktemp("keyed")
    made = {
        name: new_key(subject=name, role=role, group="chest", expires=None, now=datetime.now(timezone.utc))
        for name, role in (("program", "reader"), ("one", "reader"), ("two", "reader"), ("admin", "admin"))
    }
    write_keys(folder / "keys.json", [record for _, record in made.values()])
    settings = GatewaySettings(
        model_server=judge_server, models=("judge",), data_folder=folder / "data", decode_workers=1,
        rate_per_minute=100_000, api_keys_file=folder / "keys.json",
    )  # fmt: skip
    with serve_gateway(settings) as client:
        yield client, {name: key for name, (key, _) in made.items()}


@pytest.fixture
def ask(keyed):
    """Sends a request for somebody: `ask(name, method, path)`."""
    client, keys = keyed

    def ask(name, method, path, **options):
        return client.request(
            method, f"/api/v1/{path}", headers={"Authorization": f"Bearer {keys[name]}"}, timeout=60, **options
        )

    return ask


@pytest.fixture
def film(make_film):
    return {"files": ("film.dcm", make_film(2500))}


@pytest.fixture
def case(ask, film):
    """A case that a program of the hospital sent and had predicted."""
    made = ask("program", "POST", "studies", files=film)
    assert made.status_code == 201 and made.json()["predictions"] and not made.json()["blind"]
    return made.json()["id"]


def opinion(ask, name, case):
    return ask(name, "POST", f"studies/{case}/feedback", json=NORMAL)


def told_nothing(answer):
    assert answer.status_code in (200, 201), answer.text
    assert not any(word in answer.text for word in WORDS), answer.text
    return answer.json()


def test_opinion_first_then_the_models_say(ask, case):
    rows = told_nothing(ask("one", "GET", "studies", params={**WITHOUT, "order": "newest"}))["cases"]
    assert {row["status"] for row in rows} == {"hidden"} and {row["urgency"] for row in rows} == {None}
    seen = told_nothing(ask("one", "GET", f"studies/{case}", params=WITHOUT))
    assert seen["blind"] and seen["status"] == "hidden" and seen["image_list"]
    said = opinion(ask, "one", case)
    assert (said.status_code, said.json()["blind"]) == (201, True)
    whole = ask("one", "GET", f"studies/{case}").json()
    assert whole["predictions"] and not whole["blind"]
    assert [(one["mine"], one["blind"]) for one in whole["feedback"]] == [(True, True)]
    agreed = {"kind": "agree", "prediction": whole["predictions"][0]["id"]}
    assert ask("one", "POST", f"studies/{case}/feedback", json=agreed).json()["blind"] is False
    views = [one for one in ask("admin", "GET", "audit?limit=1000").json()["entries"] if one["subject"] == case]
    assert [one["details"] for one in views if one["action"] == "view"] == [
        {"predictions": False},
        {"predictions": True},
    ]


@pytest.mark.parametrize("look", ["", "/predictions", "/images/{image}/heatmap?finding=nodule", "?list"])
def test_the_models_say_first_then_an_opinion(ask, case, look):
    image = ask("one", "GET", f"studies/{case}", params=WITHOUT).json()["image_list"][0]["id"]
    path = "studies" if look == "?list" else f"studies/{case}{look.format(image=image)}"
    assert ask("one", "GET", path).status_code == 200
    assert not ask("one", "GET", f"studies/{case}", params=WITHOUT).json()["blind"]
    said = opinion(ask, "one", case)
    assert (said.status_code, said.json()["blind"]) == (201, False)
    assert opinion(ask, "two", case).json()["blind"] is True


def test_an_opinion_is_given_once(ask, case):
    assert opinion(ask, "one", case).status_code == 201
    again = opinion(ask, "one", case)
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert again.json()["type"] == "/problems/conflict" and "once" in again.json()["detail"]
    assert len(ask("one", "GET", f"studies/{case}").json()["feedback"]) == 1


def test_of_two_opinions_at_once_one_is_kept(ask, case):
    ready, codes = threading.Barrier(4), []

    def give():
        ready.wait()
        codes.append(opinion(ask, "one", case).status_code)

    threads = [threading.Thread(target=give) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [201, 409, 409, 409]


def test_what_another_reader_says_is_not_sent_without_predictions(ask, case):
    assert opinion(ask, "two", case).status_code == 201
    assert told_nothing(ask("one", "GET", f"studies/{case}", params=WITHOUT))["feedback"] == []


def test_the_worklist_without_predictions_is_not_in_the_order_of_triage(ask):
    answer = ask("one", "GET", "studies", params=WITHOUT)
    assert answer.status_code == 422 and "order=newest" in answer.json()["detail"]


def test_who_uploads_and_asks_the_model_may_stay_blind(ask, film):
    made = told_nothing(ask("one", "POST", "studies", files=film, params=WITHOUT))
    assert (made["status"], made["blind"], made["predictions"]) == ("hidden", True, [])
    asked = ask("one", "POST", f"studies/{made['id']}/predictions", json={}, params=WITHOUT)
    assert (asked.status_code, asked.content) == (204, b"")
    assert opinion(ask, "one", made["id"]).json()["blind"] is True
    assert len(ask("one", "GET", f"studies/{made['id']}").json()["predictions"]) == 2


def test_whoever_asks_the_model_and_is_answered_is_not_blind(ask, film):
    made = ask("one", "POST", "studies", files=film, data={"predict": "false"}).json()
    assert made["blind"]
    assert ask("one", "POST", f"studies/{made['id']}/predictions", json={}).status_code == 201
    assert opinion(ask, "one", made["id"]).json()["blind"] is False
