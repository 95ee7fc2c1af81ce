"""The schema in use: TFDV accepts good records and names what is wrong with bad ones; Transform reads them."""

import pytest

from data_schemas.schema import build_schema, tabular_features
from data_schemas.task_file import load_task
from data_schemas.wire import example_pb2

tfdv = pytest.importorskip("tensorflow_data_validation", reason="needs the extra `pipeline`")

MULTI_CLASS, MULTI_LABEL = "synthetic_chest", "chest_xray_findings"
GOOD = {
    "image": [b"png"],
    "example_id": [b"e"],
    "patient": [b"p"],
    "study": [b"s"],
    "manifest_row": [1],
    "label": [b"nodule"],
    "sex": [b"F"],
    "age_years": [45.0],
    "age_group": [b"40-64"],
    "modality": [b"DX"],
    "view": [b"PA"],
    "manufacturer": [b"unknown"],
    "site": [b"unknown"],
    "mean": [0.5],
    "standard_deviation": [0.2],
    "saturation": [0.1],
    "border_share": [0.0],
    "sharpness": [0.1],
    "channel_mean": [0.5],
    "channel_mean_square": [0.3],
    "frame": [1],
    "source_rows": [256],
    "source_columns": [256],
    "bits_stored": [12],
}
GOOD_FINDINGS = {key: value for key, value in GOOD.items() if key != "label"} | {"findings": [1, 0, -1, 0]}
UNKNOWN_AGE = {"age_years": [], "age_group": [b"unknown"]}


def record(values):
    """Returns the serialized tf.Example of features by name; an empty list is an unknown float, None no feature."""
    example = example_pb2.Example()
    for name, value in values.items():
        if value is None:
            continue
        one = example.features.feature[name]
        kinds = {bytes: one.bytes_list, int: one.int64_list, float: one.float_list}
        values_of = kinds[type(value[0]) if value else float]
        values_of.SetInParent()
        values_of.value.extend(value)
    return example.SerializeToString()


def anomalies(task_name, *records):
    """Returns TFDV's anomalies, feature -> description, of the statistics that the pipeline computes."""
    from tensorflow_data_validation.statistics import stats_impl
    from tfx_bsl.coders import example_coder

    task = load_task(task_name)
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch([record(values) for values in records])
    options = tfdv.StatsOptions(feature_allowlist=list(tabular_features(task)))
    found = tfdv.validate_statistics(stats_impl.generate_statistics_in_memory(batch, options), build_schema(task))
    return {name: info.description for name, info in found.anomaly_info.items()}


def test_good_records_have_no_anomaly():
    assert anomalies(MULTI_CLASS, GOOD, GOOD | UNKNOWN_AGE) == {}


def test_ages_that_are_all_unknown_are_no_anomaly():
    assert anomalies(MULTI_CLASS, GOOD | UNKNOWN_AGE, GOOD | UNKNOWN_AGE) == {}


def test_good_multi_label_records_have_no_anomaly():
    assert anomalies(MULTI_LABEL, GOOD_FINDINGS, GOOD_FINDINGS | UNKNOWN_AGE) == {}


def test_planted_bad_label_is_named():
    found = anomalies(MULTI_CLASS, GOOD, GOOD | {"label": [b"nodul"]})
    assert list(found) == ["label"]
    assert "nodul" in found["label"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("label", None),
        ("patient", None),
        ("sex", [b"female"]),
        ("age_years", [140.0]),
        ("age_group", [b"40-65"]),
        ("modality", [b"CT"]),
        ("view", [b"LATERAL"]),
        ("mean", [1.5]),
        ("mean", [float("nan")]),
        ("standard_deviation", [0.6]),
        ("channel_mean", [0.1, 0.2]),
        ("frame", [0]),
        ("source_rows", [0]),
        ("bits_stored", [80]),
    ],
)
def test_planted_violation_is_the_one_anomaly(name, value):
    assert list(anomalies(MULTI_CLASS, GOOD, GOOD | {name: value})) == [name]


@pytest.mark.parametrize("value", [[1, 0, 0], [2, 0, 0, 0], None])
def test_planted_violation_of_findings_is_the_one_anomaly(value):
    assert list(anomalies(MULTI_LABEL, GOOD_FINDINGS, GOOD_FINDINGS | {"findings": value})) == ["findings"]


@pytest.mark.parametrize(("task_name", "good"), [(MULTI_CLASS, GOOD), (MULTI_LABEL, GOOD_FINDINGS)])
def test_tfx_bsl_reads_every_feature_with_an_age_unknown(task_name, good):
    from tfx_bsl.coders import example_coder
    from tfx_bsl.tfxio import tensor_adapter

    schema = build_schema(load_task(task_name))
    decoder = example_coder.ExamplesToRecordBatchDecoder(schema.SerializeToString())
    batch = decoder.DecodeBatch([record(good), record(good | UNKNOWN_AGE)])
    tensors = schema.tensor_representation_group[""].tensor_representation
    adapter = tensor_adapter.TensorAdapter(tensor_adapter.TensorAdapterConfig(batch.schema, dict(tensors)))
    read = adapter.ToBatchTensors(batch)
    assert set(read) == set(good)
    assert read["image"].shape == (2, 1)
    assert read["age_years"].values.numpy().tolist() == [45.0]
    if "findings" in good:
        assert read["findings"].numpy().tolist() == [[1, 0, -1, 0]] * 2


def test_transform_parses_records_with_an_age_unknown():
    import tensorflow as tf
    from tensorflow_transform.tf_metadata import schema_utils

    spec = schema_utils.schema_as_feature_spec(build_schema(load_task(MULTI_CLASS))).feature_spec
    parsed = tf.io.parse_example([record(GOOD), record(GOOD | UNKNOWN_AGE)], spec)
    assert parsed["label"].numpy().tolist() == [[b"nodule"], [b"nodule"]]
    assert parsed["age_years"].values.numpy().tolist() == [45.0]
