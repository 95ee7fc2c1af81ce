"""What a run says to the checklists' items: computed from what it has, and "not available" where it has nothing."""

from __future__ import annotations

from collections.abc import Callable

from data_schemas.model_files import TASK_FILE
from reports.checklists.items import Answer, Checklist
from reports.estimates import count, listed
from reports.report_data import ReportData

NOT_KEPT = {
    "background": "neither the task file nor the run has a clinical background",
    "design": "the task file does not say whether the data was collected before or after the question",
    "reference_rationale": "the task file does not say why this reference standard was chosen",
    "annotators": "the task file has no qualifications of those who labelled",
    "test_annotation": "the task file does not say how the test split was labelled apart from the rest",
    "agreement": "labels come without a second reader",
    "sample_size": "no sample size was calculated beforehand",
    "external_testing": "not part of a run: `radflow evaluate` judges the model on other data",
    "registration": "the task file names no registration",
    "availability": "the task file does not say whether model and data can be had",
    "funding": "the task file names no funding",
    "inequalities": "the task file names no known inequalities",
    "dates": "dates of examinations are not kept, for privacy",
    "treatments": "the manifest has no treatments",
    "blinding": "the task file does not say whether those who labelled were blinded",
    "conflicts": "the task file names no conflicts of interest",
    "data_sharing": "the task file does not say whether the data can be had",
    "involvement": "the task file names no part of patients or the public",
    "user_skills": "the task file does not say what users must know",
}
"""Items that nothing in a run can answer, and what is missing."""


def answer_of(key: str, data: ReportData) -> Answer:
    """Returns the answer to an item.

    Args:
        key: `Item.answer`.
        data: of the run.
    """
    if key in NOT_KEPT:
        return Answer("not available", NOT_KEPT[key])
    return ANSWERS[key](data)


def answered(checklist: Checklist, data: ReportData) -> list[tuple[str, str, Answer]]:
    """Returns number, topic and answer of each item."""
    return [(item.number, item.topic, answer_of(item.answer, data)) for item in checklist.items]


def _declared(text: str) -> Answer:
    return Answer("declared", text)


def _measured(has: object, where: str, missing: str) -> Answer:
    return Answer("measured", where) if has else Answer("not available", f"this run has no {missing}")


def _image_text(data: ReportData) -> str:
    task = data.description.task
    rows, columns = task.image.size
    return (
        f"{task.intensity.policy} intensities, longest side at most {task.image.max_side} pixels, "
        f"{rows} x {columns} for the network, normalization {task.image.normalization}"
    )


def _architecture(data: ReportData) -> Answer:
    task = data.description.task
    tuned = "; hyperparameters were searched for (Training)" if data.tuning is not None else ""
    return _declared(
        f"{task.model.backbone}, {len(task.labels.names)} outputs, {task.labels.type.replace('_', '-')}{tuned}"
    )


def _initialization(data: ReportData) -> Answer:
    weights = data.description.task.model.weights
    if isinstance(weights, str):
        return _declared(
            "random weights" if weights == "none" else f"pretrained weights ({weights.rsplit('/', 1)[-1]})"
        )
    return _declared(f"published weights, SHA-256 {weights.sha256}")


def _known(data: ReportData, *features: str) -> list[str]:
    found = {group.feature for group in data.groups if group.value != "unknown"}
    return [name.replace("_", " ") for name in features if name in found]


def _demographics(data: ReportData) -> Answer:
    known = _known(data, "sex", "age_group")
    return _measured(known, f"Data: {listed(known)} by split", "sex and no age of its patients")


def _acquisition(data: ReportData) -> Answer:
    known = _known(data, "manufacturer", "view", "modality")
    return _measured(
        known, f"Data: {listed(known)} by split; parameters of the exposure are not kept", "acquisition data"
    )


def _setting(data: ReportData) -> Answer:
    sites = {group.value for group in data.groups if group.feature == "site" and group.value != "unknown"}
    return _measured(sites, f"Data: {count(len(sites), 'site')}", "sites")


def _clusters(data: ReportData) -> Answer:
    """Says what is known of centres; whose scanner it was does not say where it stood."""
    keys = {name for key in (data.evaluation.slices if data.evaluation else {}) for name, _ in key}
    if "site" in keys and _known(data, "site"):
        return Answer("measured", "Groups: by site; the model itself does not know the site")
    else_known = "; groups by manufacturer say nothing of centres" if "manufacturer" in keys else ""
    return Answer("not available", f"this run has no groups by site{else_known}")


def _missing(data: ReportData) -> Answer:
    """Says what is done with values that are unknown: nothing is filled in, and the image stays."""
    if not data.groups:
        return Answer("not available", "this run has no image index")
    features = dict.fromkeys(group.feature for group in data.groups if group.value == "unknown")
    named = listed([name.replace("_", " ") for name in features if name != "label"])
    return Answer(
        "measured",
        f"Data and Groups: {f'{named} unknown of some images' if named else 'no value of an attribute is unknown'}. "
        "Nothing is filled in: such images stay, counted as unknown, and no group of Fairness has them",
    )


def _disjoint(data: ReportData) -> Answer:
    if data.ingest is None:
        return Answer("not available", "this run has no ingest report")
    return Answer("measured", f"by patient: {data.ingest.patients_in_two_splits()} patients are in two splits (Data)")


def _eligibility(data: ReportData) -> Answer:
    task = data.description.task
    rejected = "" if data.ingest is None else f"; {count(len(data.ingest.rejects), 'image')} rejected (Data)"
    views = f", views {', '.join(task.views)}" if task.views else ""
    return _declared(f"modalities {', '.join(task.modalities)}{views}{rejected}")


