"""The report's first screen: what the model is for, how good it is, for whom not, and what was decided and why."""

from __future__ import annotations

from collections.abc import Sequence

from data_schemas.metrics import metric_name
from evaluation.fairness import Gap
from evaluation.gate_results import GateResult
from evaluation.intervals import Estimate
from evaluation.summary import Summary
from reports.estimates import count, listed, number, out_of_a_hundred, slice_name, with_interval
from reports.page import Points, Section, Verdict
from reports.report_data import ReportData

RESEARCH_ONLY = (
    "Research software, not a medical device: nothing in this report allows the model to be used on patients."
)
SIGNIFICANT = 0.05
"""A p value below it, corrected for the number of gaps, is a disparity."""
_ALL_ASSESSED = (
    "No gate is declared not assessable, every attribute is known of some images, and every group has enough test "
    "patients for an AUROC."
)
_MOST_FINDINGS = 4
_MOST_GROUPS = 8


def summary(data: ReportData) -> tuple[Section, ...]:
    """Returns the verdict and what follows from it in sentences, all of it from the numbers and the task."""
    task = data.description.task
    points = [
        ("Not a medical device", [RESEARCH_ONLY]),
        ("What it is for", [task.intended_use]),
        ("How good it is", how_good(data)),
        ("Whether its scores are probabilities", calibrated(data)),
        ("For whom not", for_whom_not(data)),
        ("Differences between groups", disparities(data)),
        ("What could not be assessed", not_assessable(data)),
        ("Earlier looks", [looks(data)]),
    ]
    return verdict(data), Points([(name, said) for name, said in points if said])


def verdict(data: ReportData) -> Verdict:
    """Returns whether the model passed, and why or why not."""
    gates = data.gates or ()
    if data.blessed is None:
        return Verdict("Not judged", "This run has no verdict of the Evaluator.", "warn")
    if not data.blessed:
        failed = [f"{gate.name}, {gate.verdict}: {gate.reason}." for gate in gates if not gate.passed]
        why = f"{count(len(failed), 'gate')} of {len(gates)} refused it." if failed else "Thresholds were not met."
        return Verdict("Refused", f"The model must not be served. {why}", "bad", failed)
    if data.canary is not None and not data.canary.blessed:
        return Verdict("Refused", f"All gates were met, but the model does not serve: {data.canary.reason}.", "bad")
    open_gates = [gate for gate in gates if gate.verdict in ("undecided", "not_assessable")]
    said = _passed_text(gates)
    if open_gates:
        return Verdict("Passed, with open questions", said, "warn")
    return Verdict("Passed", said, "good")


def _passed_text(gates: Sequence[GateResult]) -> str:
    if not gates:
        return "The Evaluator let the model pass; by which gates is not available in this run."
    met = sum(gate.verdict == "met" for gate in gates)
    parts = [f"{met} of {count(len(gates), 'gate')} met"]
    for kind, word in (("undecided", "undecided"), ("not_assessable", "not assessable"), ("not_compared", "")):
        named = [gate.name for gate in gates if gate.verdict == kind]
        if named and word:
            parts.append(f"{word}: {listed(named)}")
        elif named:
            parts.append(f"nothing is served yet to compare with ({listed(named)})")
    return f"The model may be served where the task says: {'; '.join(parts)}."


def how_good(data: ReportData) -> list[str]:
    """Returns a sentence for each finding in the task's order, of many for the weakest alone."""
    if data.evaluation is None:
        return ["This run has no evaluation on the test split."]
    overall, unit = data.evaluation.overall, data.evaluation.unit
    plural = "studies" if unit == "study" else "images"
    said = [f"Judged on {overall.examples} {plural} of {count(overall.patients, 'patient')} it was not trained on:"]
    weakest = sorted(overall.findings, key=lambda name: overall.findings[name]["auroc"].value or 0.0)[:_MOST_FINDINGS]
    declared = data.description.deployment_prevalence or {}
    shown = [name for name in data.description.task.labels.findings if name in weakest]
    said += [_finding_sentence(overall, one, plural, declared.get(one)) for one in shown]
    if len(overall.findings) > _MOST_FINDINGS:
        said.append(f"These have the lowest AUROC of {len(overall.findings)} findings; the others are below.")
    said.append("In brackets: where the value lies with 95 % confidence, by how many patients there were.")
    return said


