"""The HTML page that every report is: one file without scripts or outside resources, for screen, phone and paper."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import ClassVar, Literal

import jinja2

Tone = Literal["good", "warn", "bad"]


@dataclass(frozen=True)
class Tag:
    """A cell that is judged; the words carry the meaning, the tone only repeats it in colour."""

    text: str
    tone: Tone


Cell = str | int | Tag


@dataclass(frozen=True)
class Verdict:
    """What a reader must know who reads nothing else; reasons are listed below the text."""

    template: ClassVar[str] = "verdict.html.j2"
    word: str
    text: str
    tone: Tone
    reasons: Sequence[str] = ()


@dataclass(frozen=True)
class Facts:
    """A few numbers, each with its name."""

    template: ClassVar[str] = "facts.html.j2"
    facts: Sequence[tuple[str, str | int]]
    heading: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row heads it, columns of whole numbers are aligned to the right.

    Attributes:
        heading: what the table shows.
        columns: names.
        rows: as many cells each as there are columns.
        note: a sentence under the heading.
        compact: cells are so short that even a phone shows them side by side.
    """

    template: ClassVar[str] = "table.html.j2"
    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    compact: bool = False
    numeric: frozenset[int] = field(init=False)

    @property
    def wordy(self) -> bool:
        """Whether it has sentences, which a phone shows one below the other."""
        return not self.compact and len(self.numeric) < len(self.columns) - 1

    def __post_init__(self) -> None:
        columns = range(1, len(self.columns))
        numeric = {index for index in columns if self.rows and all(isinstance(row[index], int) for row in self.rows)}
        object.__setattr__(self, "numeric", frozenset(numeric))


@dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        heading: what it shows.
        source: a `data:` URI, since a page has no outside resources.
        alternative: what it shows, for those who do not see it.
        note: a sentence under the heading.
    """

    template: ClassVar[str] = "figure.html.j2"
    heading: str
    source: str
    alternative: str
    note: str = ""


@dataclass(frozen=True)
class Figures:
    """Pictures beside each other where there is room, and below each other where there is not.

    Attributes:
        heading: what they show together.
        figures: in order.
        note: a sentence under the heading.
        small: pictures of some 160 pixels rather than plots.
    """

    template: ClassVar[str] = "figures.html.j2"
    heading: str
    figures: Sequence[Figure]
    note: str = ""
    small: bool = False


@dataclass(frozen=True)
class Points:
    """What is to be said under a few names, in sentences; each point one sentence or several."""

    template: ClassVar[str] = "points.html.j2"
    points: Sequence[tuple[str, Sequence[str]]]
    heading: str = ""
    note: str = ""


@dataclass(frozen=True)
class Step:
    """One step of a flow: what there is, how many, and what is left out on the way to the next."""

    name: str
    counts: str
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class Flow:
    """Who came in, who was left out and why, and who remained, from top to bottom."""

    template: ClassVar[str] = "flow.html.j2"
    heading: str
    steps: Sequence[Step]
    note: str = ""


@dataclass(frozen=True)
class Chapter:
    """Sections that belong together, which the contents name."""

    template: ClassVar[str] = "chapter.html.j2"
    heading: str
    sections: Sequence[Section]
    note: str = ""

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return re.sub("[^a-z0-9]+", "-", self.heading.lower()).strip("-")


@dataclass(frozen=True)
class Contents:
    """Links to chapters."""

    template: ClassVar[str] = "contents.html.j2"
    chapters: Sequence[Chapter]


Section = Verdict | Facts | Table | Figure | Figures | Points | Flow


def render_page(title: str, sections: Sequence[Section | Chapter | Contents], *, subtitle: str = "") -> str:
    """Returns a page; all text in it is escaped.

    Args:
        title: of the page.
        sections: from top to bottom; the verdict comes first.
        subtitle: a line under the title.
    """
    template = _environment().get_template("page.html.j2")
    return template.render(title=title, subtitle=subtitle, sections=sections, version=metadata.version("radflow"))


def render_sections(sections: Sequence[Section]) -> str:
    """Returns sections alone, as a fragment to put into a page; all text in it is escaped."""
    environment = _environment()
    return "".join(environment.get_template(section.template).render(section=section) for section in sections)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