def _ethics(data: ReportData) -> Answer:
    consent = data.description.task.consent
    said = "consent is required" if consent == "required" else f"consent is waived: {consent.waived}"
    return _declared(f"{said.rstrip('.')}; no committee is named")


def _fairness(data: ReportData) -> Answer:
    gaps = data.evaluation.fairness.gaps if data.evaluation is not None else ()
    return _measured(
        gaps, f"Fairness: {count(len(gaps), 'gap')} between groups, and the gates", "two groups large enough"
    )


def _next_steps(data: ReportData) -> Answer:
    more = [gate for gate in data.gates or () if gate.more_patients is not None]
    return _measured(
        more, "Gates: about how many more patients would settle them", "gate that more patients would settle"
    )


def _limitations(data: ReportData) -> Answer:
    said = data.description.task.limitations
    return _declared(" ".join(said)) if said else Answer("not available", "the task file declares no limitations")


def _robustness(data: ReportData) -> Answer:
    return _measured(data.stress, "Stress tests", "stress test")


ANSWERS: dict[str, Callable[[ReportData], Answer]] = {
    "title": lambda data: _declared(
        f"{data.description.task.title}; a neural network ({data.description.task.model.backbone})"
    ),
    "abstract": lambda data: _measured(data.evaluation, "Summary, on the first screen", "evaluation to sum up"),
    "objectives": lambda data: _declared(
        f"development and evaluation of a model: {data.description.task.intended_use}"
    ),
    "goal": lambda data: _declared(data.description.task.intended_use),
    "intended_use": lambda data: _declared(f"{data.description.task.intended_use} {data.description.task.population}"),
    "data_sources": lambda data: _declared(data.description.task.population),
    "eligibility": _eligibility,
    "preprocessing": lambda data: _declared(_image_text(data)),
    "preparation": lambda data: _measured(data.data_check, "Data: checks and rejects", "data check"),
    "subsets": lambda data: _measured(data.ingest, "Data: the flow from the manifest to the splits", "ingest report"),
    "deidentification": lambda data: _measured(
        data.ingest,
        "images are named by keyed hashes alone; headers are not kept; pixels are as they were",
        "ingest report",
    ),
    "missing": _missing,
    "acquisition": _acquisition,
    "reference_standard": lambda data: _declared(data.description.task.reference_standard),
    "partitions": lambda data: _measured(
        data.ingest, "Data: patients and images by split, and what each is for", "ingest report"
    ),
    "disjoint": _disjoint,
    "architecture": _architecture,
    "software": lambda data: _measured(data.lineage, "Lineage: libraries and versions", "lineage"),
    "initialization": _initialization,
    "training": lambda data: _measured(data.history, "Training; the task file has every setting", "training history"),
    "selection": lambda data: _declared(f"the epoch with the best {data.description.task.training.monitor} on eval"),
    "ensemble": lambda _: _declared("none: one network"),
    "metrics": lambda data: _measured(data.evaluation, "Performance and Curves", "evaluation"),
    "uncertainty": lambda data: _measured(data.evaluation, "Performance: 95 % intervals over patients", "evaluation"),
    "robustness": _robustness,
    "explanations": lambda data: _measured(
        data.gallery or data.explanation_checks,
        "Explanations: heatmaps, and whether they depend on what was learnt",
        "explanations",
    ),
    "internal_testing": lambda data: _measured(data.evaluation, "Performance, on the test split", "evaluation"),
    "flow": lambda data: _measured(data.ingest, "Data: the flow from the manifest to the splits", "ingest report"),
    "demographics": _demographics,
    "performance_by_group": lambda data: _measured(
        data.evaluation, "Performance, Groups and Fairness, on the test split", "evaluation"
    ),
    "performance": lambda data: _measured(data.evaluation, "Performance: every metric with its interval", "evaluation"),
    "failures": lambda data: _measured(
        data.gallery or (data.evaluation and data.evaluation.overall.confusion),
        "Performance: wrong flags; Explanations: images of them",
        "cases to look at",
    ),
    "limitations": _limitations,
    "implications": lambda data: _declared(f"{data.description.task.intended_use} No use on patients"),
    "protocol": lambda _: _declared(f"the task file, kept with the model as {TASK_FILE}"),
    "setting": _setting,
    "predictors": lambda _: _declared("the pixels of one image, and nothing else"),
    "predictor_assessment": lambda _: _declared("pixels need no judgement"),
    "clusters": _clusters,
    "updating": lambda _: Answer("measured", "no update: nothing is fitted on the test split"),
    "predictions": lambda _: Answer("measured", "by the exported model's signature serving_default"),
    "imbalance": lambda data: _declared(
        f"class weights {data.description.task.training.class_weights.replace('_', ' ')}; calibration undoes them"
    ),
    "fairness": _fairness,
    "output": lambda _: Answer("measured", "What a score means: probabilities, operating points and their rules"),
    "differences": lambda data: _measured(data.groups, "Data: labels and groups by split", "image index"),
    "ethics": _ethics,
    "code_sharing": lambda data: _measured(
        data.lineage, "Lineage: digests of the code, which is under the Apache License 2.0", "lineage"
    ),
    "events": lambda data: _measured(data.ingest, "Data: images by label and split", "ingest report"),
    "model_specification": lambda _: Answer(
        "measured", "the exported model describes itself; metadata.json has its inputs and outputs"
    ),
    "interpretation": lambda data: _measured(data.evaluation, "Summary and Fairness", "evaluation"),
    "poor_input": lambda data: _measured(
        data.scope,
        "Out of scope: unusual images and headers are flagged; what cannot be decoded is rejected",
        "check on test images",
    ),
    "next_steps": _next_steps,
}
"""Answer by its key."""
