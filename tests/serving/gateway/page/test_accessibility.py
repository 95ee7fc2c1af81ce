"""WCAG 2.2 AA as far as axe can see, in every state of the page, and the page by keyboard alone."""

from __future__ import annotations

import re

import pytest

from imaging.synthetic import write_sample
from serving.gateway import problems
from serving.gateway.schemas.predictions import Declared, Withheld
from tests.serving.gateway.page.fake_cases import Picture, finding, ramp

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def check(reader):
    """Raises an AssertionError with what axe found."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(reader.page, options=RULES)
    assert found.violations_count == 0, found.generate_report()


def several(gateway):
    withheld = Withheld(
        codes=["view_unknown"], message="The file says no view.", declare=["modality", "view", "age_years"]
    )
    gateway.add(Picture(ramp()), findings=[finding("nodule", 0.01), finding("cavity", 0.02)])
    gateway.add(Picture(ramp(), view=""), withheld=withheld)
    failed = gateway.add(Picture(ramp()), predict=False)
    failed.failed = True
    return gateway.add(
        Picture(ramp(frames=3), age_years=None), Picture(ramp(), view="LL", burned_in_text=True),
        declared=Declared(age_years=57),
    )  # fmt: skip


def test_axe_finds_what_is_planted(gateway, reader):
    reader.open(several(gateway))
    reader.page.evaluate("document.querySelector('.case').setAttribute('aria-current', 'nonsense')")
    reader.page.evaluate("document.querySelector('h1 img').removeAttribute('alt')")
    with pytest.raises(AssertionError, match="image-alt"):
        check(reader)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (834, 1112)])
def test_axe_finds_nothing_in_a_case_with_heatmap_details_and_feedback(gateway, reader, width, height):
    reader.page.set_viewport_size({"width": width, "height": height})
    reader.open(several(gateway))
    reader.panel.get_by_role("button", name="Why: heatmap of nodule").click()
    reader.page.get_by_text("What raised the model's score").wait_for()
    for summary in reader.panel.locator("summary").all():
        summary.click()
    reader.panel.get_by_role("button", name="Correct label").click()
    check(reader)
    overflow = reader.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0


def test_axe_finds_nothing_in_cases_without_scores(gateway, reader):
    several(gateway)
    for kept in gateway.cases[1:3]:
        reader.open(kept)
        reader.panel.get_by_role("heading", name=f"Case {kept.number}").wait_for()
        check(reader)


def test_axe_finds_nothing_in_an_empty_page_without_a_model(gateway, reader):
    gateway.available = False
    reader.open()
    reader.page.get_by_role("heading", name="No cases yet").wait_for()
    check(reader)


def test_axe_finds_nothing_in_dialogs(gateway, reader):
    reader.open(several(gateway))
    reader.page.get_by_role("button", name="Help and keys").click()
    check(reader)
    reader.page.keyboard.press("Escape")
    reader.page.get_by_role("button", name="Nodules and cavities").click()
    reader.page.get_by_role("table").wait_for()
    check(reader)
    reader.page.keyboard.press("Escape")
    reader.panel.get_by_role("button", name="Delete…").click()
    check(reader)


def test_axe_finds_nothing_where_a_key_is_asked_for(gateway, reader):
    gateway.api_key = "key"
    reader.page.goto(reader.address)
    reader.page.get_by_role("dialog").get_by_label("API key").fill("wrong")
    reader.page.keyboard.press("Enter")
    reader.page.get_by_role("alert").wait_for()
    check(reader)


def test_axe_finds_nothing_in_reader_mode_before_and_after(gateway, reader):
    reader.open()
    reader.page.get_by_role("switch").check(force=True)
    reader.page.get_by_text("Newest first, without flags").wait_for()
    reader.open(several(gateway))
    reader.panel.get_by_role("heading", name="Your opinion first").wait_for()
    check(reader)
    reader.panel.get_by_role("radio", name="cavity").check()
    reader.panel.get_by_role("button", name="Keep my opinion").click()
    reader.panel.get_by_role("table").wait_for()
    check(reader)


def test_axe_finds_nothing_while_waiting_and_after_an_error(gateway, reader, tmp_path):
    write_sample(tmp_path / "sample", studies=1, seed=1)
    file = next((tmp_path / "sample" / "dicom").glob("*.dcm"))
    gateway.delay = 1.5
    gateway.answers[("POST", "studies")] = [(problems.TOO_MANY, "1"), (problems.TOO_LARGE, None)]
    reader.open().upload(file)
    reader.page.get_by_text("Trying again in").wait_for()
    check(reader)
    reader.page.get_by_role("alert").wait_for()
    check(reader)
    reader.page.get_by_role("button", name="Close").click()
    reader.upload(file)
    reader.page.get_by_text("The model looks at 1 image").wait_for()
    check(reader)


def focused(page):
    return page.evaluate("document.activeElement.textContent || document.activeElement.getAttribute('aria-label')")


def tab_to(page, words, *, most=80):
    """Presses Tab until something with these words has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if re.search(words, focused(page) or ""):
            return
    raise AssertionError(f"{words} is not reached by {most} tabs; the last focus was on {focused(page)}")


