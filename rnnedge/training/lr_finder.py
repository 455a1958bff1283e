"""Which learning rate? Train with a rate that grows from step to step, and look where the loss falls fastest.

Smith, "Cyclical learning rates for training neural networks", 2017, section 3.3.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from rnnedge.nn import RecurrentNetwork
from rnnedge.training._compatibility import check
from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import Array, SequenceData
from rnnedge.training._defaults import settled
from rnnedge.training._objective import Objective, judged_count
from rnnedge.training._optimizers import make_optimizer
from rnnedge.training._stateful_batches import lanes
from rnnedge.training._tbptt import Window, batches, cut
from rnnedge_export.torch_threads import worthwhile_threads
from rnnedge_runtime.errors import InputError

_LOWEST, _HIGHEST = 1e-6, 10.0
# Of every earlier loss, this share stays in the smoothed one.
_SMOOTHING = 0.9
# Steps over which a slope is taken: as many as the smoothed loss remembers.
_SPAN = 10
# Where the smoothed loss is this many times the least one, the network is lost.
_LOST = 4.0


@dataclass(frozen=True, eq=False)
class RangeTest:
    """`rates`, `losses`, `smoothed`: float64 (step,), up to where the loss exploded.

    `suggestion`: the rate at which the smoothed loss falls fastest on a logarithmic axis, a good peak for a schedule;
    `limit`: the rate of the least smoothed loss; what is larger makes things worse.
    """

    rates: Array
    losses: Array
    smoothed: Array
    suggestion: float
    limit: float


def range_test(network: RecurrentNetwork, train: SequenceData, config: TrainerConfig, steps: int = 200) -> RangeTest:
    """Try rates from 1e-6 to 10 in `steps` updates on a copy of `network`, each with the next batch.

    Raises `InputError` where data and network do not fit, or no rate makes the loss fall.
    """
    config = settled(config, train)
    check(network.config, train, config, "training data")
    tried = copy.deepcopy(network).train()
    with worthwhile_threads(tried, config.batch_size):
        return _tried(tried, train, config, steps)


def _tried(tried: RecurrentNetwork, train: SequenceData, config: TrainerConfig, steps: int) -> RangeTest:
    objective, optimizer = Objective(tried, config), make_optimizer(tried, config)
    order = np.random.default_rng(config.seed)
    rates = np.geomspace(_LOWEST, _HIGHEST, steps)
    losses: list[float] = []
    smoothed: list[float] = []
    state, mean = None, 0.0
    for step, (rate, window) in enumerate(zip(rates, _endless(tried, train, config, order), strict=False)):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        state = None if bool(window.fresh.all()) else state
        loss, state = objective([window], state)
        mean_loss = loss / max(judged_count(window, config), 1)
        mean_loss.backward()
        torch.nn.utils.clip_grad_norm_(tried.parameters(), config.clip_norm)
        optimizer.step()
        losses.append(float(mean_loss.detach()))
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * losses[-1]
        smoothed.append(mean / (1 - _SMOOTHING ** (step + 1)))
        if not np.isfinite(losses[-1]) or smoothed[-1] > _LOST * min(smoothed):
            break
    return _result(rates[: len(losses)], np.array(losses), np.array(smoothed))


def _endless(
    network: RecurrentNetwork, train: SequenceData, config: TrainerConfig, order: np.random.Generator
) -> Iterator[Window]:
    """The windows of one epoch after the other, as `fit` has them."""
    while True:
        if config.stateful:
            yield from lanes(train, network, config, order)
        else:
            for batch in batches(train, network, config, order):
                yield from cut(batch, config.k1, network)


def _result(rates: Array, losses: Array, smoothed: Array) -> RangeTest:
    # The first smoothed losses are means of a few batches, and differ by chance.
    least = int(np.nanargmin(smoothed[_SPAN:])) + _SPAN if len(smoothed) > 2 * _SPAN else 0
    if least <= 2 * _SPAN:
        raise InputError(
            f"range test: no learning rate from {_LOWEST:g} to {rates[-1]:g} makes the loss ({losses[0]:.3g}) fall; "
            "look at the data and the scale of the targets"
        )
    falls = smoothed[2 * _SPAN : least + 1] - smoothed[_SPAN : least + 1 - _SPAN]
    steepest = int(falls.argmin()) + 2 * _SPAN - _SPAN // 2
    return RangeTest(rates, losses, smoothed, float(rates[steepest]), float(rates[least]))
