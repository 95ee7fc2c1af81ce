"""What a reader says of a case: an opinion before the model's say, and feedback after it."""

from __future__ import annotations

import re

import pytest

from serving.gateway.schemas.feedback import Feedback
from tests.serving.gateway.page.fake_cases import NOW, Picture, finding, ramp, usual_findings


def test_the_correct_label_is_one_of_those_that_exclude_each_other(gateway, reader):
    reader.open(gateway.add(Picture(ramp())))
    reader.panel.get_by_role("button", name="Correct label").click()
    assert reader.panel.get_by_role("button", name="Keep feedback").is_disabled()
    reader.panel.get_by_role("radio", name="cavity").check()
    reader.panel.get_by_role("button", name="Keep feedback").click()
    reader.panel.get_by_text("Correct label: cavity").wait_for()


def test_findings_that_go_together_are_chosen_in_any_number(gateway, reader):
    gateway.exclusive = False
    reader.open(gateway.add(Picture(ramp()), findings=usual_findings()[1:]))
    reader.panel.get_by_role("button", name="Correct label").click()
    reader.panel.get_by_role("checkbox", name="nodule").check()
    reader.panel.get_by_role("checkbox", name="cavity").check()
    reader.panel.get_by_role("button", name="Keep feedback").click()
    reader.panel.get_by_text("Correct label: nodule and cavity").wait_for()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (834, 1112)])
@pytest.mark.parametrize("kind", ["Agree", "Disagree", "Correct label"])
def test_the_whole_feedback_form_is_in_sight_when_it_opens(gateway, reader, kind, width, height):
    reader.page.set_viewport_size({"width": width, "height": height})
    reader.open(gateway.add(Picture(ramp())))
    reader.panel.get_by_role("button", name=kind, exact=True).click()
    panel = reader.panel.bounding_box()
    parts = [reader.panel.get_by_role("button", name=name, exact=True) for name in (kind, "Keep feedback")]
    for part in [*parts, reader.panel.get_by_label("Comment")]:
        box = part.bounding_box()
        assert panel["y"] <= box["y"]
        assert box["y"] + box["height"] <= panel["y"] + panel["height"]
    if (width, kind) == (1280, "Agree"):
        assert reader.panel.get_by_role("heading", name="1 of 2 findings flagged").is_visible()


def test_feedback_that_was_begun_is_there_again_after_another_case(gateway, reader):
    first, second = gateway.add(Picture(ramp())), gateway.add(Picture(ramp()))
    reader.open(first)
    reader.panel.get_by_role("button", name="Correct label").click()
    reader.panel.get_by_role("radio", name="cavity").check()
    reader.panel.get_by_label("Comment").fill("Thin wall, look again.")
    reader.page.get_by_role("button", name=re.compile("Case 2")).click()
    reader.panel.get_by_role("heading", name=f"Case {second.number}").wait_for()
    assert reader.panel.get_by_role("button", name="Keep feedback").count() == 0
    reader.page.get_by_role("button", name=re.compile("Case 1")).click()
    reader.panel.get_by_role("heading", name=f"Case {first.number}").wait_for()
    assert reader.panel.get_by_role("radio", name="cavity").is_checked()
    assert reader.panel.get_by_label("Comment").input_value() == "Thin wall, look again."
    reader.panel.get_by_role("button", name="Keep feedback").click()
    reader.panel.get_by_text("Correct label: cavity").wait_for()
    assert reader.panel.get_by_role("button", name="Keep feedback").count() == 0
    reader.page.reload()
    reader.panel.get_by_text("Correct label: cavity").wait_for()
    assert reader.panel.get_by_role("button", name="Keep feedback").count() == 0


def test_a_case_without_an_answer_can_be_read_and_that_is_kept_as_an_opinion(gateway, reader):
    failed = gateway.add(Picture(ramp()), predict=False)
    failed.failed = True
    reader.open(failed)
    reader.panel.get_by_role("heading", name="Your reading without the model").wait_for()
    reader.panel.get_by_role("radio", name="nodule").check()
    reader.panel.get_by_role("button", name="Keep my reading").click()
    reader.panel.get_by_text("Opinion before the model's: nodule").wait_for()
    assert gateway.bodies[-1][1] == {"kind": "opinion", "labels": ["nodule"], "comment": "", "prediction": None}
    assert reader.panel.get_by_role("button", name="Keep my reading").count() == 0


