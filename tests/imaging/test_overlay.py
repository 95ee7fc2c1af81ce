from __future__ import annotations

import cv2
import numpy as np

from data_schemas.task import Task
from imaging.overlay import overlaid, rendered
from imaging.presentation import Presentation, VoiWindow
from imaging.source import SourceHeader, SourceImage


def test_a_film_is_rendered_through_its_window(chest_task: Task) -> None:
    presentation = Presentation(bits_stored=12, windows=(VoiWindow.between(100, 300),))
    pixels = np.array([[0, 100, 200, 300, 4000]], np.uint16)
    shown = rendered(SourceImage(pixels, presentation, SourceHeader()), chest_task)
    assert shown.dtype == np.uint8
    np.testing.assert_allclose(shown, [[0, 0, 127.5, 255, 255]], atol=0.5)


def test_ct_is_rendered_in_the_first_window(ct_task: Task) -> None:
    window = ct_task.intensity.windows[0]
    black, white = window.center - window.width / 2, window.center + window.width / 2
    pixels = np.array([[black - 50, black, window.center, white, white + 50]], np.int16)
    presentation = Presentation(bits_stored=16, signed=True, slope=1.0, intercept=0.0, rescale_type="HU")
    shown = rendered(SourceImage(pixels, presentation, SourceHeader(modality="CT")), ct_task)
    np.testing.assert_allclose(shown, [[0, 0, 127.5, 255, 255]], atol=0.5)


def test_the_image_shows_where_the_heatmap_is_0_and_inferno_where_it_is_1() -> None:
    image = np.full((40, 60), 100, np.uint8)
    heatmap = np.zeros((40, 60), np.float32)
    heatmap[10, 20] = 1
    picture = overlaid(image, heatmap)
    assert (picture[:, :60][heatmap == 0] == 100).all()
    hottest = cv2.applyColorMap(np.full((1, 1), 255, np.uint8), cv2.COLORMAP_INFERNO)[0, 0]
    np.testing.assert_allclose(picture[10, 20], 0.4 * 100 + 0.6 * hottest, atol=0.5)


def test_the_legend_is_bright_above_and_dark_below() -> None:
    legend = overlaid(np.full((120, 240), 255, np.uint8), np.zeros((120, 240), np.float32))[:, 240:]
    assert legend.shape == (120, 20, 3)
    bar = legend[:, 7].astype(int).sum(axis=1)
    assert bar[0] > bar[60] > bar[-1] == 0
    digits = legend[:, 10:].max(axis=(1, 2))
    assert digits[:12].max() > 150 and digits[-12:].max() > 150 and digits[20:100].max() == 0
