"""DicomExampleGen: a manifest of DICOM, PNG or JPEG files in, TFRecords in four splits by patient out."""

from __future__ import annotations

from pathlib import Path

from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.components.example_gen.driver import FileBasedDriver
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import Channel, component_spec, standard_artifacts
from tfx.types.standard_component_specs import EXAMPLES_KEY, FileBasedExampleGenSpec

from components.artifacts import IngestReport
from components.dicom_example_gen.executor import Executor
from data_schemas.features import SPLITS

INGEST_REPORT_KEY = "ingest_report"


class DicomExampleGenSpec(component_spec.ComponentSpec):
    """FileBasedExampleGen's spec, with the task, the key, the cache key's parts, and the report of the ingest."""

    PARAMETERS = {
        **FileBasedExampleGenSpec.PARAMETERS,
        "task": component_spec.ExecutionParameter(type=str),
        "pseudonym_key": component_spec.ExecutionParameter(type=str),
        "pseudonym_key_id": component_spec.ExecutionParameter(type=str),
        "withdrawals": component_spec.ExecutionParameter(type=str),
        "withdrawals_digest": component_spec.ExecutionParameter(type=str),
        "fingerprint": component_spec.ExecutionParameter(type=str),
        "code_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {
        **FileBasedExampleGenSpec.OUTPUTS,
        INGEST_REPORT_KEY: component_spec.ChannelParameter(type=IngestReport),
    }


class DicomExampleGen(FileBasedExampleGen):
    """Writes serialized `tf.Example`s, split by patient, and reports what it had to leave out.

    Args:
        manifest: the manifest's path.
        task: the task as JSON.
        pseudonym_key: path of the pseudonym key; made 0600 on first use.
        pseudonym_key_id: which key it is, without revealing it: another key makes other records.
        withdrawals: path of the list of patients who withdrew; need not exist.
        withdrawals_digest: its content, as the cache sees it.
        fingerprint: `Manifest.fingerprint()`; the cache key covers the manifest and every file through it.
        code_digest: digest of the code that makes examples, likewise.

    Outputs: `examples` (train, eval, calibration, test) and `ingest_report`.
    """

    SPEC_CLASS = DicomExampleGenSpec  # type: ignore[assignment]  # TFX checks the spec by its own means
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
    DRIVER_CLASS = FileBasedDriver

    def __init__(
        self,
        *,
        manifest: Path,
        task: str,
        pseudonym_key: Path,
        pseudonym_key_id: str,
        withdrawals: Path,
        withdrawals_digest: str,
        fingerprint: str,
        code_digest: str,
    ) -> None:
        pattern = example_gen_pb2.Input.Split(name="manifest", pattern=manifest.name)
        splits = [example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=1) for name in SPLITS]
        spec = DicomExampleGenSpec(
            input_base=str(manifest.parent),
            input_config=example_gen_pb2.Input(splits=[pattern]),
            output_config=example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=splits)),
            output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
            output_file_format=example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            task=task,
            pseudonym_key=str(pseudonym_key),
            pseudonym_key_id=pseudonym_key_id,
            withdrawals=str(withdrawals),
            withdrawals_digest=withdrawals_digest,
            fingerprint=fingerprint,
            code_digest=code_digest,
            **{EXAMPLES_KEY: Channel(type=standard_artifacts.Examples), INGEST_REPORT_KEY: Channel(type=IngestReport)},
        )
        # FileBasedExampleGen's own constructor knows no second output; its parent takes any spec.
        base_beam_component.BaseBeamComponent.__init__(self, spec=spec)
