"""Optimizers and schedules by name, all of them torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR

from rnnedge.training._config import TrainerConfig

_KINDS: dict[str, Callable[..., Optimizer]] = {
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


def make_optimizer(network: nn.Module, config: TrainerConfig) -> Optimizer:
    """The optimizer `config` names, over the parameters of `network` in two groups.

    Weight decay draws matrices and convolutions to zero; biases, gains and other vectors keep their freedom, as their
    size says nothing about how much the network relies on them.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    decayed = {"params": [p for p in parameters if p.dim() > 1], "weight_decay": config.weight_decay}
    free = {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0}
    groups: list[dict[str, Any]] = [group for group in (decayed, free) if group["params"]]
    if config.optimizer in _KINDS:
        options: dict[str, Any] = {"momentum": config.momentum} if config.optimizer == "rmsprop" else {}
        return _KINDS[config.optimizer](groups, lr=config.learning_rate, **options)
    plain = config.optimizer in ("gradient_descent", "sgd")
    return torch.optim.SGD(
        groups,
        lr=config.learning_rate,
        momentum=0.0 if plain else config.momentum,
        nesterov=config.optimizer == "nesterov",
    )


def make_schedule(optimizer: Optimizer, config: TrainerConfig, steps: int) -> LRScheduler:
    """What the learning rate does over `steps` updates.

    "one_cycle": up to the peak, then down (Smith & Topin, "Super-convergence", 2018), and the momentum the other way.
    "cosine": from the peak to 0 along half a cosine (Loshchilov & Hutter, "SGDR", 2017). "linear": straight to 0.
    """
    peak = config.learning_rate
    if config.schedule == "one_cycle":
        cycled = {"momentum", "betas"} & set(optimizer.defaults)
        moving = optimizer.defaults.get("momentum", 1.0) > 0
        return OneCycleLR(optimizer, peak, steps, cycle_momentum=bool(cycled) and moving)
    if config.schedule == "cosine":
        return CosineAnnealingLR(optimizer, steps)
    if config.schedule == "linear":
        return LambdaLR(optimizer, lambda step: max(0.0, 1 - step / steps))
    return LambdaLR(optimizer, lambda _: 1.0)
