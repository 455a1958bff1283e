"""What is known after an epoch of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Epoch:
    """One pass over the training sequences, and one over those that are held out, streamed.

    `metrics`: of the held-out sequences, by name. `gradient_norm`, `largest_gradient_norm`: mean and maximum over the
    updates, before clipping; `clipped`: share of updates whose gradient was cut. `dead`: for every recurrent layer, the
    share of units that never change. `learning_rate`: at the end. `seconds`: of wall time, which two equal epochs do
    not share.
    """

    number: int
    train_loss: float
    validation_loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    gradient_norm: float = 0.0
    largest_gradient_norm: float = 0.0
    clipped: float = 0.0
    dead: tuple[float, ...] = ()
    learning_rate: float = 0.0
    seconds: float = field(default=0.0, compare=False)

    @property
    def accuracy(self) -> float | None:
        """Share of the held-out sequences decided right; None if there are no classes."""
        return self.metrics.get("accuracy")
