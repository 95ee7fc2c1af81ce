"""A disk that is full, and files of records that are damaged: said in a line, and mended by the next run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from components.dicom_example_gen.tfrecord import check_records
from tests.faults.conftest import Place, environment

_UNSHARE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]


def may_mount() -> bool:
    """Says whether this process may mount a file system that it alone sees."""
    test = [*_UNSHARE, "sh", "-c", "mount -t tmpfs none /mnt"]
    return subprocess.run(test, capture_output=True, check=False).returncode == 0


def test_on_a_disk_that_is_full_again_and_again_a_run_ends_at_last_in_the_same_model(
    place: Place, undisturbed: Place, tmp_path: Path
) -> None:
    if not may_mount():
        pytest.skip("this system lets nobody mount a file system")
    results = tmp_path / "results" / "runs.jsonl"
    results.parent.mkdir()
    command = [*_UNSHARE, sys.executable, str(Path(__file__).with_name("full_disk.py")), str(place.output)]
    subprocess.run([*command, str(results), *place.words], env=environment(), check=True, timeout=2000)
    runs = [json.loads(line) for line in results.read_text().splitlines()]
    assert runs[-1]["code"] == 0, runs[-1]["err"]
    assert len(runs) > 5, "the first disks were too large to be full"
    for run in runs[:-1]:
        assert run["code"] == 1, run
        last = run["err"].splitlines()[-1]
        assert "full" in last and "run again" in last, run
        assert "Traceback" not in run["err"]
    assert replace(place, output=results.parent).ends_in_the_model_of(undisturbed)


def damage(shard: Path) -> None:
    """Changes a bit in the middle."""
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)


def cut(shard: Path) -> None:
    """Takes the second half away."""
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])


def after_the_ingest(place: Place) -> list[Path]:
    """Ends a run behind the ingest; returns the files of the records that train."""
    place.killed("StatisticsGen", "begun")
    return sorted(place.output.glob("pipeline/DicomExampleGen/examples/*/Split-train/*.gz"))


@pytest.mark.parametrize("harm", [damage, cut])
def test_damaged_records_end_a_run_with_a_word_and_the_next_one_makes_them_anew(
    place: Place, undisturbed: Place, harm
) -> None:
    shard, *others = after_the_ingest(place)
    harm(shard)
    with pytest.raises(ValueError, match=r"sum is wrong|no whole file"):
        check_records(shard)
    for other in others:
        check_records(other)
    stopped = place.run()
    assert stopped.code == 1, stopped.err
    last = stopped.err.splitlines()[-1]
    assert "run again" in last and str(shard.relative_to(place.output)) in last
    done = place.run()
    assert done.code == 0, done.err
    assert place.ends_in_the_model_of(undisturbed)


def test_a_file_of_records_that_is_gone_is_missed_and_made_anew(place: Place, undisturbed: Place) -> None:
    after_the_ingest(place)[0].unlink()
    done = place.run()
    assert done.code == 0, done.err
    assert "are gone from" in done.err
    assert place.ends_in_the_model_of(undisturbed)


def test_examples_that_are_whole_stay(place: Place) -> None:
    after_the_ingest(place)
    place.killed("Transform", "begun")
    assert [path.name for path in place.output.glob("pipeline/DicomExampleGen/examples/*")] == ["1"]