def _finding_sentence(overall: Summary, finding: str, plural: str, declared: float | None) -> str:
    """Returns what a finding's metrics mean for a hundred cases; `declared` is the prevalence that PPV holds at."""
    metrics = overall.findings[finding]
    found, auroc = metrics["sensitivity"], metrics["auroc"]
    if found.value is None:
        return f"{finding}: nothing can be said ({found.note or 'no case of it'})."
    false_alarms = _complement(metrics["specificity"])
    sentence = (
        f"{finding}: of {plural} that show it, {out_of_a_hundred(found)} are flagged; of those that do not, "
        f"{out_of_a_hundred(false_alarms)} are flagged wrongly. AUROC {number(auroc.value)}"
    )
    limits = "" if auroc.lower is None or auroc.upper is None else f" ({auroc.lower:.3f} to {auroc.upper:.3f})"
    right = metrics["ppv"]
    share = metrics["prevalence"].value if declared is None else declared
    if right.value is None or share is None:
        return f"{sentence}{limits}."
    where = "on the test split" if declared is None else "as the task declares for deployment"
    return f"{sentence}{limits}. Where {share:.1%} have it, {where}, {out_of_a_hundred(right)} flags are right."


def _complement(rate: Estimate) -> Estimate:
    lower = None if rate.upper is None else 1 - rate.upper
    upper = None if rate.lower is None else 1 - rate.lower
    return Estimate(None if rate.value is None else 1 - rate.value, lower, upper, rate.patients, rate.note)


def for_whom_not(data: ReportData) -> list[str]:
    """Returns for whom the model was not made, and for which groups it was not shown to work."""
    task = data.description.task
    said = [f"Images other than {', '.join(task.modalities)}{_views(task.views)} are out of scope."]
    if task.decisions.age_range is not None:
        young, old = task.decisions.age_range
        said.append(f"Patients below {young:g} or above {old:g} years are out of scope.")
    said.append(f"It was made from: {task.population}")
    open_gates = [gate for gate in data.gates or () if gate.verdict in ("unmet", "undecided")]
    groups = [f"{gate.name} ({gate.verdict})" for gate in open_gates if gate.slice or gate.gap]
    if groups:
        said.append(f"It was not shown to be alike, or good enough, for all groups: {listed(groups)}.")
    return [*said, *task.limitations]


def calibrated(data: ReportData) -> list[str]:
    """Returns, in a line, which findings' probabilities are too extreme or too timid, or how far they may be."""
    if data.evaluation is None:
        return []
    found = {name: metrics["calibration_slope"] for name, metrics in data.evaluation.overall.findings.items()}
    wrong = [f"{name} {with_interval(one)}, {_slope(one)}" for name, one in found.items() if _leaves_out(one, 1.0)]
    if wrong:
        return [f"Poor calibration slope (1 is right): {_cut(wrong)}."]
    known = {name: one for name, one in found.items() if one.value is not None and one.limits is not None}
    if not known:
        return [f"No calibration slope can be told: {next(iter(found.values())).note or 'not defined'}."]
    name = max(known, key=lambda key: max(abs(end - 1.0) for end in known[key].limits or ()))
    least = f"the least sure is that of {name}, {with_interval(known[name])}"
    return [f"No calibration slope (1 is right) differs from 1 with confidence; {least}."]


def _slope(one: Estimate) -> str:
    too_extreme = one.value is not None and one.value < 1
    return "its probabilities are too extreme" if too_extreme else "its probabilities are too near to each other"


def _leaves_out(one: Estimate, value: float) -> bool:
    return one.limits is not None and not one.limits[0] <= value <= one.limits[1]


