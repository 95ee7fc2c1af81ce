"""What is put on an object store comes back as it was, whole or not at all; an output's first run decides where."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from data_schemas.errors import ConfigurationError, RadflowError
from pipeline.artifact_root import ArtifactRoot, artifact_root, choose_artifact_root
from tests.object_store import objects


@pytest.fixture
def root(bucket: str, tmp_path: Path) -> ArtifactRoot:
    root = ArtifactRoot(tmp_path / "pipeline", f"{bucket}/{tmp_path.name}")
    root.make()
    return root


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[ArtifactRoot]:
    root = ArtifactRoot(tmp_path / "pipeline", f"memory://bucket/{tmp_path.name}")
    root.make()
    yield root
    MemoryFileSystem.store.clear()


def written(root: ArtifactRoot, place: str = "Trainer/model/7") -> Path:
    folder = root.folder / place
    (folder / "Format-Serving" / "variables").mkdir(parents=True)
    (folder / "Format-Serving" / "assets").mkdir()
    (folder / "Format-Serving" / "saved_model.pb").write_bytes(b"graph")
    (folder / "Format-Serving" / "variables" / "variables.data").write_bytes(bytes(range(256)) * 5000)
    (folder / "Format-Serving" / "ünder score.txt").write_text("é")
    return folder


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_what_was_kept_is_fetched_as_it_was_empty_folders_included(root: ArtifactRoot) -> None:
    folder = written(root)
    before = contents(folder)
    root.keep(folder)
    assert objects(root.url)["Trainer/model/7/Format-Serving/saved_model.pb"] == b"graph"
    folder.rename(root.folder / "away")
    assert root.exists(folder) and root.fetched(folder) == folder
    assert contents(folder) == before and None in before.values()
    assert not list(root.folder.glob(".fetching-*"))


def test_an_empty_artifact_is_kept_too(root: ArtifactRoot) -> None:
    folder = root.folder / "Champion" / "champion" / "3"
    folder.mkdir(parents=True)
    root.keep(folder)
    folder.rmdir()
    assert root.exists(folder) and contents(root.fetched(folder)) == {} and folder.is_dir()


def test_what_is_here_is_not_fetched_and_what_is_nowhere_stays_so(root: ArtifactRoot) -> None:
    folder = written(root)
    root.keep(folder)
    (folder / "Format-Serving" / "saved_model.pb").write_bytes(b"here")
    assert (root.fetched(folder) / "Format-Serving" / "saved_model.pb").read_bytes() == b"here"
    nowhere = root.folder / "Trainer" / "model" / "8"
    assert not root.exists(nowhere) and not root.fetched(nowhere).exists()
    # 70 begins as 7 does, and is another artifact.
    assert not root.exists(root.folder / "Trainer" / "model" / "70")


def test_a_models_file_is_put_after_all_others(memory: ArtifactRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    put_file = MemoryFileSystem.put_file

    def noted(self, lpath, rpath, **options):
        order.append(Path(rpath).name)
        return put_file(self, lpath, rpath, **options)

    monkeypatch.setattr(MemoryFileSystem, "put_file", noted)
    memory.keep(written(memory))
    assert len(order) == 3 and order[-1] == "saved_model.pb"


def test_a_fetch_that_is_cut_off_leaves_nothing(memory: ArtifactRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(memory)
    memory.keep(folder)
    folder.rename(memory.folder / "away")
    get_file = MemoryFileSystem.get_file

    def cut_off(self, rpath, lpath, **options):
        get_file(self, rpath, lpath, **options)
        if str(rpath).endswith("variables.data"):
            raise ConnectionError("reset by peer")

    monkeypatch.setattr(MemoryFileSystem, "get_file", cut_off)
    with pytest.raises(RadflowError, match=r"memory://bucket/\S+ cannot be read .*reset by peer.*credentials"):
        memory.fetched(folder)
    assert not folder.exists() and not list(memory.folder.glob(".fetching-*"))


def test_of_two_that_fetch_at_once_the_slower_one_takes_what_is_there(
    memory: ArtifactRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = written(memory)
    memory.keep(folder)
    folder.rename(memory.folder / "away")
    get_file = MemoryFileSystem.get_file

    def overtaken(self, rpath, lpath, **options):
        get_file(self, rpath, lpath, **options)
        folder.mkdir(exist_ok=True)
        (folder / "of the faster one").touch()

    monkeypatch.setattr(MemoryFileSystem, "get_file", overtaken)
    assert [path.name for path in memory.fetched(folder).iterdir()] == ["of the faster one"]


def test_folders_and_files_are_found_wherever_they_are(root: ArtifactRoot) -> None:
    both, here, there = (written(root, f"Trainer/model/{number}") for number in (1, 2, 3))
    (root.folder / "Trainer" / ".system" / "5").mkdir(parents=True)
    size = 5 + 256 * 5000 + 2
    root.keep(both)
    root.keep(there)
    there.rename(root.folder / "away")
    assert root.folders() == {both: size, here: size, there: size}
    assert root.size(there) == size and root.size(there / "Format-Serving" / "saved_model.pb") == 5
    models = [one / "Format-Serving" / "saved_model.pb" for one in (both, here, there)]
    assert root.glob("Trainer/model/*/Format-Serving/saved_model.pb") == models
    assert root.glob("Trainer/model/*/saved_model.pb") == []


def test_what_is_removed_is_gone_here_and_there(root: ArtifactRoot) -> None:
    folder, other = written(root), written(root, "Trainer/model/70")
    root.keep(folder)
    root.keep(other)
    root.remove(folder / "Format-Serving" / "saved_model.pb")
    assert "Trainer/model/7/Format-Serving/saved_model.pb" not in objects(root.url)
    root.remove(folder)
    assert not root.exists(folder) and not folder.exists()
    assert {name.split("/")[2] for name in objects(root.url)} == {"70"} and other.is_dir()
    root.remove(folder)  # again, and nothing happens


def test_without_an_object_store_all_is_in_the_folder(tmp_path: Path) -> None:
    root = artifact_root(tmp_path)
    assert root == ArtifactRoot(tmp_path / "pipeline")
    folder = written(root)
    root.keep(folder)
    assert root.fetched(folder).is_dir() and list(root.folders()) == [folder]
    assert root.url_of(str(folder)) == root.path_of(str(folder)) == str(folder)
    root.remove(folder)
    assert not folder.exists() and not root.exists(folder)


def test_urls_and_paths_are_turned_into_each_other_and_other_texts_are_left(root: ArtifactRoot) -> None:
    path, url = str(root.folder / "Trainer" / "model" / "7"), f"{root.url}/Trainer/model/7"
    assert root.url_of(path) == url and root.path_of(url) == path
    for other in (f"{root.folder}-2/x", "relative", "gs://bucket/x", f"{root.url}2/x", ""):
        assert root.url_of(other) == root.path_of(other) == other


def test_the_first_run_decides_and_later_ones_need_not_say(bucket: str, tmp_path: Path) -> None:
    first = choose_artifact_root(tmp_path, f"{bucket}/radflow/", {}, recorded=False)
    assert first.url.startswith(f"{bucket}/radflow/") and objects(first.url) == {}
    assert choose_artifact_root(tmp_path, None, {}, recorded=True) == first == artifact_root(tmp_path)
    again = choose_artifact_root(tmp_path, None, {"RADFLOW_ARTIFACTS": f"{bucket}/radflow"}, recorded=True)
    assert again == first
    with pytest.raises(ConfigurationError, match=f"are in {first.url}: leave --artifacts"):
        choose_artifact_root(tmp_path, f"{bucket}/elsewhere", {}, recorded=True)


def test_two_outputs_in_one_place_do_not_meet(bucket: str, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in "ab"]
    for output in outputs:
        output.mkdir()
    first, second = (choose_artifact_root(output, f"{bucket}/all", {}, recorded=False).url for output in outputs)
    assert first != second


def test_an_output_that_has_runs_keeps_its_artifacts_where_they_are(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"are in {tmp_path / 'pipeline'}: leave --artifacts"):
        choose_artifact_root(tmp_path, bucket, {}, recorded=True)
    assert not (tmp_path / "artifacts.json").exists()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("some/folder", "no URL of an object store, e.g. s3://BUCKET/FOLDER"),
        ("/some/folder", "no URL of an object store"),
        ("s3://", "no URL of an object store"),
        ("nothing://bucket", "Protocol not known: nothing.*extra `buckets`"),
    ],
)
def test_what_is_no_object_store_is_refused(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=message):
        choose_artifact_root(tmp_path, url, {}, recorded=False)


def test_a_bucket_that_is_not_there_is_refused_at_once(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"s3://no-such-bucket/\S+ cannot be written.*check its name, the"):
        choose_artifact_root(tmp_path, "s3://no-such-bucket/x", {}, recorded=False)
    assert artifact_root(tmp_path).url == ""


def test_a_store_that_is_not_reached_is_no_empty_store(root: ArtifactRoot) -> None:
    folder = written(root)
    root.keep(folder)
    away = ArtifactRoot(root.folder, "s3://no-such-bucket/x")
    other = root.folder / "Trainer" / "model" / "8"
    for ask in (away.folders, lambda: away.glob("*"), lambda: away.exists(other), lambda: away.fetched(other)):
        with pytest.raises(RadflowError, match="s3://no-such-bucket/x cannot be read"):
            ask()
    with pytest.raises(RadflowError, match="s3://no-such-bucket/x cannot be written"):
        away.remove(folder)
    assert folder.is_dir()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"url": null}', '{"url": "s3://buck'])
def test_a_choice_that_cannot_be_read_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "artifacts.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"artifacts\.json does not say where .* put it back"):
        artifact_root(tmp_path)


def test_the_test_server_is_one_of_its_own(bucket: str) -> None:
    """Guards these tests: nothing must be written to a bucket of the world."""
    files, _ = fsspec.core.url_to_fs(bucket)
    assert files.exists(bucket) and "127.0.0.1" in str(files.s3.meta.endpoint_url)
