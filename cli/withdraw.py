"""`radflow withdraw`: keeps a patient out of later runs, and removes what an output folder holds of the images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from cli.cached_images import held_of, ingests, remove_held
from data_schemas.errors import ConfigurationError

_LEARNT = ("train", "eval", "calibration")
"""Splits that something of a model was fitted to or chosen on."""
Taught = Mapping[Path, frozenset[str]]
"""By served version, those of the patients whom it was trained on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Keep a patient out of later runs, remove the cached records that hold the patient's images, and list the "
        "models that were trained on them."
    )
    parser.add_argument("pseudonyms", nargs="*", metavar="PSEUDONYM", help="32 hexadecimal digits, as records have it")
    parser.add_argument("--patient-id", metavar="ID", help="instead: the id that the manifest or the DICOM gives")
    parser.add_argument("--issuer", default="", help="with --patient-id: Issuer of Patient ID, where the DICOM has one")
    parser.add_argument("--site", default="", help="with --patient-id: the manifest's site, where it has one")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the output folder of the runs")


def run(arguments: argparse.Namespace) -> int:
    """Withdraws, and says what was removed and what cannot be.

    Returns:
        0, or 1 where somebody is in no run; the list has the pseudonym all the same.

    Raises:
        ConfigurationError: nobody, or something that is no pseudonym, was named, or the folder has no runs.
    """
    import local_runner
    from imaging.withdrawals import add_withdrawn, read_withdrawn
    from pipeline.model_lineage import served_training
    from pipeline.settings import withdrawals

    output: Path = arguments.output.absolute()
    if not (output / "private").is_dir():
        raise ConfigurationError(f"{arguments.output} is no output folder of `radflow run`")
    with local_runner.only_run(output):
        named = _named(arguments, output)
        before = read_withdrawn(withdrawals(output))
        # The list comes first: should the rest be cut off, no later run uses the patient all the same.
        add_withdrawn(withdrawals(output), named)
        served = {path: named & patients for path, patients in served_training(output / "serving").items()}
        taught = {path: patients for path, patients in served.items() if patients}
        strangers = _say_known(named, before, output, taught)
        _say_models(named, output, taught)
        _purge(named, output)
        _say_unrecorded(output)
    if strangers:
        print(f"radflow withdraw: {strangers} of them is in no run that is recorded here", file=sys.stderr)
        return 1
    print("Run `radflow run` again to train without them.")
    return 0


def _named(arguments: argparse.Namespace, output: Path) -> frozenset[str]:
    from imaging.patients import patient_key
    from imaging.pseudonyms import Pseudonyms
    from imaging.withdrawals import is_pseudonym
    from pipeline.settings import pseudonym_key

    if bool(arguments.pseudonyms) == bool(arguments.patient_id):
        raise ConfigurationError("name whom to withdraw: one pseudonym or more, or --patient-id ID, not both")
    wrong = [word for word in arguments.pseudonyms if not is_pseudonym(word)]
    if wrong:
        raise ConfigurationError(
            f"{len(wrong)} of the words are no pseudonyms: 32 digits of 0-9 and a-f, or --patient-id"
        )
    if arguments.pseudonyms:
        return frozenset(arguments.pseudonyms)
    if not pseudonym_key(output).exists():
        raise ConfigurationError(f"{pseudonym_key(output)} is gone: without it no id leads to a pseudonym")
    key = patient_key(patient_id=arguments.patient_id, issuer=arguments.issuer, site=arguments.site).key
    return frozenset({Pseudonyms.load_or_create(pseudonym_key(output)).pseudonym("patient", key)})


def _say_known(named: frozenset[str], before: frozenset[str], output: Path, taught: Taught) -> int:
    """Says of each whether any run met it, and returns how many none did."""
    met = {patient for _, report in ingests(output) for split in report.patients.values() for patient in split}
    met.update(*taught.values())
    for pseudonym in sorted(named):
        known = "in the data of former runs" if pseudonym in met else "in no run so far: check the id, issuer and site"
        again = ", withdrawn before" if pseudonym in before else ""
        print(f"withdrawn: {pseudonym} ({known}{again})")
    return len(named - met)


def _say_models(named: frozenset[str], output: Path, taught: Taught) -> None:
    from pipeline.metadata_database import output_database
    from pipeline.model_lineage import trained_models

    reports = {folder.name: report for folder, report in ingests(output)}
    lines, listed = [], set()
    for model in trained_models(output_database(output)):
        report = reports.get(model.examples.name)  # TFX names the outputs of one execution alike
        held = [split for split in _LEARNT if report and named & set(report.patients.get(split, ()))]
        if held:
            where = f"served as {model.served}" if model.served else "never served"
            lines.append(f"  {model.uri} ({where}; the patient is in {', '.join(held)})")
            listed.add(model.served)
    lines += [f"  {version} (served; by its own list of patients)" for version in taught if version not in listed]
    if lines:
        count = "1 model was" if len(lines) == 1 else f"{len(lines)} models were"
        print(f"{count} trained on the patient. A model cannot be made to forget; remove what must go:")
        print("\n".join(lines))
    else:
        print("No model that is recorded or served here was trained on the patient.")


def _purge(named: frozenset[str], output: Path) -> None:
    """Removes records of the patients, and all that may show them and does not say whom it shows."""
    held = held_of(named, output)
    others = remove_held(held, output)
    print(f"Removed: {len(held)} folders and files of cached records." if held else "There were no records to remove.")
    if others:
        print(f"Removed: {others} pages with pictures and leftovers of steps, which do not say whom they show.")


def _say_unrecorded(output: Path) -> None:
    """Says which runs left a report here and no record, as Kubeflow's do: where their records are is not known here."""
    from pipeline.metadata_database import output_database
    from pipeline.metadata_graph import read_graph

    recorded = {run.run_id for run in read_graph(output_database(output)).runs}
    reports = output / "reports"
    others = sorted(path.name for path in reports.iterdir() if path.name not in recorded) if reports.is_dir() else []
    if others:
        print(
            "Not looked at: the data of runs that left a report here and no record, as those on Kubeflow do. They may "
            "hold images of the patient. Remove by hand, below the runs' --root, the folders of"
        )
        print("\n".join(f"  {name}" for name in others))
