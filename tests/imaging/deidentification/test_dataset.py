"""Every attribute of the table, planted, is treated as its row says: at the top and in a sequence, by each option."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from imaging.deidentification.dataset import deidentify_dataset
from imaging.deidentification.profile import OPTIONS, PROFILES, Profile, attribute_table, profile
from imaging.deidentification.replacements import Replacements
from imaging.pseudonyms import Pseudonyms

REPLACEMENTS = Replacements(Pseudonyms(bytes(32)))
MARKER = "ZZMARKEDZZ"
NEST = "CTDIPhantomTypeCodeSequence"
"""A sequence that the table does not name."""
_VALUES: dict[str, Any] = {
    "AS": "044Y", "CS": "F", "DA": "20240310", "DS": "7.5", "DT": "20240310101010", "FD": 7.5, "FL": 7.5, "IS": "7",
    "OB": b"secret", "OW": b"secret", "SL": 7, "SS": 7, "TM": "101010", "UI": "1.2.3.4.5", "UL": 7, "UN": b"secret",
    "US": 7,
}  # fmt: skip
_SET_ANEW = {0x00100010, 0x00100020, 0x00120062, 0x00120063, 0x00120064, 0x00280303}


def _planted() -> Dataset:
    """Returns a dataset with every attribute of the table that a dataset may have."""
    dataset = Dataset()
    for tag in attribute_table():
        if tag >> 16 in (0, 2, 4):
            continue  # of messages, file meta and DICOMDIR
        vr = dictionary_VR(tag).split(" or ")[0]
        item = Dataset()
        item.PatientComments, item.CodeMeaning = MARKER, "plain"
        dataset.add_new(tag, vr, Sequence([item]) if vr == "SQ" else _VALUES.get(vr, MARKER))
    return dataset


def _deidentified(chosen: Profile) -> tuple[Dataset, Dataset, Dataset]:
    """Returns the planted attributes before, and after at the top and nested."""
    dataset = _planted()
    setattr(dataset, NEST, Sequence([_planted()]))
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.SourceApplicationEntityTitle = MARKER
    deidentify_dataset(dataset, chosen, REPLACEMENTS)
    return _planted(), dataset, dataset[NEST].value[0]


def _check(row: dict[str, str], chosen: Profile, tag: int, before: Dataset, after: Dataset) -> None:
    """Checks one attribute against its row, by the words of PS3.15, E.1 and table E.1-1a."""
    columns = {option: option.replace("-", "_") for option in chosen.options if option != "clean-pixels"}
    asked = [row[column] for column in columns.values() if row[column]]
    old = before[tag].value
    if "K" in asked:
        assert after[tag].value == old or before[tag].VR == "SQ"
    elif "C" in asked:
        left = after[tag].value if tag in after else None
        assert left != old or before[tag].VR in ("SQ", "TM")
        assert MARKER not in str(left)
    elif row["basic"] == "X":
        assert tag not in after
    elif row["basic"] in ("Z", "X/Z"):
        assert tag in after and not after[tag].value
    elif row["basic"] in ("D", "Z/D", "X/D", "X/Z/D"):
        assert after[tag].value not in (None, "", old)
    elif row["basic"] == "U":
        assert after[tag].value == REPLACEMENTS.uid(old)
    else:
        assert row["basic"] == "X/Z/U*" and after[tag].VR == "SQ"


PROFILE_CASES = [profile(name) for name in PROFILES] + [profile("basic", [option]) for option in OPTIONS] + [
    profile("radflow", OPTIONS)
]  # fmt: skip


@pytest.mark.parametrize("chosen", PROFILE_CASES, ids=lambda one: "+".join(sorted(one.options)) or "basic")
def test_every_attribute_is_treated_as_its_row_says(chosen: Profile) -> None:
    before, top, nested = _deidentified(chosen)
    for tag, row in attribute_table().items():
        if tag in before and tag not in _SET_ANEW:
            _check(row, chosen, tag, before, top)
            _check(row, chosen, tag, before, nested)


@pytest.mark.parametrize("chosen", [profile("basic"), profile("radflow"), profile("radflow", ["clean-descriptors"])])
def test_no_marker_survives(chosen: Profile) -> None:
    _, dataset, nested = _deidentified(chosen)
    if "patient-characteristics" in chosen.options:
        del dataset.EthnicGroup, nested.EthnicGroup  # free text that the option keeps, by the standard
    assert MARKER not in str(dataset) and MARKER not in str(dataset.file_meta)
    assert MARKER not in dataset.to_json()


def test_private_and_unknown_attributes_are_gone_also_where_they_are_nested() -> None:
    dataset = _planted()
    for one in (dataset, dataset.ReferencedImageSequence[0]):
        one.private_block(0x0099, "MAKER", create=True).add_new(1, "LO", MARKER)
        one.add_new(0x00087777, "LO", MARKER)  # no edition of the standard has it
    dataset.SOPClassUID, dataset.file_meta = "1.2", FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    deidentify_dataset(dataset, Profile(), REPLACEMENTS)
    assert not any(element.tag.is_private for element in dataset) and 0x00087777 not in dataset
    assert MARKER not in str(dataset.ReferencedImageSequence[0])


def test_what_was_done_is_declared_and_logged_without_values() -> None:
    dataset = _planted()
    dataset.SOPClassUID, dataset.file_meta = "1.2", FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    log = deidentify_dataset(dataset, profile("radflow"), REPLACEMENTS)
    assert dataset.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in dataset.DeidentificationMethodCodeSequence] == ["113100", "113107", "113108"]
    assert dataset.LongitudinalTemporalInformationModified == "MODIFIED"
    assert log["StudyDescription", "remove"] == 1 and log["StudyDate", "shift"] == 1
    assert MARKER not in str(log) and "20240310" not in str(log)


def test_one_patient_has_one_pseudonym_and_another_another() -> None:
    pseudonyms = []
    for patient_id, issuer in (("A", ""), ("A", ""), ("B", ""), ("A", "hospital")):
        dataset = Dataset()
        dataset.PatientID, dataset.IssuerOfPatientID, dataset.SOPClassUID = patient_id, issuer, "1.2"
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        deidentify_dataset(dataset, Profile(), REPLACEMENTS)
        assert dataset.PatientID == dataset.PatientName
        pseudonyms.append(dataset.PatientID)
    assert pseudonyms[0] == pseudonyms[1] and len(set(pseudonyms)) == 3
