"""How often a test split was looked at: by other models, and as long as it is much the same split."""

from __future__ import annotations

from pathlib import Path

from components.evaluator.looks import earlier_looks, note_look

FOUR = {"a", "b", "c", "d"}


def test_nobody_has_looked_yet(tmp_path: Path) -> None:
    assert earlier_looks(tmp_path / "none.jsonl", patients=FOUR, model="one") == 0


def test_a_model_that_is_judged_twice_has_looked_once(tmp_path: Path) -> None:
    ledger = tmp_path / "looks" / "toy.jsonl"
    for model in ("one", "one", "two"):
        note_look(ledger, patients=FOUR, model=model)
    assert [earlier_looks(ledger, patients=FOUR, model=model) for model in ("one", "two", "three")] == [1, 1, 2]


def test_half_of_the_present_patients_make_it_the_same_split(tmp_path: Path) -> None:
    note_look(tmp_path / "looks.jsonl", patients={"a", "b", "x"}, model="half")
    note_look(tmp_path / "looks.jsonl", patients={"a", "x", "y"}, model="a quarter")
    assert earlier_looks(tmp_path / "looks.jsonl", patients=FOUR, model="now") == 1
