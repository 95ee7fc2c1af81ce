"""The main ways through the page on the real gateway, in front of a real model server with a toy model."""

from __future__ import annotations

import re

import numpy as np
import pytest

from serving.gateway.settings import GatewaySettings
from tests.serving.gateway.page.reader import Reader


@pytest.fixture(scope="module")
def address(judge_server, serve_gateway, tmp_path_factory):
    settings = GatewaySettings(
        model_server=judge_server, models=("judge",), data_folder=tmp_path_factory.mktemp("gateway"), decode_workers=1
    )
    with serve_gateway(settings) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def reader(context, address):
    """A reader of the real page; a script's error, or what its policy refused, fails the test."""
    refused = []
    page = context.new_page()
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
    yield Reader(page, address)
    assert not refused


def test_a_film_is_uploaded_windowed_explained_answered_and_there_after_a_reload(reader, make_film, tmp_path):
    film = tmp_path / "NAME^OF^PATIENT.dcm"
    film.write_bytes(make_film(2000))
    reader.open().upload(film)
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    assert reader.panel.get_by_role("article", name="nodule").get_by_text("Flagged").is_visible()
    reader.press("o")
    # 48 columns, 64 rows: the middle is column 24, row 32. ((2000 - 2047) / 4095 + 0.5) * 255 = 124.6
    assert reader.value_under(0, 0) == (24, 32, "2000")
    assert reader.pixel(0, 0) == [125, 125, 125]
    reader.drag(-100, 0)
    # Full range of values 2000 .. 2040; a step is 4096 / 600: width 4096 - 200 steps = 2730.7.
    assert reader.pixel(0, 0) == [123, 123, 123]  # ((2000 - 2047) / 2729.7 + 0.5) * 255 = 123.1
    reader.press("+", "r", "o")

    reader.panel.get_by_role("button", name="Why: heatmap of nodule").click()
    reader.page.get_by_text("What raised the model's score").wait_for()
    reader.press("0", "o")
    above, below = reader.pixel(0, -28), reader.pixel(0, 28)  # the toy's map rises from the first row to the last
    assert below[0] > below[2] + 60
    assert np.abs(np.subtract(above, 125)).max() < 15

    reader.panel.get_by_role("button", name="Disagree").click()
    reader.panel.get_by_label("Comment").fill("A nipple shadow.")
    reader.panel.get_by_role("button", name="Keep feedback").click()
    reader.panel.get_by_text("Disagrees with the model").wait_for()
    reader.page.reload()
    reader.panel.get_by_text("A nipple shadow.").wait_for()


def test_a_png_has_no_scores_until_the_reader_states_what_no_header_says(reader, make_png, tmp_path):
    picture = tmp_path / "picture.png"
    picture.write_bytes(make_png(128))
    reader.open().upload(picture)
    reader.panel.get_by_role("heading", name="No scores for this case").wait_for()
    reader.panel.get_by_label("Modality").select_option("CR")
    reader.panel.get_by_label("View").select_option("PA")
    reader.panel.get_by_label("Age in years").fill("52")
    reader.panel.get_by_role("button", name="State it and ask the model").click()
    reader.panel.get_by_role("heading", name=re.compile("of 2 findings flagged")).wait_for()
    reader.panel.get_by_text("Stated by a reader, not by the file: CR, PA, age 52 years.").wait_for()
    reader.page.reload()
    reader.page.get_by_text("CR (stated) · PA (stated) · 52 years (stated)").wait_for()


def test_files_that_give_no_image_are_told_by_place_and_name_in_plain_words(reader, tmp_path):
    words, nothing = tmp_path / "letter.txt", tmp_path / "nothing.dcm"
    words.write_text("Dear colleague")
    nothing.write_bytes(b"")
    reader.open().upload(words, nothing)
    alert = reader.page.get_by_role("alert")
    alert.get_by_text("File 2 (nothing.dcm): ").wait_for()
    assert "File 1 (letter.txt): " in alert.inner_text()
    assert "not_dicom" not in alert.inner_text()


def test_in_reader_mode_the_opinion_comes_first_and_a_case_can_be_deleted(reader, make_film, tmp_path):
    film = tmp_path / "film.dcm"
    film.write_bytes(make_film(2047, PatientID="ANOTHER"))
    reader.open()
    reader.page.get_by_role("switch", name="Reader mode").check(force=True)
    reader.upload(film)
    reader.panel.get_by_role("heading", name="Your opinion first").wait_for()
    reader.page.get_by_text("The model looks at").wait_for(state="detached")
    assert "▲" not in reader.page.content()
    reader.panel.get_by_role("radio", name="cavity").check()
    reader.panel.get_by_role("button", name="Keep my opinion").click()
    rows = reader.panel.get_by_role("table").get_by_role("row")
    rows.first.wait_for()
    assert [row.inner_text().split("\t")[1:3] for row in rows.all()[1:]] == [
        ["no", "▲ flagged"],
        ["yes", "○ not flagged"],
    ]
    names = reader.page.locator(".case strong").all_inner_texts()
    reader.panel.get_by_role("button", name="Delete…").click()
    reader.page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    reader.wait_for_cases(*names[1:])


def test_the_card_and_the_shipped_policy_are_the_gateways(reader, address):
    answer = reader.page.goto(address)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    reader.page.get_by_role("button", name=re.compile("Model card")).click()
    card = reader.page.get_by_role("dialog")
    card.get_by_text("Unapproved research model").wait_for()
    assert "Not known: this version carries no test results." in card.inner_text()
