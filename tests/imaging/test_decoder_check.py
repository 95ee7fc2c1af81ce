from __future__ import annotations

import dataclasses

import imagecodecs
import numpy as np
import pytest

from imaging import decoder_check
from imaging.decoder_check import check_decoders
from imaging.decoders import DECODERS


def test_every_transfer_syntax_decodes_its_known_frame() -> None:
    rows = check_decoders()
    assert [row.transfer_syntax for row in rows] == list(DECODERS)
    assert [row for row in rows if row.problem] == []


def test_a_decoder_that_gives_other_pixels_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    row = DECODERS["1.2.840.10008.1.2.4.80"]
    broken = dataclasses.replace(row, decode=lambda data, layout: np.zeros(layout.shape, layout.dtype))
    monkeypatch.setitem(DECODERS, "1.2.840.10008.1.2.4.80", broken)
    problems = {one.transfer_syntax: one.problem for one in check_decoders() if one.problem}
    assert problems == {"1.2.840.10008.1.2.4.80": "a pixel is 4032 off, where 0 may be lost"}


def test_a_missing_codec_names_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagecodecs, "JPEGXL", type("JPEGXL", (), {"available": False}))
    problems = {one.transfer_syntax: one.problem for one in check_decoders() if one.problem}
    assert set(problems) == {f"1.2.840.10008.1.2.4.{end}" for end in (110, 111, 112)}
    assert all("pip install" in problem and "imagecodecs" in problem for problem in problems.values())


def test_the_known_frame_of_htj2k_is_the_one_that_it_is_checked_against() -> None:
    assert (imagecodecs.jpeg2k_decode(decoder_check._HTJ2K) == np.arange(64).reshape(8, 8) * 64).all()
