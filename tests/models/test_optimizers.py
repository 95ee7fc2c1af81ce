"""Optimizers: who is fitted at which rate, what decays, and how rates rise and fall."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from data_schemas.training_settings import Training
from models.network import Network, build_network
from models.optimizers import Part, make_parts
from tests.models.splits import SIZE
from tests.models.tasks import demo_task


@pytest.fixture
def network() -> Network:
    return build_network(demo_task(image={"size": (SIZE, SIZE)}), weights=None)


def _parts(network: Network, *, steps: int | None = None, backbone_rate: float = 1e-3, **training: Any) -> list[Part]:
    return make_parts(
        network,
        Training(**training),
        rate=1e-3,
        backbone_rate=backbone_rate,
        steps=steps,
        scale_loss=training.get("precision") == "mixed_float16",
    )


def test_one_rate_is_one_optimizer_and_two_rates_are_two(network: Network) -> None:
    (whole,) = _parts(network)
    assert len(whole.variables) == len(network.model.trainable_variables)
    body, head = _parts(network, backbone_rate=1e-4)
    assert [float(part.optimizer.learning_rate.numpy()) for part in (body, head)] == pytest.approx([1e-4, 1e-3])
    assert {id(one) for one in head.variables} == {id(one) for one in network.head.trainable_variables}


def test_a_frozen_backbone_leaves_the_head_alone(network: Network) -> None:
    network.set_backbone_trainable(False)
    (head,) = _parts(network, backbone_rate=1e-4)
    assert len(head.variables) == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adam", keras.optimizers.Adam),
        ("adamw", keras.optimizers.AdamW),
        ("rmsprop", keras.optimizers.RMSprop),
        ("sgd", keras.optimizers.SGD),
    ],
)
def test_each_name_is_its_optimizer_and_averages_where_asked(network: Network, name: str, kind: type) -> None:
    (part,) = _parts(network, optimizer=name, ema_momentum=0.9)
    assert type(part.optimizer) is kind
    assert part.optimizer.use_ema
    assert not _parts(network, optimizer=name)[0].optimizer.use_ema


@pytest.mark.parametrize("name", ["adamw", "rmsprop", "sgd"])
def test_weights_decay_and_offsets_and_normalizations_do_not(network: Network, name: str) -> None:
    (part,) = _parts(network, optimizer=name, weight_decay=0.5)
    for variable in part.variables:
        variable.assign(np.ones(variable.shape))
    part.optimizer.apply([np.zeros(one.shape, np.float32) for one in part.variables], part.variables)
    moved = {one.name for one in part.variables if not np.allclose(one.numpy(), 1)}
    assert moved == {"kernel"}


def test_a_rate_rises_over_the_warm_up_and_falls_to_nothing(network: Network) -> None:
    (part,) = _parts(network, steps=100, warmup_share=0.1)
    schedule = part.optimizer._learning_rate  # Keras shows the current value alone
    rates = np.array([float(schedule(step)) for step in range(101)])
    assert rates.argmax() == 10 and rates.max() == pytest.approx(1e-3)
    assert np.all(np.diff(rates[:11]) > 0) and np.all(np.diff(rates[10:]) < 0)
    assert rates[100] == pytest.approx(0, abs=1e-9)


def test_float16_gradients_are_scaled(network: Network) -> None:
    (part,) = _parts(network, precision="mixed_float16")
    assert float(part.optimizer.scale_loss(1.0)) > 1000


@pytest.mark.parametrize(("share", "fitted"), [(1.0, "all"), (0.5, "top half"), (0.01, "none")])
def test_the_share_that_is_unfrozen_is_counted_from_the_top(network: Network, share: float, fitted: str) -> None:
    network.set_backbone_trainable(True, share=share)
    (body,) = [layer for layer in network.features.layers if layer.name == "small_cnn"]
    trainable = [layer.trainable for layer in body.layers if layer.weights]
    count = {"all": len(trainable), "top half": round(len(trainable) / 2 + 0.1), "none": 0}[fitted]
    assert trainable == [False] * (len(trainable) - count) + [True] * count
    network.set_backbone_trainable(True)
    assert all(layer.trainable for layer in body.layers if layer.weights)
