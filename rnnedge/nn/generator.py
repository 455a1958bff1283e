"""The recurrent conditional GAN: a recurrence that makes sequences of noise, and one that tells them from real ones.

Esteban, Hyland & Raetsch, "Real-valued (medical) time series generation with recurrent conditional GANs", 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rnnedge.nn.config import NetworkConfig
from rnnedge.nn.network import RecurrentNetwork
from rnnedge_runtime.annotated import check_fields
from rnnedge_runtime.errors import InputError


@dataclass(frozen=True)
class GeneratorConfig:
    """Both recurrences of a recurrent conditional GAN, each `num_layers` of `hidden_size` units of `cell`.

    `noise_size`: numbers of noise per frame; `condition_size`: numbers per frame that say what to make, 0 for none;
    `output_size`: features of a frame that is made.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    output_size: int
    noise_size: int = 4
    condition_size: int = 0
    cell: str = "lstm"
    hidden_size: int = 32
    num_layers: int = 1

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range."""
        check_fields(self)
        if self.noise_size < 1:
            raise InputError(f"noise_size: expected at least 1, found {self.noise_size}")
        if self.condition_size < 0:
            raise InputError(f"condition_size: expected 0 or more, found {self.condition_size}")
        self.generator()

    def generator(self) -> NetworkConfig:
        """Noise and condition in, a frame out."""
        inputs = self.noise_size + self.condition_size
        return NetworkConfig(self.cell, inputs, self.hidden_size, self.output_size, self.num_layers)

    def discriminator(self) -> NetworkConfig:
        """A frame and its condition in, the logit that it is real out."""
        inputs = self.output_size + self.condition_size
        return NetworkConfig(self.cell, inputs, self.hidden_size, 1, self.num_layers)


class RecurrentGenerator(nn.Module):
    """x_t = G(z_1 ... z_t, c_1 ... c_t), z noise from N(0, 1), c the condition (section 3 and figure 1).

    Created from a config, trained by `rnnedge.training.adversarial`, exported with the example (noise, condition), or,
    without a condition, as its `network` with the example noise: the device draws the noise and pushes it, a frame
    comes out for each. Keeps no sequence state, as `RecurrentNetwork`.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        """With torch's initialization; seed torch before, for the same weights."""
        super().__init__()
        self.config = config
        self.network = RecurrentNetwork(config.generator())

    def forward(self, noise: Tensor, condition: Tensor | None = None, state: Any = None) -> tuple[Tensor, Any]:
        """noise (batch, time, noise), condition (batch, time, condition) or None -> x (batch, time, output), state."""
        y: tuple[Tensor, Any] = self.network(_beside(noise, condition), state)
        return y


class RecurrentDiscriminator(nn.Module):
    """D(x_1 ... x_t, c_1 ... c_t): for every frame the logit that the sequence so far is real (section 3)."""

    def __init__(self, config: GeneratorConfig) -> None:
        """With torch's initialization; seed torch before, for the same weights."""
        super().__init__()
        self.network = RecurrentNetwork(config.discriminator())

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """x (batch, time, output), condition (batch, time, condition) or None -> logits (batch, time)."""
        logits: Tensor = self.network(_beside(x, condition))[0].squeeze(-1)
        return logits


def _beside(x: Tensor, condition: Tensor | None) -> Tensor:
    return x if condition is None else torch.cat([x, condition], dim=-1)
