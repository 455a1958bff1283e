"""What a network is blamed for: a number per judged frame, or per sequence for CTC.

| name            | outputs per frame             | target                                                          |
|-----------------|-------------------------------|-----------------------------------------------------------------|
| `mse`           | values                        | values; squared difference                                      |
| `mae`           | values                        | values; absolute difference                                     |
| `quantile`      | values x quantiles            | values; Koenker & Bassett, "Regression quantiles", 1978         |
| `nll`           | means, then logs of variances | values; Nix & Weigend, "Estimating the mean and variance", 1994 |
| `cross_entropy` | a score per class             | a class per sequence, or per frame                              |
| `ctc`           | a score for blank, per class  | classes in their order; Graves et al., "Connectionist temporal  |
|                 |                               | classification", 2006; class c has output c + 1                 |
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rnnedge.training._config import TrainerConfig

CLASSES = ("cross_entropy", "ctc")
_SMALLEST_LOG_VARIANCE = -14.0


def outputs_for(config: TrainerConfig, values: int) -> int:
    """How many outputs a frame has for `values` classes, or values per frame."""
    per_value = {"quantile": len(config.quantiles), "nll": 2}.get(config.loss, 1)
    return values + 1 if config.loss == "ctc" else values * per_value


def prediction(y: Tensor, config: TrainerConfig) -> Tensor:
    """The one value that an output stands for, a mean or the quantile nearest to 1/2: y (..., output) -> (..., value).

    Scores of classes stay as they are.
    """
    if config.loss == "nll":
        mean, _ = y.chunk(2, dim=-1)
        return mean
    if config.loss == "quantile":
        middle = min(range(len(config.quantiles)), key=lambda i: abs(config.quantiles[i] - 0.5))
        chosen: Tensor = _by_quantile(y, config)[..., middle]
        return chosen
    return y


def frame_losses(y: Tensor, target: Tensor, config: TrainerConfig) -> Tensor:
    """y (frame, output), target (frame,) classes or (frame, value) -> (frame,): the mean over a frame's values."""
    if config.loss == "cross_entropy":
        return nn.functional.cross_entropy(y, target, label_smoothing=config.label_smoothing, reduction="none")
    elements: Tensor = _ELEMENTS[config.loss](y, target.to(y.dtype), config)
    return elements.flatten(1).mean(1)


def _by_quantile(y: Tensor, config: TrainerConfig) -> Tensor:
    """y (..., values x quantiles) -> (..., value, quantile)."""
    by_quantile: Tensor = y.reshape(*y.shape[:-1], -1, len(config.quantiles))
    return by_quantile


def _quantile(y: Tensor, target: Tensor, config: TrainerConfig) -> Tensor:
    q = y.new_tensor(config.quantiles)
    error = target[..., None] - _by_quantile(y, config)
    pinball: Tensor = torch.maximum(q * error, (q - 1) * error)
    return pinball


def _nll(y: Tensor, target: Tensor, config: TrainerConfig) -> Tensor:
    mean, log_variance = y.chunk(2, dim=-1)
    s = log_variance.clamp(min=_SMALLEST_LOG_VARIANCE)
    return 0.5 * (s + (target - mean) ** 2 * torch.exp(-s) + math.log(2 * math.pi))


_ELEMENTS = {
    "mse": lambda y, target, _: (y - target) ** 2,
    "mae": lambda y, target, _: (y - target).abs(),
    "quantile": _quantile,
    "nll": _nll,
}


def sequence_losses(y: Tensor, frames: Tensor, target: Tensor) -> Tensor:
    """CTC: y (batch, time, 1 + class), of which `frames` (batch,) are real; target (batch, label), -1 where none is.

    Returns (batch,): the negative log likelihood for each label of a sequence. A sequence of fewer frames than its
    labels need has no path; it counts as 0 and teaches nothing.
    """
    labels = (target >= 0).sum(1)
    log_p = nn.functional.log_softmax(y.float(), dim=-1).transpose(0, 1)
    total = nn.functional.ctc_loss(
        log_p, target.clamp(min=0) + 1, frames, labels, blank=0, reduction="none", zero_infinity=True
    )
    return total / labels.clamp(min=1)
