"""A reader's way through the page: cases in, findings read, feedback given, and what goes wrong on the way."""

from __future__ import annotations

import re

import pytest

from imaging.synthetic import write_sample
from serving.gateway import problems
from serving.gateway.schemas.feedback import Feedback
from serving.gateway.schemas.images import RejectedFile
from serving.gateway.schemas.predictions import Withheld
from tests.serving.gateway.page.fake_gateway import NOW, Kept, Picture, finding, ramp, usual_findings
from tests.serving.gateway.page.reader import Reader


@pytest.fixture
def reader(page, served):
    return Reader(page, served.address)


@pytest.fixture(scope="module")
def dicom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, studies=1, seed=1)
    return next((folder / "dicom").glob("*.dcm"))


def withheld_case(gateway):
    withheld = Withheld(
        codes=["view_unknown", "age_unknown"], message="The file does not say its view and age.",
        declare=["view", "age_years"],
    )  # fmt: skip
    return gateway.add(Picture(ramp(), view="", age_years=None), withheld=withheld)


def test_an_upload_is_read_predicted_and_there_again_after_a_reload(gateway, reader, dicom):
    reader.open().upload(dicom)
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    assert gateway.uploads == [["file-1.dcm"]], "names of files may name a patient"
    reader.panel.get_by_role("button", name="Disagree").click()
    reader.panel.get_by_label("Comment").fill("A nipple shadow.")
    reader.panel.get_by_role("button", name="Keep feedback").click()
    reader.panel.get_by_text("Disagrees with the model").wait_for()
    reader.page.reload()
    reader.panel.get_by_text("Disagrees with the model").wait_for()
    assert reader.panel.get_by_text("A nipple shadow.").is_visible()
    path, body = gateway.bodies[-1]
    assert path.endswith(f"{gateway.cases[0].id}/feedback")
    assert body == {
        "kind": "disagree", "labels": [], "comment": "A nipple shadow.",
        "prediction": gateway.cases[0].predictions[0].id,
    }  # fmt: skip


