"""The whole pipeline as one function, the same under every runner."""

from __future__ import annotations

from typing import Any

from tfx.components import ExampleValidator, Trainer, Transform
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.common.importer import Importer
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import pusher_pb2, trainer_pb2
from tfx.types.standard_artifacts import HyperParameters

from components.champion.component import Champion
from components.data_check.component import DataCheck
from components.dicom_example_gen.component import DicomExampleGen
from components.evaluator.component import Evaluator
from components.model_report.component import ModelReport
from components.pusher.component import Pusher
from components.serving_canary.component import ServingCanary
from components.statistics_gen.component import statistics_gen
from components.stress_test.component import StressTest
from components.tuner.component import Tuner
from data_schemas.schema import tabular_features
from data_schemas.task_file import records_json, task_to_json, transform_json
from pipeline.settings import PipelineSettings, withdrawals

PREPROCESSING = "models.preprocessing.preprocessing_fn"
TUNER = "models.tuner.tuner_fn"
TRAINER = "models.trainer.run_fn"
_BEST = "best_hyperparameters"


def create_pipeline(settings: PipelineSettings, *, name: str | None = None, root: str | None = None) -> Pipeline:
    """Returns the pipeline of a task: DICOM and labels in, a blessed and served model out.

    Args:
        settings: the task, its data and where everything goes.
        name: what the runner calls it; the task's name unless given.
        root: where artifacts go; in the output folder unless given.
    """
    return Pipeline(
        pipeline_name=name or settings.task.name,
        pipeline_root=root or str(settings.pipeline_root),
        components=_components(settings),
        enable_cache=True,
        metadata_connection_config=settings.metadata.connection_config(),
        beam_pipeline_args=list(settings.beam_args),
    )


def _components(settings: PipelineSettings) -> list[Any]:
    task, digests = task_to_json(settings.task), settings.code_digests
    example_gen = _example_gen(settings)
    examples, ingest_report = example_gen.outputs["examples"], example_gen.outputs["ingest_report"]
    statistics = statistics_gen(examples, features=tabular_features(settings.task))
    schema_gen = ImportSchemaGen(schema_file=str(settings.schema))
    schema = schema_gen.outputs["schema"]
    validator = ExampleValidator(statistics=statistics.outputs["statistics"], schema=schema)
    data_check = DataCheck(
        statistics=statistics.outputs["statistics"],
        anomalies=validator.outputs["anomalies"],
        ingest_report=ingest_report,
        task=task,
        report_folder=settings.reports,
        accepted_folder=settings.accepted_data,
        code_digest=digests["data_check"],
    )
    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=PREPROCESSING,
        custom_config={"task": transform_json(settings.task), "code_digest": digests["transform"]},
        materialize=False,
        disable_statistics=True,
    )
    # The order that TFX cannot see in the data: nothing is computed on data that DataCheck refuses.
    transform.add_upstream_node(data_check)
    tuner = _tuner(settings, examples=examples, transform=transform)
    trainer = _trainer(settings, examples=examples, transform=transform, tuner=tuner)
    before_push = _judges(settings, examples=examples, ingest_report=ingest_report, trainer=trainer)
    evaluator, canary = before_push[-2:]
    pusher = _pusher(settings, trainer=trainer, evaluator=evaluator, canary=canary)
    stress_test = StressTest(model=trainer.outputs["model"], examples=examples, code_digest=digests["stress_test"])
    # It judges nothing: a push never waits for it.
    stress_test.add_upstream_node(evaluator)
    stress_test.add_upstream_node(pusher)
    found = {
        "tuner_results": tuner.outputs["tuner_results"] if isinstance(tuner, Tuner) else None,
        "examples": examples,
        "ingest_report": ingest_report,
        "data_check": data_check.outputs["report"],
        "evaluation": evaluator.outputs["evaluation"],
        "blessing": evaluator.outputs["blessing"],
        "infra_blessing": canary.outputs["blessing"],
        "stress": stress_test.outputs["stress"],
    }
    report = ModelReport(
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        found=found,
        report_folder=settings.reports,
        code_digests=digests,
    )
    front = [example_gen, statistics, schema_gen, validator, data_check, transform]
    return [*front, *([tuner] if tuner else []), trainer, *before_push, pusher, stress_test, report]


def _example_gen(settings: PipelineSettings) -> DicomExampleGen:
    return DicomExampleGen(
        manifest=settings.private_manifest,
        task=records_json(settings.task),
        pseudonym_key=settings.pseudonym_key,
        fingerprint=settings.fingerprint,
        pseudonym_key_id=settings.pseudonym_key_id,
        withdrawals=withdrawals(settings.output),
        withdrawals_digest=settings.withdrawals_digest,
        code_digest=settings.code_digests["ingest"],
    )


def _pusher(settings: PipelineSettings, *, trainer: Trainer, evaluator: Evaluator, canary: ServingCanary) -> Pusher:
    return Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=canary.outputs["blessing"],
        evaluation=evaluator.outputs["evaluation"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(settings.served_folder))
        ),
        # What is served may have been removed or rolled back since: pushing is never answered from the cache.
        custom_config={"run_nonce": settings.run_nonce},
    )


def _judges(settings: PipelineSettings, *, examples: Any, ingest_report: Any, trainer: Trainer) -> list[Any]:
    """Returns what stands between the Trainer and the Pusher: Champion, Evaluator, ServingCanary."""
    digests = settings.code_digests
    champion = Champion(
        ingest_report=ingest_report,
        served_folder=settings.served_folder,
        served_state=settings.served_state,
        code_digest=digests["champion"],
    )
    evaluator = Evaluator(
        examples=examples,
        model=trainer.outputs["model"],
        champion=champion.outputs["champion"],
        task=task_to_json(settings.task),
        looks_ledger=settings.looks_ledger,
        code_digest=digests["evaluator"],
    )
    canary = ServingCanary(
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        examples=examples,
        code_digest=digests["canary"],
    )
    return [champion, evaluator, canary]


def _tuner(settings: PipelineSettings, *, examples: Any, transform: Transform) -> Tuner | Importer | None:
    """Returns what gives the Trainer hyperparameters: a search, a former search's winner, or nothing."""
    if settings.hyperparameters is not None:
        return Importer(str(settings.hyperparameters), artifact_type=HyperParameters, output_key=_BEST)
    if not settings.searches:
        return None
    return Tuner(
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        tuner_fn=TUNER,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
        custom_config=_training_config(settings) | {"unfinished": str(settings.unfinished_searches)},
    )


def _trainer(
    settings: PipelineSettings, *, examples: Any, transform: Transform, tuner: Tuner | Importer | None
) -> Trainer:
    return Trainer(
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        run_fn=TRAINER,
        hyperparameters=tuner.outputs[_BEST] if tuner else None,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["eval", "calibration"]),
        custom_config=_training_config(settings),
    )


def _training_config(settings: PipelineSettings) -> dict[str, Any]:
    return {
        "task": task_to_json(settings.task),
        "weights": settings.weights,
        "weights_digests": settings.weights_digests,
        "pseudonym_key_id": settings.pseudonym_key_id,
        "code_digest": settings.code_digests["training"],
        "unfinished": str(settings.unfinished),
    }
