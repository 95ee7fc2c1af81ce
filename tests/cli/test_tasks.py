"""`radflow tasks`: lists, shows and checks tasks."""

import pytest

from cli.main import main
from data_schemas.task_file import parse_task, shipped_tasks


def test_list_has_every_shipped_task_with_its_title(capsys):
    assert main(["tasks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(shipped_tasks())
    assert any(line.endswith("  Nodules and cavities in synthetic chest images") for line in lines)


def test_show_prints_yaml_that_is_a_task(capsys):
    assert main(["tasks", "--show", "synthetic_chest"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("#")
    assert parse_task(shown).name == "synthetic_chest"


def test_show_of_an_unknown_task_lists_those_there_are(capsys):
    assert main(["tasks", "--show", "nonsense"]) == 2
    assert "synthetic_chest" in capsys.readouterr().err


def test_check_accepts_a_shown_task_that_was_copied(tmp_path, capsys):
    main(["tasks", "--show", "synthetic_chest"])
    copy = tmp_path / "copy.yaml"
    copy.write_text(capsys.readouterr().out.replace("name: synthetic_chest", "name: my_task", 1))
    assert main(["tasks", "--check", str(copy)]) == 0
    expected = "my_task: a valid multi-class task with labels normal, nodule, cavity, and 5 gates\n"
    assert capsys.readouterr().out == expected


def test_check_lists_every_problem_with_its_line(tmp_path, capsys):
    main(["tasks", "--show", "synthetic_chest"])
    text = capsys.readouterr().out.replace("modalities:", "modalitys:", 1).replace("batch_size: ", "batch_size: -", 1)
    lines = text.splitlines()
    wrong = [next(i for i, line in enumerate(lines, 1) if word in line) for word in ("modalitys", "batch_size")]
    (tmp_path / "wrong.yaml").write_text(text)
    assert main(["tasks", "--check", str(tmp_path / "wrong.yaml")]) == 2
    shown = capsys.readouterr().err
    for line in wrong:
        assert f"line {line}:" in shown
    assert "did you mean 'modalities'?" in shown


def test_show_and_check_together_are_wrong_usage(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["tasks", "--show", "x", "--check", "y"])
    assert "not allowed with" in capsys.readouterr().err


def test_check_refuses_a_backbone_that_does_not_exist(tmp_path, capsys):
    main(["tasks", "--show", "synthetic_chest"])
    (tmp_path / "wrong.yaml").write_text(capsys.readouterr().out.replace("small_cnn", "alexnet"))
    assert main(["tasks", "--check", str(tmp_path / "wrong.yaml")]) == 2
    assert "model.backbone 'alexnet' is unknown" in capsys.readouterr().err
