"""Pages: escaped, self-contained, and right for numbers and words."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from reports.page import (
    Chapter,
    Contents,
    Facts,
    Figure,
    Figures,
    Flow,
    Points,
    Step,
    Table,
    Tag,
    Verdict,
    render_page,
)

EVIL = "<script>alert('x')</script>"


class _Outline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _page() -> str:
    table = Table(EVIL, ("Split", "Images", EVIL), [("train", 3, Tag(EVIL, "bad")), (EVIL, 4, EVIL)], note=EVIL)
    sections = [Verdict(EVIL, EVIL, "warn"), Facts([(EVIL, EVIL)], heading=EVIL), table]
    return render_page(EVIL, sections, subtitle=EVIL)


def test_text_is_escaped_everywhere() -> None:
    assert "<script" not in _page() and _page().count("&lt;script&gt;") >= 12


def test_every_tag_is_closed_and_the_verdict_comes_first() -> None:
    outline = _Outline()
    outline.feed(_page())
    assert not outline.open and "table" in outline.tags
    assert _page().index('class="verdict') < _page().index("<table")


def test_nothing_is_fetched_from_outside() -> None:
    assert not re.search(r"https?://|src=|@import|url\(|<link", _page())


def test_it_prints_and_fits_a_phone() -> None:
    assert "@media print" in _page() and "@media (max-width" in _page() and 'name="viewport"' in _page()


def test_whole_numbers_align_right_and_sentences_stack_on_a_phone() -> None:
    numbers = Table("t", ("Split", "Images"), [("train", 3), ("test", 4)])
    words = Table("t", ("Split", "Images", "Remark"), [("train", 3, "few"), ("test", 4, "")])
    assert (numbers.numeric, numbers.wordy) == ({1}, False)
    assert (words.numeric, words.wordy) == ({1}, True)
    assert '<td data-column="Images" class="number">3</td>' in render_page("t", [numbers])


def _chapter() -> Chapter:
    picture = Figure(EVIL, "data:image/png;base64,", EVIL, EVIL)
    sections = [
        Points([(EVIL, [EVIL, EVIL])], heading=EVIL, note=EVIL),
        Flow(EVIL, [Step(EVIL, EVIL, [EVIL])], note=EVIL),
        Figures(EVIL, [picture], note=EVIL, small=True),
        picture,
    ]
    return Chapter(EVIL, sections, note=EVIL)


def test_text_in_chapters_is_escaped_and_every_tag_closed() -> None:
    page = render_page("t", [Contents([_chapter()]), _chapter()])
    assert "<script" not in page and page.count("&lt;script&gt;") == 22
    outline = _Outline()
    outline.feed(page)
    assert not outline.open


def test_a_chapters_sections_are_headed_one_level_below_it() -> None:
    inner = Table("Inner", ("a", "b"), [("c", "d")])
    page = render_page("t", [Chapter("Use, limits and ethics", [inner]), inner])
    assert "<h2>Use, limits and ethics</h2>" in page
    assert page.index("<h3>Inner</h3>") < page.index("<h2>Inner</h2>")


def test_the_contents_lead_to_chapters() -> None:
    chapter = Chapter("Use, limits and ethics", ())
    page = render_page("t", [Contents([chapter]), chapter])
    assert 'href="#use-limits-and-ethics"' in page and 'id="use-limits-and-ethics"' in page


def test_a_compact_table_does_not_stack() -> None:
    table = Table("t", ("Metric", "Value"), [("AUROC", "0.9")], compact=True)
    assert not table.wordy and 'class="compact"' in render_page("t", [table])
