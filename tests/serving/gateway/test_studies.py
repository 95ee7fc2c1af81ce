from __future__ import annotations

import math


def softmax(*logits):
    total = sum(map(math.exp, logits))
    return [math.exp(logit) / total for logit in logits]


def test_a_film_is_predicted_at_once(gateway, upload, make_film):
    answer = upload(gateway, make_film(2047))
    assert answer.status_code == 201, answer.text
    case = answer.json()
    assert answer.headers["location"] == f"/api/v1/studies/{case['id']}"
    assert len(case["predictions"]) == 1
    assert case["status"] == "predicted"
