"""What tells the synthetic labels: the picture, and neither the header nor the gross look. `make test-seeds`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from data_schemas import features
from evaluation.calibration import to_probabilities
from models.fitting import Forward
from models.training import train
from tests.ingested_sample import IngestedSample, ingest_sample

pytestmark = pytest.mark.seeds

HEADER = (features.SEX, features.AGE_GROUP, features.MANUFACTURER, features.MODALITY, features.VIEW, features.SITE)
NUMBERS = (features.SOURCE_ROWS, features.SOURCE_COLUMNS, features.BITS_STORED)


@pytest.fixture(scope="module", params=[1, 2, 3])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> IngestedSample:
    return ingest_sample(tmp_path_factory.mktemp("sample"), seed=request.param)


def _macro_auc(model: Any, inputs: np.ndarray, sample: IngestedSample) -> float:
    """Returns the macro one-vs-rest AUC over findings, each patient scored by a model that never saw them."""
    scores = cross_val_predict(
        model, inputs, sample.labels, groups=sample.patients, cv=GroupKFold(5), method="predict_proba"
    )
    return float(np.mean([roc_auc_score(sample.labels == finding, scores[:, finding]) for finding in (1, 2)]))


def _header(sample: IngestedSample) -> np.ndarray:
    words = [[one[name].bytes_list.value[0].decode() for name in HEADER] for one in sample.examples]
    numbers = [[str(one[name].int64_list.value[0] // 16) for name in NUMBERS] for one in sample.examples]
    return np.concatenate([words, numbers], axis=1)


def _quality(sample: IngestedSample) -> np.ndarray:
    return np.array([[one[name].float_list.value[0] for name in features.QUALITY] for one in sample.examples])


def _thumbnails(sample: IngestedSample) -> np.ndarray:
    encoded = [np.frombuffer(one[features.IMAGE].bytes_list.value[0], np.uint8) for one in sample.examples]
    images = [cv2.imdecode(one, cv2.IMREAD_UNCHANGED) / 65535 for one in encoded]
    return np.array([cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA).ravel() for image in images])


@pytest.mark.parametrize(
    ("what", "scaling", "most"),
    [(_header, OneHotEncoder(handle_unknown="ignore"), 0.60), (_quality, StandardScaler(), 0.60)],
)
def test_neither_header_nor_global_statistics_tell_the_label(
    sample: IngestedSample, what: Callable[[IngestedSample], np.ndarray], scaling: Any, most: float
) -> None:
    model = make_pipeline(scaling, LogisticRegression(max_iter=1000))
    assert _macro_auc(model, what(sample), sample) <= most


def test_a_constant_model_fails(sample: IngestedSample) -> None:
    assert _macro_auc(DummyClassifier(strategy="prior"), np.zeros((len(sample.labels), 1)), sample) <= 0.60


@pytest.mark.parametrize("regularization", [0.01, 0.1, 1.0])
def test_thumbnails_are_not_enough(sample: IngestedSample, regularization: float) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression(C=regularization, max_iter=2000))
    assert _macro_auc(model, _thumbnails(sample), sample) <= 0.85


def test_small_cnn_finds_nodules_and_cavities_in_patients_it_never_saw(sample: IngestedSample) -> None:
    held_out = sample.part("calibration", "test")
    assert not set(sample.patients[sample.splits == "train"]) & set(sample.patients[sample.splits != "train"])
    trained = train(sample.task, sample.part("train"), sample.part("eval"), weights=None)
    scores = to_probabilities(Forward(trained.network.model)(held_out.images), "multi_class")
    aucs = [roc_auc_score(held_out.labels == finding, scores[:, finding]) for finding in (1, 2)]
    assert min(aucs) >= 0.95


def test_patients_with_two_studies_stay_in_one_split(sample: IngestedSample) -> None:
    pairs = set(zip(sample.patients, sample.splits, strict=True))
    assert len(pairs) == len(set(sample.patients)) < len(sample.patients)