def test_reader_mode_keeps_the_models_say_off_the_page_until_an_opinion_was_given(gateway, reader):
    answers = []
    reader.page.on("response", lambda response: answers.append(response) if "/api/v1/studies" in response.url else None)
    reader.open()
    reader.page.get_by_role("switch", name="Reader mode").check(force=True)
    reader.page.get_by_text("Newest first, without flags").wait_for()
    first = gateway.add(Picture(ramp()))
    gateway.add(Picture(ramp()), findings=[finding("nodule", 0.01), finding("cavity", 0.01)])
    reader.page.get_by_role("button", name="Refresh the worklist").click()
    reader.wait_for_cases("Case 2", "Case 1")
    reader.page.get_by_role("button", name=re.compile("Case 1")).click()
    reader.panel.get_by_role("heading", name="Your opinion first").wait_for()
    shown = reader.page.content()
    for word in ("▲", "Flagged", "flagged.", "above the operating point", "Cannot be excluded"):
        assert word not in shown, word
    reader.press("h")  # no way around it by the heatmap's key
    assert not any("heatmap" in asked for asked in gateway.asked)
    sent = "".join(answer.text() for answer in answers if "/images/" not in answer.url)
    assert f'"{first.id}"' in sent and not first.shown
    for word in ("nodule", "cavity", "probability", "operating_point", "out_of_distribution"):
        assert word not in sent, word

    reader.panel.get_by_role("radio", name="normal").check()
    reader.panel.get_by_label("Comment").fill("Clear lungs.")
    reader.panel.get_by_role("button", name="Keep my opinion").click()
    table = reader.panel.get_by_role("table")
    table.wait_for()
    assert table.get_by_role("row", name="nodule").inner_text().split("\t") == [
        "nodule",
        "no",
        "▲ flagged",
        "≠ differs",
    ]
    assert gateway.bodies[-1][1] == {
        "kind": "opinion", "labels": ["normal"], "comment": "Clear lungs.", "prediction": None,
    }  # fmt: skip
    assert (first.feedback[0].kind, first.feedback[0].blind) == ("opinion", True)
    assert reader.panel.get_by_text("Opinion before the model's: normal").is_visible()
    reader.page.reload()
    table.wait_for()
    reader.wait_for_cases("Case 2", "Case 1")
    assert "▲" not in reader.page.get_by_role("navigation", name="Worklist").inner_text()


def test_reader_mode_asks_for_no_opinion_where_the_models_say_was_sent_before(gateway, reader):
    opened, listed, judged = (gateway.add(Picture(ramp())) for _ in range(3))
    reader.open(opened)
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    reader.page.get_by_role("button", name=re.compile("Case 3")).click()
    reader.panel.get_by_role("heading", name="Case 3").wait_for()
    reader.panel.get_by_role("button", name="Agree", exact=True).click()
    reader.panel.get_by_role("button", name="Keep feedback").click()
    reader.panel.get_by_text("Agrees with the model").wait_for()
    reader.page.get_by_role("switch", name="Reader mode").check(force=True)
    reader.panel.get_by_text("Your feedback on this case is there already").wait_for()
    for number in (1, 2):
        reader.page.get_by_role("button", name=re.compile(f"Case {number}")).click()
        reader.panel.get_by_role("heading", name=f"Case {number}").wait_for()
        reader.panel.get_by_text("was sent to you before").wait_for()
        assert reader.panel.get_by_role("heading", name="1 of 2 findings flagged").is_visible()
        assert reader.panel.get_by_text("Your opinion first").count() == 0
    assert (opened.shown, listed.shown, len(judged.feedback)) == (True, True, 1)


def test_an_opinion_that_was_given_in_another_window_is_not_given_again(gateway, reader):
    reader.open()
    reader.page.get_by_role("switch", name="Reader mode").check(force=True)
    reader.page.get_by_text("Newest first, without flags").wait_for()
    kept = gateway.add(Picture(ramp()))
    reader.open(kept)
    reader.panel.get_by_role("radio", name="normal").check()
    said = {"kind": "opinion", "labels": ["cavity"], "comment": "", "prediction": None, "blind": True}
    kept.feedback.append(Feedback(id="0" * 32, created_at=NOW, author="local", mine=True, **said))
    reader.panel.get_by_role("button", name="Keep my opinion").click()
    reader.page.get_by_text("You left feedback on this case already.").wait_for()
    reader.panel.get_by_text("Opinion before the model's: cavity").wait_for()
    assert reader.page.get_by_role("button", name="Try again").count() == 0
    assert len(kept.feedback) == 1


def test_a_sample_in_reader_mode_comes_without_the_models_say(gateway, reader):
    reader.open()
    reader.page.get_by_role("switch", name="Reader mode").check(force=True)
    reader.page.get_by_role("button", name="Try a sample case").click()
    reader.panel.get_by_role("heading", name="Your opinion first").wait_for()
    assert not gateway.cases[0].shown
