from __future__ import annotations

from imaging.defined_terms import MODALITIES, PHOTOMETRIC_INTERPRETATIONS, VIEW_POSITIONS, told


def test_common_terms_are_known() -> None:
    assert {"CR", "CT", "DX", "MG", "MR", "NM", "PT", "US", "XA", "SR", "RTSTRUCT"} <= MODALITIES
    assert {"AP", "PA", "LL", "CC", "MLO"} <= VIEW_POSITIONS
    assert {"MONOCHROME2", "PALETTE COLOR", "YBR_FULL_422"} <= PHOTOMETRIC_INTERPRETATIONS


def test_a_word_that_may_be_a_name_is_not_told() -> None:
    assert told("CT", MODALITIES) == "CT"
    assert "DOE" not in told("DOE", MODALITIES)