def test_a_case_is_read_and_answered_by_keyboard_alone(gateway, reader):
    several(gateway)
    reader.open()
    reader.page.locator(".case").first.wait_for()
    page = reader.page
    tab_to(page, "Case 4")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    page.locator(".corner.left.lower", has_text="%").wait_for()
    tab_to(page, "Image 1 of 2")
    page.keyboard.press("i")
    page.get_by_text("inverted").wait_for()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("h")
    page.get_by_text("What raised the model's score").wait_for()
    tab_to(page, "^Agree$")
    page.keyboard.press("Enter")
    tab_to(page, "Keep feedback")
    page.keyboard.press("Enter")
    reader.panel.get_by_text("Agrees with the model").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Help and keys").wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("k")  # what was read has gone to the end of the worklist
    reader.panel.get_by_role("heading", name=re.compile(r"Case [123]")).wait_for()


def test_what_has_the_focus_is_seen_and_single_keys_can_be_turned_off(gateway, reader):
    kept = several(gateway)
    reader.open(kept)
    page = reader.page
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "2px"
    page.get_by_role("button", name="Help and keys").click()
    page.get_by_label("J, K and ? work everywhere").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("?")
    assert page.get_by_role("dialog").count() == 0
    assert reader.panel.get_by_role("heading", name=f"Case {kept.number}").is_visible()


def test_results_are_said_to_screen_readers(gateway, reader):
    reader.open()
    reader.page.get_by_role("button", name="Try a sample case").click()
    live = reader.page.locator("p[aria-live=polite]")
    live.filter(has_text="Flagged: nodule.").wait_for(state="attached")


def test_a_flagged_row_says_so_in_its_name(gateway, reader):
    gateway.add(Picture(ramp()))
    reader.open()
    reader.page.get_by_role("button", name=re.compile(r"Case 1.*Flagged: nodule")).wait_for()


def test_after_j_and_k_the_images_keys_work(gateway, reader):
    several(gateway)
    reader.open()
    page = reader.page
    page.locator(".case").first.focus()
    for key, case in (("j", "Case 4"), ("j", "Case [123]"), ("k", "Case 4")):
        page.keyboard.press(key)
        reader.panel.get_by_role("heading", name=re.compile(case)).wait_for()
        page.locator("canvas[role=application]:focus").wait_for()
    page.keyboard.press("i")
    page.get_by_text("inverted").wait_for()


def test_j_does_not_take_the_focus_out_of_a_field(gateway, reader):
    reader.open(several(gateway))
    reader.panel.get_by_role("button", name="Agree", exact=True).click()
    reader.panel.get_by_label("Comment").press_sequentially("jk")
    assert reader.panel.get_by_label("Comment").input_value() == "jk"
    assert reader.panel.get_by_role("heading", name="Case 4").is_visible()
