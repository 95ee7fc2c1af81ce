from __future__ import annotations

from types import SimpleNamespace

import pytest

from cli.own_command import own_command
from cli.run_text import _pushed


@pytest.mark.parametrize(("made", "typed"), [(True, ".venv/bin/radflow"), (False, "radflow")])
def test_it_is_the_one_of_the_checkouts_environment_where_there_is_one(made, typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(tmp_path / ".venv/bin/radflow")])
    if made:
        (tmp_path / ".venv/bin").mkdir(parents=True)
        (tmp_path / ".venv/bin/radflow").touch()
    assert own_command() == typed
    finished = SimpleNamespace(result={"pushed": "out/serving/chest/3"}, already_served=False)
    assert f"Serve it: {typed} serve --model out/serving/chest" in _pushed(finished)
