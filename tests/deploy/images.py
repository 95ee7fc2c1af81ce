"""Reads what images are built of: Dockerfiles, locks and .dockerignore."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


class Dockerfile:
    """A Dockerfile of deploy/.

    Attributes:
        name: of the file.
        text: as it is written.
        instructions: each with its arguments, continued lines joined.
        final_stage: those of the last stage, from its FROM on.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
        lines = [line for line in self.text.splitlines() if not line.startswith("#")]
        joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
        words = [line.split(" ", 1) for line in joined.splitlines() if line.strip()]
        self.instructions = [(word, arguments) for word, arguments in words]

    @cached_property
    def final_stage(self) -> list[tuple[str, str]]:
        last = max(number for number, (name, _) in enumerate(self.instructions) if name == "FROM")
        return self.instructions[last:]

    def values(self, name: str) -> list[str]:
        """Returns the arguments of an instruction in the last stage."""
        return [value for word, value in self.final_stage if word == name]

    def filled(self, text: str) -> str:
        """Returns a text with the defaults of its arguments."""
        defaults = dict(value.split("=", 1) for name, value in self.instructions if name == "ARG")
        return re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], text)

    def bases(self) -> list[str]:
        """Returns the images that its stages begin from."""
        return [self.filled(value.split(" ")[0]) for name, value in self.instructions if name == "FROM"]

    def installs(self) -> list[str]:
        """Returns each `pip install`, in order."""
        commands = [one.strip() for name, value in self.instructions if name == "RUN" for one in value.split("&&")]
        return [one for one in commands if "pip install" in one]


class Lock:
    """A file of locked requirements in deploy/."""

    def __init__(self, name: str) -> None:
        self.text = (ROOT / "deploy" / name).read_text(encoding="utf-8")

    def all_have_hashes(self) -> bool:
        blocks = re.split(r"\n(?=[a-z0-9])", self.text)[1:]
        return bool(blocks) and all("--hash=sha256:" in block for block in blocks)

    def versions(self) -> dict[str, str]:
        """Returns the versions that hold for this Python and platform."""
        lines = [line.rstrip("\\ ") for line in self.text.splitlines() if re.match(r"[a-z0-9]", line)]
        needed = [Requirement(line) for line in lines]
        return {one.name: str(one.specifier) for one in needed if one.marker is None or one.marker.evaluate()}


_ALONE = """
import importlib.metadata, json, re, sys

def name_of(distribution):
    return re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()

def modules(distribution):
    firsts = {file.parts[0] for file in distribution.files or () if file.suffix in (".py", ".so")}
    return {first.split(".")[0] for first in firsts if first.split(".")[0].isidentifier()}

allowed = set(json.loads(sys.argv[1])) | {"radflow"}
found = list(importlib.metadata.distributions())
blocked = set().union(*(modules(one) for one in found if name_of(one) not in allowed))
blocked -= set().union(*(modules(one) for one in found if name_of(one) in allowed))

class Without:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        return None if name.split(".")[0] in blocked else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
"""


def run_with_alone(names: Collection[str], code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process that has no other distributions than these; `blocked` has the modules that it lacks."""
    return subprocess.run(
        [sys.executable, "-c", _ALONE + code, json.dumps(sorted(names))],
        cwd=ROOT,
        env={"PATH": "/usr/bin"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
