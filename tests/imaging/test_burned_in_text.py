from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from imaging.burned_in_text import text_lines, text_score
from imaging.source import read_frames

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)


def _film(seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(rng.uniform(5_000, 45_000, (12, 12)), (512, 512), interpolation=cv2.INTER_CUBIC)
    return (smooth + rng.normal(0, 400, smooth.shape)).clip(0, 50_000).astype(np.uint16)


def _written(image: np.ndarray, text: str, *, at: tuple[int, int] = (20, 40), font: int = FONTS[0]) -> np.ndarray:
    return cv2.putText(image.copy(), text, at, font, 0.9, 65_535, 2)


@pytest.mark.parametrize("font", FONTS)
@pytest.mark.parametrize("text", ["DOE JOHN", "12.03.1957", "St Mary Hospital"])
def test_a_name_a_date_and_a_place_are_found_where_they_are(font: int, text: str) -> None:
    (line, *_) = text_lines(_written(np.zeros((512, 512), np.uint16), text, font=font))
    assert line.top < 40 <= line.bottom + 5 and line.left < 60
    assert line.characters >= 5


def test_text_on_a_film_is_found() -> None:
    found = [text_score(_written(_film(seed), "DOE JOHN 1957", at=(20, 490))) > 0 for seed in range(10)]
    assert sum(found) >= 8


def test_dark_text_on_white_paper_is_found() -> None:
    paper = np.full((400, 600), 65_535, np.uint16)
    assert text_score(cv2.putText(paper, "Referral letter", (30, 60), FONTS[0], 1, 0, 2)) >= 5


def test_films_a_marker_letter_and_nothing_have_no_text() -> None:
    assert [text_score(_film(seed)) for seed in range(10)] == [0] * 10
    assert text_score(_written(_film(), "L")) == 0
    assert text_score(np.zeros((64, 64), np.uint16)) == text_score(np.full((1, 1), 7, np.uint16)) == 0


def test_a_large_image_has_its_lines_in_its_own_pixels() -> None:
    image = np.zeros((3000, 2000), np.uint16)
    cv2.putText(image, "DOE JOHN", (1000, 2000), FONTS[0], 4, 65_535, 8)
    (line,) = text_lines(image)
    assert 1800 < line.top < line.bottom < 2100 and 950 < line.left < line.right < 1900


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data, the public test data")
def test_real_ultrasound_and_endoscopy_show_text_and_real_films_none() -> None:
    for name in ("019_gdcm-US-ALOKA-16.dcm", "133_YBR_FULL-RLE.dcm", "074_VL1_J2KR"):
        (source,) = read_frames((DATA / "dicom-zoo" / name).read_bytes(), policy="first")
        assert text_score(source.pixels) >= 5, name
    films = sorted((DATA / "kermany-cxr-pneumonia" / "images").iterdir())[::100]
    scores = [text_score(one.pixels) for film in films for one in read_frames(film.read_bytes(), policy="first")]
    assert len(scores) > 50 and not any(scores)
