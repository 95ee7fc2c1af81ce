"""What the page says of a case: scores, the numbers behind them, what they rest on, and why there are none."""

from __future__ import annotations

import re

from serving.gateway.schemas.predictions import Withheld
from tests.serving.gateway.page.fake_cases import Picture, finding, ramp


def test_without_a_declared_prevalence_no_probability_is_in_sight_and_its_details_name_one(gateway, reader):
    reader.open(gateway.add(Picture(ramp())))
    nodule = reader.panel.get_by_role("article", name="nodule")
    assert "81 %" not in re.sub(r"\(.*?\)", "", nodule.inner_text())  # in brackets stands an interval's end
    assert "holds where 30 % of patients" in nodule.inner_text()
    assert "91 % (81 to 97 %)" in nodule.inner_text()
    nodule.get_by_text("Numbers").click()
    assert "81 % at a prevalence of 30 % (of the calibration data, not of this place)" in nodule.inner_text()


def test_with_a_declared_prevalence_the_probability_stands_beside_it(gateway, reader):
    rare = finding("nodule", 0.083, point=0.04, prevalence=0.02, deployment=True)
    reader.open(gateway.add(Picture(ramp()), findings=[rare]))
    assert "Probability 8.3 %, where 2 % of patients have it" in reader.panel.inner_text()


def test_the_numbers_of_a_finding_have_the_panels_width(gateway, reader):
    reader.open(gateway.add(Picture(ramp())))
    nodule = reader.panel.get_by_role("article", name="nodule")
    nodule.get_by_text("Numbers").click()
    detail = nodule.get_by_text("of the calibration data, not of this place").bounding_box()
    assert detail["width"] >= 0.85 * nodule.bounding_box()["width"]


def test_what_must_be_in_sight_always_is(gateway, reader):
    reader.open(gateway.add(Picture(ramp(), burned_in_text=True)))
    page = reader.page
    assert page.get_by_text("Unapproved research model.").is_visible()
    assert page.get_by_text("Research software, not a medical device.").first.is_visible()
    assert page.get_by_text("Intended use: Showing that the page works.").is_visible()
    assert page.get_by_text("There seems to be text in the pixels.").is_visible()
    assert reader.panel.get_by_text("Nobody knows how good the model is for one group").is_visible()
    assert reader.panel.get_by_text("Cannot be excluded: nodule.").is_visible()


def test_an_approved_model_has_no_banner_and_its_card_names_who_approved_it(gateway, reader):
    gateway.approved = True
    reader.open(gateway.add(Picture(ramp())))
    assert reader.page.get_by_text("Unapproved research model").count() == 0
    reader.page.get_by_role("button", name="Nodules and cavities").click()
    card = reader.page.get_by_role("dialog")
    card.get_by_text("approved by Dr. A. Example (head of radiology)").wait_for()
    assert "0.95\n(0.91 to 0.98)" in card.inner_text()
    assert "not known: 3 patients only" in card.inner_text()
    reader.page.keyboard.press("Escape")
    assert card.count() == 0


def test_markup_in_what_the_gateway_says_is_shown_as_text(gateway, reader):
    bad = "<img src=x onerror=alert(1)>"
    reader.open(gateway.add(Picture(ramp(), view=bad), findings=[finding(bad, 0.9)]))
    assert reader.panel.get_by_role("article", name=bad).is_visible()
    assert reader.page.locator("img[src=x]").count() == 0


def test_of_a_file_with_several_frames_it_is_said_which_the_model_looked_at(gateway, reader):
    clear = [finding("nodule", 0.01), finding("cavity", 0.02)]
    reader.open(gateway.add(Picture(ramp(frames=6)), findings=clear))
    reader.panel.get_by_role("heading", name="No finding is flagged").wait_for()
    assert reader.panel.get_by_text("The model looked at frame 1 of 6, and at no other.").is_visible()
    corner = reader.page.locator(".corner.left.upper")
    assert "The model looked at this frame alone" in corner.inner_text()
    reader.press("PageDown")
    corner.get_by_text("The model did not look at this frame").wait_for()
    reader.panel.get_by_role("button", name="Why: heatmap of nodule").click()
    reader.page.get_by_text("The model did not look here").wait_for()
    assert not any("heatmap" in asked for asked in gateway.asked)
    reader.page.get_by_role("button", name="To frame 1").click()
    reader.page.get_by_text("What raised the model's score").wait_for()
    assert any("heatmap" in asked and "frame=1" in asked for asked in gateway.asked)


def test_nothing_is_said_of_frames_where_there_is_one(gateway, reader):
    reader.open(gateway.add(Picture(ramp())))
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    assert "The model looked at" not in reader.page.content()


def test_a_case_out_of_scope_says_why_and_asks_for_what_the_header_does_not_say(gateway, reader, withheld_case):
    reader.open(withheld_case)
    assert "No scores for this case" in reader.panel.inner_text()
    assert "The file does not say its view and age." in reader.panel.inner_text()
    assert reader.panel.get_by_role("article").count() == 0
    send = reader.panel.get_by_role("button", name="State it and ask the model")
    assert send.is_disabled()
    reader.panel.get_by_label("View").select_option("PA")
    reader.panel.get_by_label("Age in years").fill("57")
    send.click()
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    assert gateway.bodies[-1][1] == {"declared": {"view": "PA", "age_years": 57.0}}


def test_what_was_stated_stands_beside_the_scores_and_on_the_image(reader, withheld_case):
    reader.open(withheld_case)
    assert reader.page.locator(".corner.right.upper").inner_text() == "DX · F"
    reader.panel.get_by_label("View").select_option("PA")
    reader.panel.get_by_label("Age in years").fill("57")
    reader.panel.get_by_role("button", name="State it and ask the model").click()
    reader.panel.get_by_text("Stated by a reader, not by the file: PA, age 57 years. The scores rest on it.").wait_for()
    assert reader.page.locator(".corner.right.upper").inner_text() == "DX · PA (stated) · F · 57 years (stated)"


def test_what_cannot_be_declared_has_no_form(gateway, reader):
    withheld = Withheld(codes=["out_of_distribution"], message="Unlike the training images.", declare=[])
    reader.open(gateway.add(Picture(ramp()), withheld=withheld))
    assert "unlike the training images" in reader.panel.inner_text()
    assert reader.panel.get_by_role("button", name="State it").count() == 0


def test_another_case_begins_at_the_top_of_its_findings(gateway, reader):
    first, second = gateway.add(Picture(ramp())), gateway.add(Picture(ramp()))
    reader.open(first)
    top = "document.querySelector('.panel .panel-top').getBoundingClientRect().top"
    begin = reader.page.evaluate(top)
    reader.panel.get_by_text("Research software, not a medical device.").scroll_into_view_if_needed()
    assert reader.page.evaluate(top) < begin
    reader.page.get_by_role("button", name=re.compile(f"Case {second.number}")).click()
    reader.panel.get_by_role("heading", name=f"Case {second.number}").wait_for()
    assert reader.page.evaluate(top) == begin
