from __future__ import annotations

import asyncio
from pathlib import Path

import cv2
import numpy as np
import pytest

from serving.gateway.answers import file_response


@pytest.fixture(scope="module")
def case(gateway, upload, make_film):
    return upload(gateway, make_film(1234)).json()


@pytest.fixture(scope="module")
def address(case):
    return f"/api/v1/studies/{case['id']}/images/{case['image_list'][0]['id']}"


def picture(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_UNCHANGED)


def expected():
    pixels = np.full((64, 48), 1234, np.uint16)
    pixels[::7, ::5] = 1274
    return pixels


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_pixels_are_the_files_own_values(gateway, address, encoding):
    answer = gateway.get(f"{address}/pixels", headers={"accept-encoding": encoding})
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert answer.headers["cache-control"] == "no-store"
    np.testing.assert_array_equal(np.frombuffer(answer.content, "<u2").reshape(64, 48), expected())


def test_a_picture_shows_the_files_window_or_another(gateway, address):
    # LINEAR (PS3.3, C.11.2.1.2.1) with center 2047.5 and width 4096.
    shown = ((expected() - 2047.0) / 4095 + 0.5) * 255
    np.testing.assert_array_equal(picture(gateway.get(f"{address}/rendered")), np.rint(shown))
    narrow = picture(gateway.get(f"{address}/rendered", params={"center": 1254, "width": 2, "invert": "true"}))
    np.testing.assert_array_equal(narrow, np.where(expected() > 1254, 0, 255))


def test_center_and_width_belong_together(gateway, address):
    assert gateway.get(f"{address}/rendered", params={"center": 5}).status_code == 422


def test_a_thumbnail_is_small(gateway, address):
    assert picture(gateway.get(f"{address}/thumbnail")).shape == (64, 48)


@pytest.mark.parametrize("what", ["pixels", "rendered", "thumbnail", "heatmap?finding=nodule"])
def test_who_has_it_already_is_sent_nothing(gateway, address, what):
    etag = gateway.get(f"{address}/{what}").headers["etag"]
    answer = gateway.get(f"{address}/{what}", headers={"if-none-match": etag})
    assert (answer.status_code, answer.content) == (304, b"")


@pytest.mark.parametrize("what", ["pixels", "rendered", "heatmap?finding=nodule"])
def test_a_frame_that_is_not_there_is_not_found(gateway, address, what):
    separator = "&" if "?" in what else "?"
    assert gateway.get(f"{address}/{what}{separator}frame=2").status_code == 404


@pytest.mark.parametrize("what", ["pixels", "rendered", "thumbnail", "heatmap?finding=nodule"])
def test_an_image_of_another_case_is_not_found(gateway, upload, make_film, address, what):
    other = upload(gateway, make_film(), predict="false").json()["id"]
    image = address.rsplit("/", 1)[1]
    assert gateway.get(f"/api/v1/studies/{other}/images/{image}/{what}").status_code == 404


def test_a_heatmap_lies_over_the_source_and_is_audited(gateway, case, address):
    # The model's map is a ramp from 0 in the first row to 1 in the last; the film is 64 x 48, the network's input 128
    # x 128, of which the film fills 128 x 96.
    drawn = picture(gateway.get(f"{address}/heatmap", params={"finding": "cavity"}))
    assert drawn.shape == (64, 48)
    np.testing.assert_allclose(drawn[:, 0], np.linspace(1, 254, 64), atol=2)
    turned = picture(gateway.get(f"{address}/heatmap", params={"finding": "cavity", "method": "integrated-gradients"}))
    np.testing.assert_allclose(turned, drawn[::-1], atol=1)
    entries = gateway.get("/api/v1/audit", params={"limit": 1000}).json()["entries"]
    shown = [
        entry["details"]["method"]
        for entry in entries
        if entry["action"] == "heatmap" and entry["subject"] == case["id"]
    ]
    assert shown[-2:] == ["layer-cam", "integrated-gradients"]


def test_a_finding_that_the_model_does_not_have_is_named(gateway, address):
    answer = gateway.get(f"{address}/heatmap", params={"finding": "goitre"})
    assert (answer.status_code, answer.json()["detail"]) == (422, "finding: the model has normal, nodule, cavity")


@pytest.mark.parametrize(("elements", "predict"), [({"ViewPosition": None}, "true"), ({}, "false")])
def test_what_is_withheld_or_was_not_predicted_is_not_explained(gateway, upload, make_film, elements, predict):
    case = upload(gateway, make_film(**elements), predict=predict).json()
    image = case["image_list"][0]["id"]
    answer = gateway.get(f"/api/v1/studies/{case['id']}/images/{image}/heatmap", params={"finding": "nodule"})
    assert answer.status_code == 409


def test_a_file_is_closed_where_the_caller_has_gone_before_the_first_byte(tmp_path):
    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        await asyncio.sleep(60)

    def opened():
        return any(link.exists() and link.samefile(path) for link in Path("/proc/self/fd").iterdir())

    path = tmp_path / "pixels"
    path.write_bytes(b"samples")
    response = file_response(path, '"tag"', {})
    assert opened()
    asyncio.run(response({"type": "http"}, receive, send))
    assert not opened()