def test_dropped_files_of_a_folder_are_one_case(gateway, reader, dicom, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("a.dcm", "b", "c.zip"):
        (folder / name).write_bytes(dicom.read_bytes())
    reader.open()
    with reader.page.expect_file_chooser() as chooser:
        reader.page.get_by_role("button", name="Folder…").first.click()
    chooser.value.set_files(folder)
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    assert gateway.uploads[0] == ["file-1.dcm", "file-2", "file-3.zip"]
    data = reader.page.evaluate_handle(
        "() => { const data = new DataTransfer(); data.items.add(new File(['x'], 'x.dcm')); return data; }"
    )
    reader.page.dispatch_event("main", "dragover", {"dataTransfer": data})
    reader.page.get_by_text("Let go to read these files").wait_for()
    reader.page.dispatch_event("main", "drop", {"dataTransfer": data})
    reader.panel.get_by_role("heading", name="Case 2").wait_for()
    assert gateway.uploads[1] == ["file-1.dcm"]


def test_of_several_models_the_reader_chooses_whom_to_ask(gateway, reader, dicom):
    gateway.other_models = ("fractures",)
    reader.open()
    reader.page.get_by_label("Model for new cases").first.select_option("Fractures")
    reader.upload(dicom)
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    assert gateway.models_asked == ["fractures"]


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


def test_a_case_out_of_scope_says_why_and_asks_for_what_the_header_does_not_say(gateway, reader):
    reader.open(withheld_case(gateway))
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


def test_what_cannot_be_declared_has_no_form(gateway, reader):
    withheld = Withheld(codes=["out_of_distribution"], message="Unlike the training images.", declare=[])
    reader.open(gateway.add(Picture(ramp()), withheld=withheld))
    assert "unlike the training images" in reader.panel.inner_text()
    assert reader.panel.get_by_role("button", name="State it").count() == 0


def test_a_busy_gateway_is_waited_for_in_sight(gateway, reader, dicom):
    gateway.answers[("POST", "studies")] = [(problems.TOO_MANY, "2")]
    reader.open().upload(dicom)
    reader.page.get_by_text("Trying again in 2 s").wait_for()
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()


def test_waiting_can_be_stopped(gateway, reader, dicom):
    gateway.answers[("POST", "studies")] = [(problems.UNAVAILABLE, "30")]
    reader.open().upload(dicom)
    reader.page.get_by_text("Trying again in").wait_for()
    reader.page.get_by_role("button", name="Stop").click()
    reader.page.get_by_text("Trying again in").wait_for(state="detached")
    assert gateway.cases == []


def test_an_error_is_said_in_words_with_what_to_do_and_its_number(gateway, reader, dicom):
    gateway.answers[("POST", "studies")] = [(problems.NO_IMAGE, None)]
    reader.open().upload(dicom)
    alert = reader.page.get_by_role("alert")
    alert.get_by_text("No file of the upload is an image").wait_for()
    assert "Choose DICOM, PNG, JPEG or NIfTI files" in alert.inner_text()
    assert "rrrrrrrr" in alert.inner_text()


def test_too_many_files_are_refused_before_anything_is_sent(gateway, reader, dicom):
    gateway.max_files = 1
    reader.open().upload(dicom, dicom)
    reader.page.get_by_text("2 files were chosen; at most 1 are taken at once.").wait_for()
    assert gateway.uploads == []


def test_a_prediction_that_fails_can_be_asked_for_again(gateway, reader, dicom):
    gateway.answers[("POST", "predictions")] = [(problems.MODEL_REFUSED, None)]
    reader.open().upload(dicom)
    reader.page.get_by_role("alert").get_by_text("refused the request").wait_for()
    reader.page.get_by_role("button", name="Close").click()
    reader.panel.get_by_role("button", name="Ask the model").click()
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()


def test_files_without_an_image_are_listed_beside_those_with_one(gateway, reader, dicom):
    refused = RejectedFile(file=2, status="corrupt", reason="The pixel data end early.")
    gateway.next_case = Kept([Picture(ramp())], 0, NOW, usual_findings(), rejected=[refused])
    reader.open().upload(dicom, dicom)
    reader.panel.get_by_text("One file gives no image").click()
    assert reader.panel.get_by_text(f"File 2 ({dicom.name}): The pixel data end early.").is_visible()
    assert gateway.uploads == [["file-1.dcm", "file-2.dcm"]], "the page alone knows the names"
    reader.page.reload()
    reader.panel.get_by_text("One file gives no image").click()
    assert reader.panel.get_by_text("File 2: The pixel data end early.").is_visible()


def test_an_empty_worklist_explains_itself_and_offers_a_sample(gateway, reader):
    reader.open()
    reader.page.get_by_role("heading", name="No cases yet").wait_for()
    reader.page.get_by_role("button", name="Try a sample case").click()
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    assert reader.panel.get_by_text("sample", exact=True).is_visible()


def test_a_model_server_that_is_away_is_said_and_asked_again(gateway, reader):
    gateway.available = False
    reader.open()
    reader.page.get_by_text("The model server does not answer.").wait_for()
    gateway.available = True
    reader.page.get_by_role("button", name="Try again now").click()
    reader.page.get_by_text("The model server does not answer.").wait_for(state="detached")


def test_a_key_is_asked_for_kept_in_the_tab_and_given_up(gateway, reader):
    gateway.api_key = "correct horse"
    gateway.add(Picture(ramp()))
    reader.page.goto(reader.address)
    dialog = reader.page.get_by_role("dialog", name="Say who you are")
    dialog.get_by_label("API key").fill("battery staple")
    reader.page.keyboard.press("Enter")
    dialog.get_by_text("does not know this key").wait_for()
    dialog.get_by_label("API key").fill("correct horse")
    reader.page.keyboard.press("Enter")
    reader.page.get_by_role("button", name=re.compile("Case 1")).click()
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    assert reader.page.locator(".thumb img").first.is_visible()
    assert "horse" not in reader.page.url
    reader.page.reload()
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    reader.page.get_by_role("button", name="Sign out").click()
    dialog.wait_for()
    assert reader.page.locator(".case").count() == 0


def test_a_case_is_deleted_after_a_question(gateway, reader):
    reader.open(gateway.add(Picture(ramp())))
    reader.panel.get_by_role("button", name="Delete…").click()
    dialog = reader.page.get_by_role("dialog", name="Delete case 1?")
    dialog.get_by_role("button", name="Keep it").click()
    assert len(gateway.cases) == 1
    reader.panel.get_by_role("button", name="Delete…").click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    reader.page.get_by_role("heading", name="No cases yet").wait_for()
    assert gateway.cases == []


def test_a_case_that_is_gone_is_said_so(gateway, reader):
    kept = gateway.add(Picture(ramp()))
    gateway.cases.clear()
    reader.page.goto(f"{reader.address}/#/case/{kept.id}")
    reader.page.get_by_text("There is no such case.").wait_for()
    assert reader.page.get_by_text("It may have been deleted").is_visible()


def test_the_worklist_has_pages_and_marks_what_nobody_read(gateway, reader):
    gateway.page = 2
    for _ in range(3):
        gateway.add(Picture(ramp()))
    reader.open()
    reader.page.get_by_text("3 cases").wait_for()
    assert reader.page.locator(".dot").count() == 2
    reader.page.get_by_role("button", name="Next").click()
    reader.page.get_by_text("Page 2").wait_for()
    assert reader.page.locator(".case").count() == 1
    reader.page.get_by_role("button", name="Previous").click()
    reader.page.get_by_text("Page 1").wait_for()


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


def away(gateway, times=3):
    """The model server does not answer, and so long the gateway does not predict."""
    gateway.available = False
    gateway.answers[("POST", "predictions")] = [(problems.UNAVAILABLE, "1")] * times


def test_a_case_that_the_model_server_did_not_answer_for_is_asked_about_when_it_is_back(gateway, reader, dicom):
    away(gateway)
    reader.open().upload(dicom)
    reader.page.get_by_text("is asked about again as soon as the model server answers").wait_for()
    assert gateway.bodies == []
    gateway.cases[0].failed = True
    gateway.available = True
    reader.page.get_by_role("button", name="Try again now").click()
    reader.panel.get_by_role("heading", name="1 of 2 findings flagged").wait_for()
    reader.page.locator(".progress").wait_for(state="detached")
    assert len(gateway.bodies) == 1


def test_it_is_asked_about_while_another_case_is_read(gateway, reader, dicom):
    gateway.add(Picture(ramp()))
    away(gateway)
    reader.open().upload(dicom)
    reader.page.get_by_text("is asked about again as soon as the model server answers").wait_for()
    reader.page.get_by_role("button", name=re.compile("Case 1")).click()
    reader.panel.get_by_role("heading", name="Case 1").wait_for()
    gateway.available = True
    reader.page.get_by_role("button", name="Try again now").click()
    reader.page.get_by_role("button", name=re.compile("Case 2.*Flagged: nodule")).wait_for()
    assert reader.panel.get_by_role("heading", name="Case 1").is_visible()
    reader.page.locator(".progress").wait_for(state="detached")


def test_nothing_is_promised_where_nothing_is_tried_again(gateway, reader, dicom):
    away(gateway)
    gateway.available = True
    reader.open().upload(dicom)
    reader.page.get_by_role("alert").get_by_text("Try again in a little while").wait_for()
    for promise in ("by itself", "as soon as"):
        assert promise not in reader.page.content()


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


def test_what_was_stated_stands_beside_the_scores_and_on_the_image(gateway, reader):
    kept = withheld_case(gateway)
    reader.open(kept)
    assert reader.page.locator(".corner.right.upper").inner_text() == "DX · F"
    reader.panel.get_by_label("View").select_option("PA")
    reader.panel.get_by_label("Age in years").fill("57")
    reader.panel.get_by_role("button", name="State it and ask the model").click()
    reader.panel.get_by_text("Stated by a reader, not by the file: PA, age 57 years. The scores rest on it.").wait_for()
    assert reader.page.locator(".corner.right.upper").inner_text() == "DX · PA (stated) · F · 57 years (stated)"


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


def test_a_narrow_worklist_tells_samples_reasons_and_the_model_card(gateway, reader):
    reader.page.set_viewport_size({"width": 1024, "height": 768})
    kept = withheld_case(gateway)
    gateway.add(Picture(ramp()), sample=True)
    reader.open(kept)
    assert reader.page.get_by_text("Model card").is_visible()
    rows = reader.page.get_by_role("navigation", name="Worklist")
    sample, withheld = rows.get_by_role("button", name="Case 2"), rows.get_by_role("button", name="Case 1")
    for said in (sample.get_by_text("sample"), sample.get_by_text("DX"), sample.locator(".when")):
        assert said.is_visible()
    reason = withheld.locator(".says")
    assert "view not stated and age not stated" in reason.inner_text()
    assert reason.evaluate("words => words.scrollHeight <= words.clientHeight + 1"), "the reason is cut"
    assert rows.evaluate("list => list.scrollWidth <= list.clientWidth")
    refresh, list_ = rows.get_by_role("button", name="Refresh").bounding_box(), rows.bounding_box()
    assert refresh["x"] + refresh["width"] <= list_["x"] + list_["width"]


@pytest.mark.parametrize("address", ["#/case/deadbeef", "#/nonsense", f"#/case/{'0' * 31}g"])
def test_an_address_that_names_no_case_is_said_so_and_takes_the_former_case_off(gateway, reader, address):
    kept = gateway.add(Picture(ramp()))
    reader.open(kept)
    reader.page.goto(f"{reader.address}/{address}")
    reader.page.get_by_text("This address names no case.").wait_for()
    assert reader.panel.count() == 0
    reader.page.goto(f"{reader.address}/#/")
    reader.page.get_by_text("This address names no case.").wait_for(state="detached")
    reader.page.get_by_role("heading", name="Choose a case").wait_for()


def test_an_error_of_one_case_does_not_stay_on_the_page_without_one(gateway, reader):
    gateway.add(Picture(ramp()))
    reader.open()
    reader.page.goto(f"{reader.address}/#/case/{'0' * 32}")
    reader.page.get_by_text("There is no such case.").wait_for()
    reader.page.goto(f"{reader.address}/#/")
    reader.page.get_by_role("heading", name="Choose a case").wait_for()


def test_the_numbers_of_a_finding_have_the_panels_width(gateway, reader):
    reader.open(gateway.add(Picture(ramp())))
    nodule = reader.panel.get_by_role("article", name="nodule")
    nodule.get_by_text("Numbers").click()
    detail = nodule.get_by_text("of the calibration data, not of this place").bounding_box()
    assert detail["width"] >= 0.85 * nodule.bounding_box()["width"]
