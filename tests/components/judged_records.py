"""Test images with scores, as the Evaluator leaves them."""

import numpy as np

from evaluation.judged import Records


def judged_records(patients=40, *, labels=3, seed=0):
    """Returns two images of every second patient and one of each other, with scores of labels that sum to 1."""
    generator = np.random.default_rng(seed)
    whose = np.repeat(np.arange(patients), 1 + np.arange(patients) % 2)
    logits = generator.normal(size=(len(whose), labels))
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = np.array([f"{number:032x}" for number in whose])
    return Records(
        patients=names,
        studies=names,
        ids=np.array([f"{number:032x}" for number in range(len(whose))]),
        labels=generator.integers(0, labels, len(whose)),
        scores=scores.astype(np.float32),
        raw_scores=logits.astype(np.float32),
    )
