"""Simulated patients, to measure how often a look for drift alerts where nothing has changed, and where much has."""

from __future__ import annotations

import numpy as np

from data_schemas.served_evaluation import ServedScores
from data_schemas.training_data import LEVELS
from evaluation.drift import ExpectedScope
from evaluation.drift_reference import KnownReference, PublishedReference
from evaluation.drift_sample import Sample, as_served_age
from evaluation.shift import training_data

FINDINGS = ("nodule", "cavity")
SCOPE = ExpectedScope(0.01, 100)
TRAINING, TESTED = 1000, 300


def sample(seed, patients, *, images=2.0, brightness=0.0, age=0.0, prevalence=0.2, withheld=0.02, out_of_scope=0.01):
    """Returns patients with one or more images that resemble each other, two findings and their scores.

    `brightness` is in standard deviations between images, `age` in years (one standard deviation is 18).
    """
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), 1 + rng.poisson(images - 1, patients))
    count = len(who)
    looks = 0.8 * rng.normal(size=(patients, 4))[who] + 0.6 * rng.normal(size=(count, 4))
    columns = {
        "mean": 0.5 + 0.1 * (looks[:, 0] + brightness),
        "standard_deviation": 0.2 + 0.03 * looks[:, 1],
        "sharpness": 0.03 * np.exp(0.3 * looks[:, 2]),
        "border_share": 0.05 * np.maximum(0, looks[:, 3] - 1),
        "age_years": as_served_age(np.maximum(0, rng.normal(55 + age, 18, patients)))[who],
        "sex": rng.choice(["F", "M"], patients)[who],
        "manufacturer": rng.choice(["A", "B", "C"], patients, p=[0.5, 0.3, 0.2])[who],
        "view": rng.choice(["PA", "AP"], count, p=[0.8, 0.2]),
        "modality": np.array(["DX"] * count),
    }
    truth = (rng.random((patients, 2)) < prevalence)[who]
    probability = 1 / (1 + np.exp(2 - 2.5 * truth - rng.normal(size=(count, 2))))
    scores = {name: probability[:, place] for place, name in enumerate(FINDINGS)}
    return Sample(
        who,
        columns,
        who,
        scores,
        {name: (values >= 0.3).astype(float) for name, values in scores.items()},
        (rng.random(count) < out_of_scope).astype(float),
        rng.random(count) < withheld,
    )


def known_reference(seed):
    """Returns a reference that knows every training image and test score."""
    return KnownReference(sample(seed, TRAINING), sample(seed + 1, TESTED))


def published_reference(seed):
    """Returns a reference that knows the same as far as a version publishes it."""
    training, tested = sample(seed, TRAINING), sample(seed + 1, TESTED)
    scores = {
        name: ServedScores(
            patients=TESTED,
            quantiles=tuple(np.quantile(values, LEVELS)),
            flagged=float((values >= 0.3).mean()),
        )
        for name, values in tested.scores.items()
    }
    return PublishedReference(training_data(training.columns, training.patients), scores)