def disparities(data: ReportData) -> list[str]:
    """Returns, in a line, where groups differ by more than chance, or what the data cannot exclude."""
    if data.evaluation is None:
        return []
    gaps = data.evaluation.fairness.gaps
    if not gaps:
        return ["None could be looked for: no attribute has two groups with enough test patients."]
    found = sorted((gap for gap in gaps if is_disparity(gap)), key=lambda gap: gap.p_holm or 0.0)
    if found:
        return [f"More than chance: {_cut([_gap_text(gap) for gap in found])}."]
    widest = max(gaps, key=lambda gap: gap.gap.upper or 0.0)
    return [f"None is more than chance, which does not prove that there is none: not excluded is {_gap_text(widest)}."]


def is_disparity(gap: Gap) -> bool:
    """Whether groups differ by more than chance, all gaps that were looked at considered."""
    return gap.p_holm is not None and gap.p_holm < SIGNIFICANT


def _gap_text(gap: Gap) -> str:
    at_most = "" if gap.gap.upper is None else f", at most {number(gap.gap.upper)}"
    worst = f" ({gap.worst} fares worst)" if gap.worst and is_disparity(gap) else ""
    by = gap.attribute.replace("_", " ")
    return f"{metric_name(gap.metric)} of {gap.finding} by {by}{worst}: {number(gap.gap.value)}{at_most}"


def _cut(said: Sequence[str]) -> str:
    """Returns the first of many; the chapters have all."""
    more = f"; and {len(said) - _MOST_GROUPS} more" if len(said) > _MOST_GROUPS else ""
    return "; ".join(said[:_MOST_GROUPS]) + more


def _views(views: tuple[str, ...]) -> str:
    return f" in the views {', '.join(views)}" if views else ""


def small_groups(data: ReportData) -> list[str]:
    """Returns groups, with their patients, of which no AUROC can be told for any finding."""
    if data.evaluation is None:
        return []
    return [
        f"{slice_name(key)} ({one.patients})"
        for key, one in sorted(data.evaluation.slices.items())
        if len(key) == 1 and all(metrics["auroc"].value is None for metrics in one.findings.values())
    ]


def half_told_groups(data: ReportData) -> list[str]:
    """Returns groups of which an AUROC can be told for some findings and not for others."""
    found = []
    for key, one in sorted(data.evaluation.slices.items()) if data.evaluation is not None else ():
        without = [name for name, metrics in one.findings.items() if metrics["auroc"].value is None]
        if len(key) == 1 and 0 < len(without) < len(one.findings):
            found.append(f"{slice_name(key)} ({one.patients}) for {listed(without)}")
    return found


def not_assessable(data: ReportData) -> list[str]:
    """Returns what the data cannot answer: by the task's gates, for want of an attribute, for want of patients."""
    said = [f"{gate.name}: {gate.reason}" for gate in data.gates or () if gate.verdict == "not_assessable"]
    said += [f"{name}: not known of any image." for name in unknown_attributes(data)]
    small = [*small_groups(data), *half_told_groups(data)]
    if small:
        said.append(f"Groups with too few test patients (in brackets) to be judged: {_cut(small)}.")
    if not said and (data.gates is None or not data.groups or data.evaluation is None):
        return ["This run does not say."]
    return said or [_ALL_ASSESSED]


def unknown_attributes(data: ReportData) -> list[str]:
    """Returns attributes of which no image has a value."""
    values: dict[str, set[str]] = {}
    for group in data.groups:
        values.setdefault(group.feature, set()).add(group.value)
    return [name.replace("_", " ") for name, found in values.items() if found == {"unknown"} and name != "label"]


def looks(data: ReportData) -> str:
    """Returns how often models were judged on this test split before."""
    if data.evaluation is None:
        return "Nothing was judged on the test split."
    times = data.evaluation.looks
    if not times:
        return "No other model was judged on this test split before this one."
    return (
        f"{count(times, 'other model')} {'was' if times == 1 else 'were'} judged before on at least half of these test "
        "patients, by runs in this output folder: each is one look, however often it was judged. The more looks, the "
        "likelier a good result is chance."
    )
