"""Words that DICOM defines, which may be told: a header element that holds another word may hold a name."""

from __future__ import annotations

_MODALITIES = """
    ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL IVOCT IVUS
    KER KO LEN LP LS M3D MG MR NM OAM OCT OP OPM OPR OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG
    RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA
    XAPROTOCOL XC
"""
_VIEW_POSITIONS = "AP PA LL RL RLD LLD RLO LLO CC MLO ML LM LMO XCC XCCL XCCM FB SIO ISO CV AT"
_RESCALE_TYPES = "OD HU US MGML Z_EFF ED EDW HU_MOD PCT"
_PHOTOMETRIC_INTERPRETATIONS = """
    MONOCHROME1,MONOCHROME2,PALETTE COLOR,RGB,HSV,ARGB,CMYK,XYB,YBR_FULL,YBR_FULL_422,YBR_PARTIAL_422,YBR_PARTIAL_420,
    YBR_ICT,YBR_RCT
"""

MODALITIES = frozenset(_MODALITIES.split())
"""PS3.3, C.7.3.1.1.1."""
VIEW_POSITIONS = frozenset(_VIEW_POSITIONS.split())
"""PS3.3, C.8.1.2, and PS3.16, CID 4014 (mammography)."""
RESCALE_TYPES = frozenset(_RESCALE_TYPES.split())
"""PS3.3, C.11.1.1.2."""
PHOTOMETRIC_INTERPRETATIONS = frozenset(word.strip() for word in _PHOTOMETRIC_INTERPRETATIONS.split(","))
"""PS3.3, C.7.6.3.1.2, the retired ones too."""


def told(word: str, known: frozenset[str]) -> str:
    """Returns a word if it is one of those known, else what may be said of it."""
    return word if word in known else "not one that DICOM defines"
