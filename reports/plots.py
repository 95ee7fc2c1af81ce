"""Plots as text: SVG of the same bytes for the same numbers, and the `data:` URIs that put a picture into a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any


def svg(draw: Callable[[Any], None], *, size: tuple[float, float]) -> str:
    """Returns what a function draws on a Matplotlib figure, as SVG whose text stays text.

    Args:
        draw: is given the figure.
        size: width and height in inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "radflow", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def data_uri(content: bytes, kind: str) -> str:
    """Returns a `data:` URI of content of a media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
