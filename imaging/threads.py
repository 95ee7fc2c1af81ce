"""How many threads the libraries below imaging start."""

from __future__ import annotations

import cv2


def use_one_thread() -> None:
    """Keeps OpenCV to one thread in this process: where every core has a process, more would wait for each other."""
    cv2.setNumThreads(1)
