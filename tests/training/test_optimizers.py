"""Optimizers by name are torch's, decay spares vectors, and every one of them learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from in_one_test import in_one_test

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import SequenceData, TrainerConfig, evaluate, fit
from rnnedge.training._config import OPTIMIZERS, SCHEDULES
from rnnedge.training._optimizers import make_optimizer, make_schedule

RATES = {"gradient_descent": 0.3, "sgd": 0.3, "momentum": 0.05, "nesterov": 0.05, "adagrad": 0.1, "rmsprop": 0.01}


def sums(seed: int, count: int = 64) -> SequenceData:
    """The running mean of a signal of 6 frames."""
    x = np.random.default_rng(seed).standard_normal((count, 6, 1)).astype(np.float32)
    return SequenceData(tuple(x), tuple(0.3 * x.cumsum(1)))


def new() -> RecurrentNetwork:
    """Eight units."""
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkConfig("gru", 1, 8, 1))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns(name: str) -> None:
    """The loss falls by a third at least; full-batch gradient descent makes one update an epoch."""
    config = TrainerConfig("mse", epochs=12, batch_size=8, optimizer=name, learning_rate=RATES.get(name, 0.01))
    if name == "gradient_descent":
        config = replace(config, epochs=150, schedule="constant", clip_norm=100.0)
    network = new()
    result = fit(network, sums(1), sums(2), config)
    assert evaluate(network, sums(2), config).loss < 0.66 * result.start_loss


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_end_where_they_should(name: str) -> None:
    """Constant stays, the others come down to (nearly) nothing; none is above its peak."""
    config = TrainerConfig(learning_rate=0.1, schedule=name, optimizer="adam")
    optimizer = make_optimizer(new(), config)
    schedule, rates = make_schedule(optimizer, config, 20), []
    for _ in range(20):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step() if len(rates) < 20 else None
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] == pytest.approx(0.1) if name == "constant" else rates[-1] < 0.011


def test_decay_is_for_matrices_only() -> None:
    """Without a gradient, AdamW shrinks weights and leaves biases."""
    network = new()
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    optimizer = make_optimizer(network, TrainerConfig(optimizer="adamw", learning_rate=0.1, weight_decay=0.5))
    for p in network.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    for name, p in network.named_parameters():
        factor = 0.95 if p.dim() > 1 else 1.0
        torch.testing.assert_close(p.detach(), before[name] * factor)


def test_gradient_descent_takes_all_sequences_at_once() -> None:
    """One step of it is a step against the mean gradient of all."""
    network, other = new(), new()
    config = TrainerConfig("mse", 1, batch_size=4, optimizer="gradient_descent", learning_rate=0.1, schedule="constant")
    fit(network, sums(1), sums(1), config)
    data = sums(1)
    y = other(torch.from_numpy(np.stack(data.frames)))[0]
    loss = ((y - torch.from_numpy(np.stack(data.targets))) ** 2).mean()
    loss.backward()
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a.detach(), b.detach() - 0.1 * b.grad, rtol=1e-5, atol=1e-6)


@in_one_test(
    ("field", "words"),
    [
        ({"optimizer": "adma"}, "optimizer: expected one of gradient_descent, sgd"),
        ({"schedule": "steps"}, "schedule: expected one of"),
        ({"loss": "mape"}, "loss: expected one of"),
        ({"k1": 2, "k2": 3}, r"k2: expected a multiple of k1 \(2\), found 3"),
        ({"stateful": True}, "k1: expected the frames between two updates"),
        ({"loss": "ctc", "k1": 4}, "k1: expected 0"),
        ({"loss": "quantile"}, "quantiles: expected numbers"),
        ({"quantiles": (0.5,)}, "quantiles: expected numbers"),
        ({"weight_decay": -1.0}, "weight_decay: expected 0 or more"),
    ],
)
def test_a_field_out_of_range_is_named(field: dict[str, object], words: str) -> None:
    """What was expected, and what was found."""
    with pytest.raises(ValueError, match=words):
        TrainerConfig(**field)  # type: ignore[arg-type]
