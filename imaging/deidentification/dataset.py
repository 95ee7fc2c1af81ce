"""De-identifies one dataset in place, by a profile, and tells what was done to which attribute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID

from imaging.deidentification.profile import Action, Profile
from imaging.deidentification.replacements import Replacements, capped_age, cleaned_text, dummy, shifted
from imaging.dicom_file import text
from imaging.patients import patient_key

ActionLog = Counter[tuple[str, str]]
"""How often an action was taken: (keyword path, action) -> count. No value is in it."""

_AGE, _NAME, _ID = 0x00101010, 0x00100010, 0x00100020
_TEXT_VRS = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}


@dataclass
class _Work:
    profile: Profile
    replacements: Replacements
    pseudonym: str
    days: int
    log: ActionLog


def deidentify_dataset(dataset: Dataset, profile: Profile, replacements: Replacements) -> ActionLog:
    """De-identifies a dataset in place, file meta and preamble too, and returns what was done.

    Args:
        dataset: of `imaging.dicom_file.read_dataset`. Its pixels are not looked at.
        profile: what becomes of each attribute.
        replacements: the keyed values.
    """
    key = patient_key(
        patient_id=text(dataset, "PatientID"),
        issuer=text(dataset, "IssuerOfPatientID"),
        study_instance_uid=text(dataset, "StudyInstanceUID") or text(dataset, "SOPInstanceUID") or "unknown",
    ).key
    work = _Work(profile, replacements, replacements.patient(key), replacements.days(key), Counter())
    _walk(dataset, work, "")
    # Z would leave the patient without a name: a pseudonym keeps apart who is apart (PS3.15, E.2, note on D).
    dataset.PatientID = dataset.PatientName = work.pseudonym
    _declare(dataset, profile)
    _replace_file_meta(dataset)
    return work.log


def _walk(dataset: Dataset, work: _Work, path: str) -> None:
    for tag in list(dataset.keys()):
        if not dictionary_has_tag(tag) and not tag.is_private and work.profile.action(int(tag)) is None:
            _log(work, path, str(tag), "remove")
            del dataset[tag]  # nobody knows what it holds
            continue
        try:
            element = dataset[tag]
        except Exception:  # noqa: BLE001  # a value that cannot be converted cannot be cleaned either
            del dataset[tag]
            _log(work, path, str(tag), "remove")
            continue
        action = work.profile.action(int(tag))
        name = element.keyword or ("private" if tag.is_private else str(tag))
        if action is not None:
            _log(work, path, name, action)
            _act(dataset, element, action, work)
        if action in (None, "keep", "clean") and tag in dataset and element.VR == "SQ":
            for item in element.value:
                _walk(item, work, f"{path}{name}.")


def _act(dataset: Dataset, element: DataElement, action: Action, work: _Work) -> None:
    if action == "remove":
        del dataset[element.tag]
    elif action == "empty":
        element.value = Sequence() if element.VR == "SQ" else None
    elif action == "dummy":
        element.value = Sequence([Dataset()]) if element.VR == "SQ" else dummy(element.VR, work.pseudonym)
    elif action == "uid":
        element.value = _each(element.value, work.replacements.uid)
    elif action == "shift":
        _replace(element, _each(element.value, lambda value: _moved(element.VR, value, work.days)))
    elif action == "clean" and element.VR in _TEXT_VRS:
        _replace(element, _each(element.value, cleaned_text))
    elif action == "clean" and element.VR != "SQ":
        del dataset[element.tag]
    elif action == "keep" and element.tag == _AGE:
        _replace(element, _each(element.value, capped_age))


def _moved(vr: str, value: str, days: int) -> str:
    """Returns a moved date; a time alone stays, since the days move it from one date to another."""
    return value if vr == "TM" else shifted(value, days)


def _replace(element: DataElement, value: Any) -> None:
    """Sets a value, or empties the element where nothing is left of it."""
    element.value = value or None


def _each(value: Any, replace: Any) -> Any:
    if value is None or value == "":
        return value
    values = (
        [str(one) for one in value] if isinstance(value, (list, tuple)) or hasattr(value, "append") else [str(value)]
    )
    replaced = [replace(one) for one in values]
    return replaced[0] if len(replaced) == 1 else replaced


def _log(work: _Work, path: str, name: str, action: str) -> None:
    work.log[f"{path}{name}", action] += 1


def _declare(dataset: Dataset, profile: Profile) -> None:
    """Says what was done, as PS3.15, E.1.1 and PS3.3, C.7.1.1 and C.12.1 ask."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Radflow"
    dataset.DeidentificationMethodCodeSequence = Sequence([_code(*code) for code in profile.codes])
    moved = "modified-dates" in profile.options
    dataset.LongitudinalTemporalInformationModified = "MODIFIED" if moved else "REMOVED"


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _replace_file_meta(dataset: Dataset) -> None:
    """Leaves nothing of the file meta but what the file needs: AE titles and private information are gone."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "")
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
