"""What holds of each image: it is built of locked, hashed parts and little else, and runs as nobody of note."""

from __future__ import annotations

import re
from importlib.metadata import requires, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.images import IGNORED, ROOT, Dockerfile, Lock

IMAGES = {
    "gateway.Dockerfile": ["gateway-requirements.txt"],
    "pipeline.Dockerfile": ["pipeline-build-requirements.txt", "pipeline-requirements.txt"],
}
LOCKS = [name for names in IMAGES.values() for name in names] + ["pipeline-gpu-requirements.txt"]
EXTRAS = {
    "gateway-requirements.txt": ["gateway"],
    "pipeline-requirements.txt": ["pipeline", "server"],
    "pipeline-gpu-requirements.txt": ["pipeline", "server"],
}
ALLOWED = {line[2:] for line in IGNORED if line.startswith("!/")}

each_image = pytest.mark.parametrize("image", [Dockerfile(name) for name in IMAGES], ids=list(IMAGES))


@each_image
def test_it_does_not_run_as_root(image):
    assert image.values("USER") == ["10001:10001"]
    names = [name for name, _ in image.final_stage]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]


@each_image
def test_its_last_stage_has_no_compiler_and_installs_nothing(image):
    base, *_ = image.values("FROM")
    assert "-slim-" in base
    assert not [one for one in image.values("RUN") if re.search(r"\b(pip|apt-get|apt|gcc|make) ", one)]


@each_image
def test_no_secret_is_built_in(image):
    assert not re.search(r"(ARG|ENV) \S*(KEY|TOKEN|PASSWORD|SECRET)", image.text)


@each_image
def test_no_dependency_is_resolved_while_it_is_built(image):
    *packages, own = image.installs()
    assert packages and all("--no-deps --require-hashes" in one and "-r /src/deploy/" in one for one in packages)
    assert "--no-deps --no-build-isolation --no-index /src" in own


@each_image
def test_what_it_copies_is_there_and_not_ignored(image):
    copied = [value for name, value in image.instructions if name == "COPY" and "--from" not in value]
    *locks, everything = [image.filled(one) for value in copied for one in value.split()[:-1]]
    assert locks == [f"deploy/{name}" for name in IMAGES[image.name]] and everything == "."
    assert "/deploy/*" in IGNORED and "deploy/*-requirements.txt" in ALLOWED


def test_nothing_but_the_packages_and_what_builds_them_gets_into_a_build():
    setup = (ROOT / "setup.py").read_text()
    packages = {name.split(".")[0] for name in re.findall(r'^        "([a-z_.]+)",$', setup, re.MULTILINE)}
    listed = re.search(r"py_modules=\[(.*)\]", setup)
    modules = {f"{name}.py" for name in re.findall(r'"(\w+)"', listed[1])}
    builders = {"LICENSE", "README.md", "pyproject.toml", "setup.py", "deploy", "deploy/*-requirements.txt"}
    assert "*" in IGNORED and packages | modules | builders == ALLOWED
    assert all((ROOT / name).exists() for name in ALLOWED if "*" not in name)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_a_hash(name):
    assert Lock(name).all_have_hashes()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_the_versions_that_are_tested(name):
    locked = {name: said for name, said in Lock(name).versions().items() if not name.startswith("nvidia-")}
    assert locked == {name: f"=={version(name)}" for name in locked}


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_has_all_that_its_extras_ask_for(name):
    asked = [Requirement(line) for line in requires("radflow")]
    needed = [
        one.name
        for one in asked
        if any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in ["", *EXTRAS[name]])
    ]
    assert {canonicalize_name(one) for one in needed} <= Lock(name).versions().keys()
