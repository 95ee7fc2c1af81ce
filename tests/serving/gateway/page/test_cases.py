"""Cases on the page: how they come in, stand in the worklist and go, and what goes wrong on the way."""

from __future__ import annotations

import re

import pytest

from serving.gateway import problems
from serving.gateway.schemas.images import RejectedFile
from tests.serving.gateway.page.fake_cases import NOW, Kept, Picture, ramp, usual_findings


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


def test_a_narrow_worklist_tells_samples_reasons_and_the_model_card(gateway, reader, withheld_case):
    reader.page.set_viewport_size({"width": 1024, "height": 768})
    gateway.add(Picture(ramp()), sample=True)
    reader.open(withheld_case)
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


def test_an_answer_that_comes_before_the_first_paint_is_shown(gateway, reader):
    gateway.api_key = "correct horse"
    reader.page.add_init_script("window.fetch = async () => new Response('{}', { status: 401 })")
    reader.page.goto(reader.address)
    reader.page.get_by_role("dialog", name="Say who you are").wait_for(timeout=10_000)
