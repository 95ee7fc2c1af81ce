"""The stress test in a report: the words follow from the numbers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from data_schemas.stress_results import AttributeProbe, FindingStress, Interval, StressResults, StressRow
from reports.page import Table, Tag, Verdict, render_sections
from reports.stress import stress_sections, stress_svg


def _finding(value: float | None, lower: float | None, upper: float | None, *, flags: float = 0.02) -> FindingStress:
    return FindingStress(
        auroc=Interval(value=None if value is None else 0.95 + value, patients=60),
        auroc_difference=Interval(value=value, lower=lower, upper=upper, patients=60),
        score_change=0.031,
        flag_changed=flags,
    )


def _row(name: str, kind: Any, level: str, *findings: FindingStress, changed: int = 80) -> StressRow:
    named = dict(zip(("nodule", "cavity"), findings, strict=True))
    return StressRow(name=name, kind=kind, level=level, images_changed=changed, findings=named)


STEADY = _finding(0.001, -0.01, 0.012)
UNCHANGED = _finding(0.0, 0.0, 0.0, flags=0.0)
PROBES = (
    AttributeProbe(attribute="sex", auroc=Interval(value=0.8, lower=0.7, upper=0.88), patients=60, note="w against m"),
    AttributeProbe(attribute="age", auroc=Interval(value=None), patients=9, note="not enough patients: 5 and 4"),
)


def _results(*rows: StressRow, before: float | None = 0.95, probes: tuple[AttributeProbe, ...] = PROBES) -> Any:
    return StressResults(
        patients=60,
        images=80,
        test_patients=60,
        test_images=80,
        sampling="All 80 images of the 60 patients of the test split.",
        unperturbed=dict.fromkeys(("nodule", "cavity"), Interval(value=before, patients=60)),
        rows=rows,
        probes=probes,
    )


CORNERS = _row("corners", "shortcut", "20% of each side", STEADY, STEADY)
TEXT = _row("burned-in text", "shortcut", "every line found", UNCHANGED, UNCHANGED, changed=0)
BLUR = _row("blur", "shift", "0.5% of the side", _finding(-0.06, -0.1, -0.01), STEADY)
MORE_BLUR = _row("blur", "shift", "1.0% of the side", STEADY, _finding(-0.2, -0.3, -0.1, flags=0.3))
NOISE = _row("noise", "shift", "10% of the range shown", _finding(-0.3, -0.7, 0.05), STEADY)


def _verdict(*rows: StressRow, **changes: Any) -> Verdict:
    found = stress_sections(_results(*rows, **changes))[0]
    assert isinstance(found, Verdict)
    return found


def test_no_shortcut_is_seen_where_no_ablation_moves_anything() -> None:
    found = _verdict(CORNERS, TEXT, BLUR)
    assert (found.word, found.tone) == ("Stress test: no shortcut seen", "good")
    assert "lowers no AUROC by 0.05 or more" in found.text
    assert "Nothing to mask was found for: burned-in text." in found.text
    assert "All 80 images" in found.text


def test_an_ablation_that_lowers_auroc_is_a_suspicion_with_its_number() -> None:
    found = _verdict(_row("corners", "shortcut", "20%", STEADY, _finding(-0.31, -0.4, -0.2, flags=0.25)), TEXT)
    assert (found.word, found.tone) == ("Stress test: what is masked matters", "warn")
    assert "corners (20%): -0.310 for cavity, 25% of flags change" in found.text


def test_flags_alone_are_a_suspicion_too() -> None:
    found = _verdict(_row("border", "shortcut", "outer 5%", STEADY, _finding(0.0, -0.01, 0.01, flags=0.4)))
    assert found.tone == "warn" and "border (outer 5%): 40% of flags change" in found.text


def test_what_the_data_cannot_exclude_is_said() -> None:
    found = _verdict(_row("corners", "shortcut", "10%", STEADY, _finding(0.0, -0.17, 0.17)))
    assert (found.word, found.tone) == ("Stress test: no shortcut seen", "warn")
    assert "the data cannot exclude a fall of 0.17 (corners, 10%)" in found.text


def test_where_all_draws_agree_the_number_of_patients_is_no_suspicion_but_said() -> None:
    note = "all draws of patients agree; 60 patients do not exclude that up to 6.0 % of all are otherwise"
    agreed = STEADY.model_copy(
        update={"auroc_difference": Interval(value=0.0, lower=-0.06, upper=0.06, patients=60, note=note)}
    )
    found = _verdict(_row("corners", "shortcut", "10%", STEADY, agreed))
    assert found.tone == "good" and "cannot exclude a fall" not in found.text
    assert (
        "Some changes leave the AUROC of each draw of patients as it is, e.g. corners (10%); 60 patients do not exclude"
    ) in found.text
    table = stress_sections(_results(_row("corners", "shortcut", "10%", STEADY, agreed)))[2]
    assert table.rows[0][4] == "+0.000 [-0.060, +0.060], all draws of patients agree"


def test_the_shifts_that_move_most_come_first_one_level_each_and_uncertain_ones_not() -> None:
    jpeg = _row("JPEG", "shift", "quality 10", _finding(-0.1, -0.2, -0.05), STEADY)
    found = _verdict(CORNERS, BLUR, jpeg, MORE_BLUR, NOISE)
    assert (
        "these lower AUROC most: blur (1.0% of the side): -0.200 for cavity, 30% of flags change; "
        "JPEG (quality 10): -0.100 for nodule, 2% of flags change." in found.text
    )
    assert "0.5%" not in found.text and "noise" not in found.text
    assert "No shift lowers an AUROC by 0.05 or more" in _verdict(CORNERS, NOISE).text


def test_too_few_patients_are_told_and_the_table_still_has_scores() -> None:
    nothing = _finding(None, None, None)
    sections = stress_sections(_results(_row("blur", "shift", "1%", nothing, nothing), before=None))
    assert sections[0].word == "Stress test: too few patients"
    assert sections[2].rows[0] == [
        "blur, 1%", 80, "-", "too few patients", "too few patients", "0.031", "2.0%",
    ]  # fmt: skip


def test_the_table_names_the_finding_that_falls_most() -> None:
    table = stress_sections(_results(MORE_BLUR, CORNERS, TEXT))[2]
    assert isinstance(table, Table)
    assert table.rows[0] == [
        "blur, 1.0% of the side", 80, "cavity", "0.750", Tag("-0.200 [-0.300, -0.100]", "warn"), "0.031", "30.0%",
    ]  # fmt: skip
    assert table.rows[2] == ["burned-in text, every line found", 0, "-", "-", "nothing was changed", "0.031", "0.0%"]
    assert table.rows[1][4] == "+0.001 [-0.010, +0.012]"


def test_the_probes_say_what_can_be_read_and_why_not() -> None:
    table = stress_sections(_results(CORNERS))[3]
    assert table.rows[0] == ["sex", 60, "0.800 [0.700, 0.880]", Tag("yes", "warn"), "w against m"]
    assert table.rows[1] == ["age", 9, "-", "not assessed", "not enough patients: 5 and 4"]


@pytest.mark.parametrize("findings", [1, 2, 4, 14])
def test_the_plot_has_every_change_for_any_number_of_findings(findings: int) -> None:
    names = [f"finding {index}" for index in range(findings)]
    row = StressRow(name="blur", kind="shift", level="1%", images_changed=1, findings=dict.fromkeys(names, STEADY))
    results = _results(CORNERS).model_copy(
        update={"rows": (row, row), "unperturbed": dict.fromkeys(names, Interval(value=0.9))}
    )
    drawn = stress_svg(results)
    assert drawn.count("blur, 1%") == 2 and drawn == stress_svg(results)
    assert ("finding 0" in drawn) == (findings <= 4)
    assert len(stress_sections(results)) == 4


def test_the_sections_make_a_page_with_everything_in_it() -> None:
    text = re.sub(r"<[^>]*>", " ", render_sections(stress_sections(_results(CORNERS, TEXT, BLUR))))
    for words in ("What moves the scores", "change by change", "features tell of the patient", "0.5% of the side"):
        assert words in text
