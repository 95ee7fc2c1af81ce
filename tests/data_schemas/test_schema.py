"""The schema of a task: the curated base, and what a task's YAML merges into it."""

import inspect
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from data_schemas import features
from data_schemas.age_groups import age_group_names
from data_schemas.schema import base_schema, build_schema, tabular_features, write_schema
from data_schemas.task_file import load_task, parse_task, shipped_task_text, shipped_tasks
from imaging.ages import age_group

GOLDEN = Path(__file__).parent / "golden"
TRANSFORMED = {features.TRANSFORMED_IMAGE, features.TRANSFORMED_LABEL}


def changed_task(old, new):
    """Returns the demo's task with one line of its YAML replaced."""
    text = shipped_task_text("synthetic_chest")
    assert old in text
    return parse_task(text.replace(old, new, 1))


def feature(schema, name):
    return next(one for one in schema.feature if one.name == name)


def test_base_schema_has_every_feature_of_the_contract_once():
    names = [one.name for one in base_schema().feature]
    strings = dict(inspect.getmembers(features, lambda value: isinstance(value, str)))
    contract = {value for key, value in strings.items() if key.isupper()} - TRANSFORMED - {features.UNKNOWN}
    assert sorted(names) == sorted(contract)


@pytest.mark.parametrize("name", ["synthetic_chest", "ct_contrast", "chest_xray_findings"])
def test_schema_equals_the_reviewed_one(name):
    # The golden files were read line by line; `write_schema` makes a new one to read.
    golden = text_format.Parse((GOLDEN / f"{name}.pbtxt").read_text(), schema_pb2.Schema())
    assert build_schema(load_task(name)) == golden


def test_multi_class_labels_are_the_domain_of_label_in_the_tasks_order():
    schema = build_schema(load_task("synthetic_chest"))
    assert list(feature(schema, "label").string_domain.value) == ["normal", "nodule", "cavity"]
    assert "findings" not in [one.name for one in schema.feature]


def test_multi_label_findings_have_a_value_for_each_label():
    schema = build_schema(load_task("chest_xray_findings"))
    findings = feature(schema, "findings")
    assert findings.shape.dim[0].size == 4  # Atelectasis, Cardiomegaly, Effusion, Infiltration
    assert (findings.int_domain.min, findings.int_domain.max) == (-1, 1)
    assert "label" not in [one.name for one in schema.feature]


def test_ct_windows_are_channels():
    schema = build_schema(load_task("ct_contrast"))
    for name in ("channel_mean", "channel_mean_square"):
        assert feature(schema, name).shape.dim[0].size == 3


def test_slice_by_a_manifest_column_is_a_required_text():
    schema = build_schema(changed_task("  - [view]\n", "  - [view]\n  - [ward]\n"))
    ward = feature(schema, "column_ward")
    assert (ward.type, ward.presence.min_fraction, ward.shape.dim[0].size) == (schema_pb2.BYTES, 1, 1)
    assert "column_ward" in schema.tensor_representation_group[""].tensor_representation


def test_tasks_modalities_and_views_are_domains_with_unknown():
    schema = build_schema(load_task("synthetic_chest"))
    assert list(feature(schema, "modality").string_domain.value) == ["CR", "DX", "unknown"]
    assert list(feature(schema, "view").string_domain.value) == ["PA", "AP", "unknown"]


def test_task_without_views_takes_any_view():
    assert not feature(build_schema(load_task("ct_contrast")), "view").HasField("string_domain")


def test_age_groups_are_those_that_imaging_writes():
    bounds = (0, 18, 40, 65)
    assert age_group_names(bounds) == ("0-17", "18-39", "40-64", "65+")
    assert {age_group(float(age), bounds) for age in range(131)} == set(age_group_names(bounds))


def test_no_age_groups_have_no_names():
    assert age_group_names(()) == ()


@pytest.mark.parametrize("name", shipped_tasks())
def test_every_feature_has_a_tensor(name):
    schema = build_schema(load_task(name))
    tensors = schema.tensor_representation_group[""].tensor_representation
    assert {one.name for one in schema.feature} == set(tensors)
    assert {key for key, tensor in tensors.items() if not tensor.HasField("dense_tensor")} == {"age_years"}


def test_pixels_alone_stay_out_of_the_statistics():
    task = load_task("synthetic_chest")
    assert {one.name for one in build_schema(task).feature} - set(tabular_features(task)) == {"image"}


def test_served_records_need_neither_identity_nor_label():
    absent = [one.name for one in build_schema(load_task("synthetic_chest")).feature if one.not_in_environment]
    assert absent == ["example_id", "patient", "study", "label"]


def test_written_schema_reads_back_and_its_name_follows_its_content(tmp_path):
    task = load_task("synthetic_chest")
    path = write_schema(task, tmp_path / "schemas")
    assert text_format.Parse(path.read_text(), schema_pb2.Schema()) == build_schema(task)
    assert write_schema(task, tmp_path / "schemas") == path
    other = write_schema(changed_task("[normal, nodule, cavity]", "[normal, cavity, nodule]"), tmp_path / "schemas")
    assert other != path
    assert sorted((tmp_path / "schemas").iterdir()) == sorted([path, other])
