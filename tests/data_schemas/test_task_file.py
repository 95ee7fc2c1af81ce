"""Tasks from YAML: what is wrong is said with its line, all at once."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import pytest

from data_schemas.errors import TaskError
from data_schemas.task_file import (
    load_task,
    parse_task,
    records_json,
    shipped_tasks,
    task_from_json,
    task_to_json,
    transform_json,
)

DEMO = (importlib.resources.files("data_schemas") / "tasks" / "synthetic_chest.yaml").read_text()


def _line_of(text: str) -> int:
    return next(number for number, line in enumerate(DEMO.splitlines(), 1) if text in line)


@pytest.mark.parametrize("name", shipped_tasks())
def test_a_shipped_task_survives_the_round_trip_through_json(name: str) -> None:
    task = load_task(name)
    assert task.name == name
    assert task_from_json(task_to_json(task)) == task


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("max_side", "max_sid", "image.max_sid: unknown key; did you mean 'max_side'?"),
        ("title:", "titel:", "titel: unknown key; did you mean 'title'?"),
        ("no_finding: normal", "no_finding: norml", "no_finding 'norml' is not one of names: normal, nodule, cavity"),
        ("[normal, nodule, cavity]", "[normal, nodule, nodule]", "labels stand more than once: nodule"),
        ("batch_size: 16", "batch_size: many", "training.batch_size: Input should be a valid integer"),
        ("batch_size: 16", "batch_size: 0", "greater than or equal to 1 (it is 0)"),
        ("epochs: ", "epoch: ", "training.frozen_epoch: unknown key; did you mean 'frozen_epochs'?"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_its_mend(old: str, new: str, said: str) -> None:
    with pytest.raises(TaskError) as caught:
        parse_task(DEMO.replace(old, new))
    assert said in str(caught.value)
    section = "labels:" if "label" in said or "no_finding" in said else old
    assert f"line {_line_of(section)}: " in str(caught.value)


def test_every_mistake_is_listed_at_once() -> None:
    wrong = DEMO.replace("max_side", "max_sid").replace("title:", "titel:").replace("batch_size: 16", "batch_size: 0")
    with pytest.raises(TaskError) as caught:
        parse_task(wrong)
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("{name: x, metric: auroc, min: 1.5}", "min is 1.5; auroc lies in 0..1"),
        ("{name: x, metric: auroc}", "has no bound; give min, max, both, or max_drop alone"),
        ("{name: x, metric: auroc, min: 0.5, max_drop: 0.9}", "has min and max_drop"),
        ("{name: x, metric: auroc, finding: lump, min: 0.5}", "finding 'lump' is not one of"),
        ("{name: x, metric: auroc, min: 0.5, slice: {ward: '3'}}", "slice by ward is not one of the task's `slices`"),
        ("{name: x, metric: beauty, min: 0.5}", "Input should be 'auroc'"),
    ],
)
def test_an_impossible_gate_is_refused(gate: str, said: str) -> None:
    start, end = DEMO.index("gates:"), DEMO.index("model:")
    with pytest.raises(TaskError) as caught:
        parse_task(f"{DEMO[:start]}gates:\n  - {gate}\n{DEMO[end:]}")
    assert said in str(caught.value)


def _with_gates(*lines: str) -> str:
    start, end = DEMO.index("gates:"), DEMO.index("model:")
    return "\n".join([f"{DEMO[:start]}gates:", *(f"  {line}" for line in lines), DEMO[end:]])


def test_values_that_are_wrong_and_values_that_clash_are_listed_at_once_each_with_its_own_line() -> None:
    text = _with_gates(
        "- {name: lump, metric: auroc, finding: lump, min: 0.5}",
        "- name: twice wrong",
        "  metric: auroc",
        "  gap: site",
        "  max: 0.3",
        "- name: unheard of",
        "  metric: beauty",
        "- name: lump",
        "  metric: auroc",
        "  min: 0.9",
        "  max: 0.8",
        "- 7",
    ).replace("batch_size: 16", "batch_size: many")
    with pytest.raises(TaskError) as caught:
        parse_task(text)
    first = text[: text.index("gates:")].count("\n") + 1
    expected = [
        (first + 1, "gates.0.finding: gate 'lump': finding 'lump' is not one of nodule, cavity"),
        (first + 4, "gates.1.gap: gate 'twice wrong': a fairness gate must say what happens"),
        (first + 4, "gates.1.gap: gate 'twice wrong': gap by site is not one of the task's `slices`"),
        (first + 6, "gates.2.name: gate 'unheard of': has no bound"),
        (first + 7, "gates.2.metric: Input should be 'auroc'"),
        (first + 8, "gates.3.name: gate 'lump' stands more than once"),
        (first + 10, "gates.3.min: gate 'lump': min 0.9 is not below max 0.8"),
        (first + 12, "gates.4: Input should be a valid dictionary"),
        (text[: text.index("batch_size")].count("\n") + 1, "training.batch_size: Input should be a valid integer"),
    ]
    assert len(caught.value.problems) == len(expected)
    for problem, (line, said) in zip(caught.value.problems, expected, strict=True):
        assert problem.startswith(f"line {line}: {said}")


def test_nothing_is_said_that_rests_on_what_is_wrong_itself() -> None:
    """Whether `lump` is a finding, a drop goes with `beauty`, and `ward` is a slice, nobody knows here."""
    text = _with_gates("- {name: a, metric: beauty, finding: lump, max_drop: 0.1, slice: {ward: x}}")
    text = text.replace("[normal, nodule, cavity]", "[normal, normal]").replace("- [view]", "- []")
    with pytest.raises(TaskError) as caught:
        parse_task(text)
    said = [problem.split(": ", 2)[1] for problem in caught.value.problems]
    assert said == ["labels", "slices", "gates.0.metric", "gates.0.slice"]
    assert "max_drop is overall; remove `slice`" in str(caught.value)


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("{metric: auroc, min: 0}", "min 0 refuses no model: auroc lies in 0..1; ask for more, or remove the gate"),
        ("{metric: ece, max: 1}", "max 1 refuses no model: ece lies in 0..1"),
        ("{metric: auroc, min: 0, max: 1}", "min 0 and max 1 refuse no model"),
        ("{metric: auroc, max_drop: 1}", "max_drop 1 refuses no model"),
        ("{metric: auroc, gap: sex, max: 1, undecided: report}", "max 1 refuses no model: gap in auroc lies in 0..1"),
        ("{metric: log_loss, min: 0}", "min 0 refuses no model: log_loss lies in 0 and above"),
        ("{metric: auroc, min: 0.6, slice: {sex: X}}", "no image has sex 'X'; it is one of F, M, O, unknown"),
        ("{metric: auroc, min: 0.6, slice: {age_group: 40-65}}", "one of 0-17, 18-39, 40-64, 65+, unknown"),
        ("{metric: auroc, min: 0.6, slice: {view: LL}}", "no image has view 'LL'; it is one of PA, AP, unknown"),
        ("{metric: auroc, min: 0.6, slice: {manufacturer: acme}}", "kept in upper case; write 'ACME'"),
        ("{metric: auroc, gap: sex, max: 0.1, not_assessable: ' '}", "not_assessable: is blank; write something"),
        ("{metric: auroc, min: 0.6, not_assessable: no sex}", "the whole test split can be judged: remove it"),
    ],
)
def test_a_gate_that_could_refuse_no_model_or_is_of_nobody_is_refused(gate: str, said: str) -> None:
    with pytest.raises(TaskError) as caught:
        parse_task(_with_gates(f"- {{name: x, {gate[1:]}"))
    assert said in str(caught.value) and len(caught.value.problems) == 1


def test_a_gap_between_groups_of_which_there_is_one_is_refused() -> None:
    text = _with_gates("- {name: x, metric: auroc, gap: view, max: 0.1, undecided: report}")
    with pytest.raises(TaskError, match="the task has no view but 'PA', so there is no gap"):
        parse_task(text.replace("views: [PA, AP]", "views: [PA]"))


@pytest.mark.parametrize(
    "gate",
    [
        "{metric: auroc, min: 0.6, max: 1}",
        "{metric: auroc, max_drop: 0}",
        "{metric: mcc, min: 0}",
        "{metric: mcc, max_drop: 1}",
        "{metric: auroc, min: 0.6, slice: {sex: unknown}}",
        "{metric: auroc, min: 0.6, slice: {age_group: 65+}}",
        "{metric: auroc, min: 0.6, slice: {manufacturer: unknown}}",
        "{metric: auroc, min: 0.6, slice: {sex: F}, not_assessable: no sex}",
    ],
)
def test_a_gate_that_asks_for_something_is_taken(gate: str) -> None:
    assert parse_task(_with_gates(f"- {{name: x, {gate[1:]}")).gates[0].name == "x"


def test_what_a_model_says_of_its_task_is_read_whatever_its_gates_ask_for() -> None:
    text = task_to_json(load_task("synthetic_chest")).replace('"min":0.85', '"min":0.0')
    assert task_from_json(text).gates[0].min == 0


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(TaskError, match=r"'name' stands twice"):
        parse_task(f"{DEMO}\nname: again\n")


def test_text_that_is_not_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(TaskError, match=r"line 3: this is not YAML"):
        parse_task("name: x\nlabels: [a, b\ntitle: y\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\ntitle: a\x07b\n", "line 2: this is not YAML: the character #x0007; remove it"),
        ("name: x\ntitle: !!python/name:os.system\n", "line 2: this is not YAML: could not determine a constructor"),
        (f"name: {'[' * 5000}{']' * 5000}\n", "this is nested too deeply"),
        ("name: x\ntitle: 2024-13-45\n", "a value is not what its form or tag promises (month must be in 1..12)"),
        ("name: !!int many\n", "a value is not what its form or tag promises"),
        ("name: !!bool many\n", "a value is not what its form or tag promises"),
        ("name: !!timestamp many\n", "a value is not what its form or tag promises"),
    ],
    ids=["control character", "tag", "nesting", "date", "int", "bool", "timestamp"],
)
def test_yaml_that_cannot_be_loaded_is_refused(text: str, said: str) -> None:
    with pytest.raises(TaskError) as caught:
        parse_task(text)
    assert said in str(caught.value)


def test_an_alias_to_what_it_stands_in_is_refused_with_its_line() -> None:
    text = f"{DEMO}\nviews: &again [*again]\n".replace("views: [PA, AP]\n", "")
    with pytest.raises(TaskError, match=rf"line {len(text.splitlines())}: views\.0: "):
        parse_task(text)


def test_aliases_that_double_at_each_level_do_not_hold_a_task_up() -> None:
    doubled = "".join(f"  - &a{level} [*a{level - 1}, *a{level - 1}]\n" for level in range(1, 60))
    with pytest.raises(TaskError, match=r"aliases: unknown key"):
        parse_task(f"aliases:\n  - &a0 [x]\n{doubled}{DEMO}")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_yaml_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(TaskError, match=r"line 1: "):
        parse_task(text)


def test_splits_must_sum_to_one() -> None:
    wrong = f"{DEMO}\nsplits: {{train: 0.5, eval: 0.1, calibration: 0.1, test: 0.1}}\n"
    with pytest.raises(TaskError, match=r"the shares sum to 0\.8; they must sum to 1"):
        parse_task(wrong)


def test_a_task_outside_the_repository_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(DEMO.replace("name: synthetic_chest", "name: mine"))
    assert load_task(str(tmp_path / "mine.yaml")).name == "mine"


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("name: x\ntitle: Thoraxröntgen\n".encode("latin-1"))
    with pytest.raises(
        TaskError, match=r"latin\.yaml: 1 problem\n  - line 2: this is not UTF-8 text; save the file as UTF-8"
    ):
        load_task(str(tmp_path / "latin.yaml"))


def test_a_byte_order_mark_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "mark.yaml").write_text(DEMO, encoding="utf-8-sig")
    assert load_task(str(tmp_path / "mark.yaml")) == load_task("synthetic_chest")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "mine.yaml").write_text(DEMO)
    monkeypatch.setattr(Path, "read_bytes", refuse)  # root, who runs tests in containers, may read any file
    monkeypatch.setattr(Path, "read_text", lambda path, **_: refuse(path))
    with pytest.raises(TaskError, match=r"mine\.yaml: 1 problem\n  - it cannot be read \(Permission denied\)"):
        load_task(str(tmp_path / "mine.yaml"))


def test_a_name_too_long_for_a_file_is_refused() -> None:
    with pytest.raises(TaskError, match=r"it cannot be read \(File name too long\)"):
        load_task("x" * 5000)


def test_an_unknown_task_lists_those_that_ship() -> None:
    with pytest.raises(TaskError, match=r"shipped tasks: .*chest_xray_pneumonia"):
        load_task("no_such_task")


@pytest.mark.parametrize("name", shipped_tasks())
def test_what_decides_nothing_about_records_leaves_their_json_alone(name: str) -> None:
    task = load_task(name)
    training = task.training.model_copy(update={"learning_rate": 0.123})
    gates = (task.gates[0].model_copy(update={"min": 0.123}),)
    other = task.model_copy(update={"training": training, "gates": gates, "title": "another"})
    assert records_json(other) == records_json(task)
    assert task_from_json(records_json(task)).labels == task.labels


def test_what_decides_about_records_changes_their_json() -> None:
    task = load_task("synthetic_chest")
    for part in (
        {"image": task.image.model_copy(update={"max_side": 99})},
        {"image": task.image.model_copy(update={"frame": "every"})},
        {"image": task.image.model_copy(update={"crop": "border"})},
        {"accepts_for_processing": True},
        {"splits": task.splits.model_copy(update={"salt": "other"})},
        {"slices": (("ward",),)},
        {"name": "another"},
    ):
        assert records_json(task.model_copy(update=part)) != records_json(task)


def test_the_input_size_is_the_graphs_and_not_the_records() -> None:
    task = load_task("synthetic_chest")
    larger = task.model_copy(update={"image": task.image.model_copy(update={"size": (256, 256)})})
    assert records_json(larger) == records_json(task)
    assert transform_json(larger) != transform_json(task)


@pytest.mark.parametrize("name", shipped_tasks())
def test_what_decides_nothing_about_the_graph_leaves_its_json_alone(name: str) -> None:
    task = load_task(name)
    training = task.training.model_copy(update={"learning_rate": 0.123})
    gates = (task.gates[0].model_copy(update={"min": 0.123}),)
    model = task.model.model_copy(update={"dropout": 0.5})
    other = task.model_copy(update={"training": training, "gates": gates, "model": model, "title": "another"})
    assert transform_json(other) == transform_json(task)
    assert task_from_json(transform_json(task)).image == task.image


def test_the_normalization_is_the_graphs_and_not_the_records() -> None:
    task = load_task("synthetic_chest")
    other = task.model_copy(update={"image": task.image.model_copy(update={"normalization": "standardized"})})
    assert records_json(other) == records_json(task)
    assert transform_json(other) != transform_json(task)
    assert task_from_json(transform_json(other)).image.normalization == "standardized"


@pytest.mark.parametrize("column", ["patient_id", "file", "study_id", "consent", "label", "nodule"])
def test_a_slice_by_an_identifier_or_the_label_is_refused(column: str) -> None:
    with pytest.raises(TaskError, match=f"slices by {column}: a slice's values are copied into every record"):
        parse_task(DEMO.replace("  - [view]", f"  - [{column}]"))
