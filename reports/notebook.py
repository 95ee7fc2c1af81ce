"""What the notebooks share: quiet libraries, sections of report pages as output, and widgets that may be missing."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from typing import Any

from IPython.display import HTML, display

from reports.page import Section, render_sections


def quiet() -> None:
    """Keeps TensorFlow, and what it loads, from writing over the cells; call it before they are imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    warnings.simplefilter("ignore", FutureWarning)
    # Its level is set anew when TensorFlow is imported; a filter stays.
    logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)


def show(*sections: Section) -> None:
    """Shows sections of a report page below the cell."""
    display(HTML(render_sections(sections)))


def show_widget(draw: Callable[[], Any]) -> None:
    """Shows an interactive view where this Jupyter has it; where not, says that the figure beside it holds the same.

    Args:
        draw: returns the view, or shows it by itself and returns None.
    """
    try:
        view = draw()
    except Exception as error:  # noqa: BLE001  # a viewer of another library may fail in any way; figures stand anyway
        print(f"No interactive view here ({type(error).__name__}); the static figures show the same.")  # noqa: T201  # a notebook's output
        return
    if view is not None:
        display(view)
