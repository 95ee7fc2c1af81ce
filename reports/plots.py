"""Plots as text: SVG of the same bytes for the same numbers, and the `data:` URIs that put a picture into a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

from reports.page import Figure

BLUE, RED, GREY = "#2a5d9f", "#b0452c", "#8a949e"
HALF = (4.2, 3.0)
"""Inches of a plot that a phone shows at nearly its own size, and a desktop two or three beside each other."""


def svg(draw: Callable[[Any], None], *, size: tuple[float, float]) -> str:
    """Returns what a function draws on a Matplotlib figure, as SVG whose text stays text.

    Args:
        draw: is given the figure.
        size: width and height in inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    with mpl.rc_context({"svg.hashsalt": "radflow", "svg.fonttype": "none", "font.size": 9}):
        canvas = Canvas(figsize=size, layout="constrained")
        draw(canvas)
        text = io.StringIO()
        canvas.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def figure(heading: str, drawn: str, alternative: str, note: str = "") -> Figure:
    """Returns a drawn SVG as a figure of a page."""
    return Figure(heading, data_uri(drawn.encode(), "image/svg+xml"), alternative, note)


def data_uri(content: bytes, kind: str) -> str:
    """Returns a `data:` URI of content of a media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
