"""Networks learn values that are about 1 wide; what they then give is in the units of the data.

While a network is trained, its targets are (value - mean) / std. Afterwards the head, a linear layer, takes the way
back into its own weights, so that nothing is left to do on the device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from rnnedge.training import SequenceData, TrainerConfig
from rnnedge.training._data import Array


@dataclass(frozen=True, eq=False)
class TargetScale:
    """Mean and standard deviation of every value, float64 (value,), over all training targets."""

    mean: Array
    std: Array

    @staticmethod
    def of(train: SequenceData) -> TargetScale:
        """That of the targets of `train`; a constant value counts as 1 wide."""
        every = np.concatenate([np.asarray(target, np.float64) for target in train.targets])
        std = every.std(axis=0)
        return TargetScale(every.mean(axis=0), np.where(std > 1e-12, std, 1.0))

    def scaled(self, data: SequenceData) -> SequenceData:
        """`data` with targets that are about 1 wide, float32."""
        targets = tuple(((np.asarray(t, np.float64) - self.mean) / self.std).astype(np.float32) for t in data.targets)
        return SequenceData(data.frames, targets, data.labels)

    def into_head(self, head: nn.Linear, config: TrainerConfig) -> None:
        """Make a head that gives scaled values give values."""
        scale, shift = self._affine(config)
        _apply(head, scale, shift)

    def out_of_head(self, head: nn.Linear, config: TrainerConfig) -> None:
        """Make a head that gives values give scaled ones."""
        scale, shift = self._affine(config)
        _apply(head, 1 / scale, -shift / scale)

    def _affine(self, config: TrainerConfig) -> tuple[Tensor, Tensor]:
        """output * scale + shift, for every output of the head."""
        mean, std = torch.from_numpy(self.mean), torch.from_numpy(self.std)
        if config.loss == "quantile":
            count = len(config.quantiles)
            return std.repeat_interleave(count), mean.repeat_interleave(count)
        if config.loss == "nll":
            # The variance of a value that is std times as large is std^2 times as large.
            return torch.cat([std, torch.ones_like(std)]), torch.cat([mean, 2 * torch.log(std)])
        return std, mean


def _apply(head: nn.Linear, scale: Tensor, shift: Tensor) -> None:
    with torch.no_grad():
        head.weight.copy_(head.weight.double() * scale[:, None])
        head.bias.copy_(head.bias.double() * scale + shift)
