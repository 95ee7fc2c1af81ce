"""What a reader sees of a page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reports.page import Chapter, Section, render_page


def text_of(page: str) -> str:
    """Returns a page's words, without style and tags."""
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL))


def shown(*sections: Section | Chapter) -> str:
    """Returns the words of sections as a page shows them."""
    return text_of(render_page("t", sections))


def rows(page: str) -> Sequence[str]:
    """Returns the words of each table row."""
    return [text_of(row).strip() for row in re.findall(r"<tr>.*?</tr>", page, flags=re.DOTALL)]
