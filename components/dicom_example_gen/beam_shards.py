"""What Beam's workers do of an ingest. It loads neither TensorFlow nor TFX, which would take each worker seconds."""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from components.dicom_example_gen.shard import Shard, ShardJob, ShardResult, write_shard
from components.dicom_example_gen.workers import ShardWorkers
from components.whole_file import whole_file
from imaging.threads import use_one_thread


class WriteShards(beam.DoFn):
    """Writes the shards of a bundle, in processes of its own or right here; a retried shard replaces what it wrote."""

    def __init__(self, job: ShardJob, *, processes: int, total: int) -> None:
        self._job, self._processes, self._total = job, processes, total
        self._workers: ShardWorkers | None = None

    def setup(self) -> None:
        """Starts the processes; without them, keeps to one thread: a runner has a worker for each core."""
        if not self._processes:
            use_one_thread()
        else:
            self._workers = ShardWorkers(self._job, processes=self._processes, total=self._total)

    def process(self, shard: Shard) -> Iterator[ShardResult]:
        """Writes a shard, or hands it to a process."""
        if self._workers is None:
            yield write_shard(shard, self._job, lambda: None)
        else:
            self._workers.submit(shard)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Waits for the processes to write the bundle's shards."""
        if self._workers is not None:
            window = GlobalWindow()
            for result in self._workers.results():
                yield WindowedValue(result, window.max_timestamp(), (window,))

    def teardown(self) -> None:
        """Ends the processes."""
        if self._workers is not None:
            self._workers.close()


def write_report(text: str, path: str) -> None:
    """Writes the report of the ingest, whole or not at all."""
    with whole_file(path) as file:
        file.write(text.encode())
