"""A recurrent generator trained against a discriminator, turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from rnnedge.nn.generator import RecurrentDiscriminator, RecurrentGenerator
from rnnedge_runtime.annotated import check_fields
from rnnedge_runtime.errors import InputError

# Of Adam, for both (Radford, Metz & Chintala, "Unsupervised representation learning with DCGANs", 2016, section 4).
_BETAS = (0.5, 0.999)


@dataclass(frozen=True)
class AdversarialConfig:
    """How generator and discriminator learn: `steps` turns of one update of each, with Adam.

    `clip_norm` bounds the norm of each gradient. `real_label`: what the discriminator shall say of real frames, below 1
    so that it is never too sure (Salimans et al., "Improved techniques for training GANs", 2016, section 3.4).
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    steps: int = 1000
    batch_size: int = 32
    generator_rate: float = 1e-3
    discriminator_rate: float = 1e-3
    clip_norm: float = 1.0
    real_label: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range."""
        check_fields(self)
        for name in ("steps", "batch_size", "generator_rate", "discriminator_rate", "clip_norm"):
            if getattr(self, name) <= 0:
                raise InputError(f"{name}: expected a positive number, found {getattr(self, name)}")
        if not 0.5 < self.real_label <= 1:
            raise InputError(f"real_label: expected a number above 0.5, up to 1, found {self.real_label}")


@dataclass(frozen=True)
class Turn:
    """The losses of one turn, in nats per frame; ln 2 = 0.69 is that of a discriminator that cannot tell."""

    step: int
    generator: float
    discriminator: float


def train_adversarially(
    generator: RecurrentGenerator,
    discriminator: RecurrentDiscriminator,
    real: Tensor,
    condition: Tensor | None,
    config: AdversarialConfig,
    *,
    progress: Callable[[Turn], None] | None = None,
) -> tuple[Turn, ...]:
    """Train both in place on sequences `real` (sequence, time, output) with their `condition` (sequence, time, ...).

    The discriminator lessens the cross-entropy of real and made frames, each beside the same conditions; the generator
    that of made frames called real (Esteban et al. 2017, eq. 1 and 2; Goodfellow et al., "Generative adversarial nets",
    2014, section 3, for the generator's form). Deterministic for a machine and a seed.

    Raises `InputError` where shapes do not fit, and where a loss is no longer finite.
    """
    _check(generator, real, condition)
    draw = torch.Generator().manual_seed(config.seed)
    optimizers = [
        torch.optim.Adam(module.parameters(), lr=rate, betas=_BETAS)
        for module, rate in ((generator, config.generator_rate), (discriminator, config.discriminator_rate))
    ]
    turns = []
    for step in range(1, config.steps + 1):
        rows = torch.randint(len(real), (config.batch_size,), generator=draw)
        c = None if condition is None else condition[rows]
        noise = torch.randn(config.batch_size, real.shape[1], generator.config.noise_size, generator=draw)
        made, _ = generator(noise, c)
        told = _judged(discriminator(real[rows], c), config.real_label) + _judged(discriminator(made.detach(), c), 0.0)
        _update(discriminator, told / 2, optimizers[1], step, config)
        fooled = _judged(discriminator(made, c), 1.0)
        _update(generator, fooled, optimizers[0], step, config)
        turns.append(Turn(step, float(fooled.detach()), float(told.detach()) / 2))
        if progress is not None:
            progress(turns[-1])
    return tuple(turns)


def _check(generator: RecurrentGenerator, real: Tensor, condition: Tensor | None) -> None:
    outputs, conditions = generator.config.output_size, generator.config.condition_size
    if real.dim() != 3 or real.shape[2] != outputs or 0 in real.shape:
        raise InputError(
            f"real: expected sequences (sequence, time, {outputs}), found {tuple(real.shape)}; "
            "give as many features as the generator makes"
        )
    found = None if condition is None else tuple(condition.shape)
    expected = (*real.shape[:2], conditions) if conditions else None
    if found != expected:
        raise InputError(f"condition: expected {expected}, found {found}; give one for every frame of `real`")
    if not (torch.isfinite(real).all() and (condition is None or torch.isfinite(condition).all())):
        raise InputError("real, condition: expected finite numbers, found NaN or infinity; leave those sequences out")


def _judged(logits: Tensor, label: float) -> Tensor:
    return cross_entropy(logits, torch.full_like(logits, label))


def _update(
    module: nn.Module, loss: Tensor, optimizer: torch.optim.Optimizer, step: int, config: AdversarialConfig
) -> None:
    kind = type(module).__name__
    if not torch.isfinite(loss):
        raise InputError(
            f"training: the loss of the {kind} is {float(loss.detach())} at step {step}; lower generator_rate (now "
            f"{config.generator_rate:g}) and discriminator_rate (now {config.discriminator_rate:g}), or scale the data"
        )
    # The generator's loss leaves gradients in the discriminator too: every update begins from none.
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(module.parameters(), config.clip_norm)
    if not torch.isfinite(norm):
        raise InputError(f"training: the gradient of the {kind} is {float(norm)} at step {step}; lower its rate")
    optimizer.step()
