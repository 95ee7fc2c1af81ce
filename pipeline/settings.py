"""What a pipeline is made from, once it is clear that it can run; the runners fill it in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from data_schemas.task import Task
from pipeline.metadata_database import MetadataDatabase


@dataclass(frozen=True)
class PipelineSettings:
    """Everything that `create_pipeline` needs.

    Attributes:
        task: the diagnosis task.
        private_manifest: absolute path of a copy of the manifest in the output's private folder. The metadata store and
            the logs keep this path and not the user's, which may name patients, as folders and files often do.
        output: absolute path of the folder that receives everything.
        metadata: the output's MLMD store.
        fingerprint: `Manifest.fingerprint()`.
        schema: path of the TFDV schema of the task; its name changes with its content.
        weights: paths of pretrained weights by backbone, empty for random ones; `weights_digests` are their SHA-256.
        withdrawals_digest: who withdrew, as the cache sees it.
        pseudonym_key_id: which key pseudonyms are made with.
        served_state: what is served when the run starts.
        code_digests: by step, a digest of the code it runs, so that changed code is not answered from the cache.
        run_nonce: a text that no other run has; a step that is given it never comes from the cache.
        beam_args: arguments that a compiled pipeline holds for every Beam step; a run here is given them otherwise, for
            these are part of cache keys.
        hyperparameters: folder with a former search's winner, which is used in place of a search; its name changes with
            its content.
    """

    task: Task
    private_manifest: Path
    output: Path
    metadata: MetadataDatabase
    fingerprint: str
    schema: Path
    weights: dict[str, str]
    weights_digests: dict[str, str]
    withdrawals_digest: str
    pseudonym_key_id: str
    served_state: str
    code_digests: dict[str, str]
    run_nonce: str
    beam_args: tuple[str, ...] = ()
    hyperparameters: Path | None = None

    @property
    def pipeline_root(self) -> Path:
        """Where TFX keeps artifacts."""
        return self.output / "pipeline"

    @property
    def served_folder(self) -> Path:
        """The folder that model servers poll."""
        return served_folder(self.output, self.task)

    @property
    def pseudonym_key(self) -> Path:
        """The pseudonym key file."""
        return pseudonym_key(self.output)

    @property
    def reports(self) -> Path:
        """Reports that survive a stopped run, one folder a run."""
        return self.output / "reports"

    @property
    def unfinished(self) -> Path:
        """Where a training that is stopped leaves what it has, until it is done."""
        return self.output / "unfinished" / self.task.name / "training"

    @property
    def unfinished_searches(self) -> Path:
        """What the Tuner goes on from when it was killed."""
        return self.output / "unfinished" / self.task.name / "tuning"

    @property
    def searches(self) -> bool:
        """Whether the run searches for hyperparameters."""
        return self.task.tuning.enabled and self.hyperparameters is None

    @property
    def accepted_data(self) -> Path:
        """Statistics of data that DataCheck accepted, which the next run's are compared with."""
        return self.output / "accepted_data" / self.task.name

    @property
    def looks_ledger(self) -> Path:
        """Which test patients models were judged on."""
        return self.output / "looks" / f"{self.task.name}.jsonl"


def served_folder(output: Path, task: Task) -> Path:
    """Returns `OUTPUT/serving/TASK`."""
    return output / "serving" / task.name


def pseudonym_key(output: Path) -> Path:
    """Returns the path of the pseudonym key, in a folder that only its owner may read."""
    return private_folder(output) / "pseudonym.key"


def withdrawals(output: Path) -> Path:
    """Returns the path of the list of patients who withdrew."""
    return private_folder(output) / "withdrawn.txt"


def private_folder(output: Path) -> Path:
    """Returns the one folder of an output that may name patients and paths; its owner alone may read it."""
    return output / "private"
