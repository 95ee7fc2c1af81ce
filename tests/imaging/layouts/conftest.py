"""Folders in the layouts that public sets come in, made of empty files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Makes files below a folder: names alone are empty ones, `files` have a content."""

    def make(*names: str, files: dict[str, str] | None = None) -> Path:
        root = (tmp_path / "set").resolve()
        contents = dict.fromkeys(names, "") | (files or {})
        for folder in {(root / name).parent for name in contents}:
            folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (root / name).write_text(content, encoding="utf-8")
        return root

    return make
