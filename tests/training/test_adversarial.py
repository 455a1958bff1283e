"""A recurrent conditional GAN learns what its sequences look like, and streams samples from noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import rnnedge_export
from rnnedge.nn.generator import GeneratorConfig, RecurrentDiscriminator, RecurrentGenerator
from rnnedge.training.adversarial import AdversarialConfig, Turn, train_adversarially
from rnnedge_runtime import InputError, load

pytestmark = pytest.mark.long

CONFIG = GeneratorConfig(output_size=1, condition_size=1)
SHORT = AdversarialConfig(steps=3, generator_rate=3e-3, discriminator_rate=3e-3)


def waves(count: int = 256, time: int = 24) -> tuple[Tensor, Tensor]:
    """Sine waves of 0.1 to 0.25 periods a frame in any phase, and their frequency as condition."""
    draw = torch.Generator().manual_seed(1)
    frequency, phase = (torch.rand(count, 1, 1, generator=draw) for _ in range(2))
    t = torch.arange(time)[None, :, None]
    x = torch.sin(2 * torch.pi * ((0.1 + 0.15 * frequency) * t + phase))
    return x, (2 * frequency - 1).expand(-1, time, 1).contiguous()


def pair(config: GeneratorConfig = CONFIG) -> tuple[RecurrentGenerator, RecurrentDiscriminator]:
    """Seeded, untrained."""
    torch.manual_seed(0)
    return RecurrentGenerator(config), RecurrentDiscriminator(config)


def statistics(x: Tensor) -> Tensor:
    """Variance, and autocorrelation 1, 2, 3 and 5 frames apart."""
    x = x - x.mean()
    variance = x.square().mean()
    return torch.stack([variance, *[(x[:, k:] * x[:, :-k]).mean() / variance for k in (1, 2, 3, 5)]])


def trained(config: AdversarialConfig) -> tuple[RecurrentGenerator, tuple[Turn, ...]]:
    """A generator of waves after so many turns."""
    generator, discriminator = pair()
    return generator, train_adversarially(generator, discriminator, *waves(), config)


def test_a_generator_learns_waves_of_varying_frequency() -> None:
    """Variance and autocorrelation come several times as near to those of real waves as without training."""
    real, condition = waves()
    noise = torch.randn(len(real), 24, 4, generator=torch.Generator().manual_seed(5))
    distances = []
    for generator in (pair()[0], trained(replace(SHORT, steps=300))[0]):
        with torch.no_grad():
            made, _ = generator(noise, condition)
        distances.append(float((statistics(made) - statistics(real)).norm()))
    assert distances[1] < distances[0] / 3


def test_a_seed_decides_the_training() -> None:
    """The same turns and weights for the same seed, others for another."""
    (one, turns), (two, again), (other, _) = (trained(replace(SHORT, seed=seed)) for seed in (0, 0, 1))
    assert turns == again
    assert [turn.step for turn in turns] == [1, 2, 3]
    assert torch.equal(one.network.head.weight, two.network.head.weight)
    assert not torch.equal(one.network.head.weight, other.network.head.weight)


@pytest.mark.parametrize("conditions", [0, 1])
def test_a_generator_streams_samples_from_noise(conditions: int, tmp_path: Path) -> None:
    """Frame by frame, equal to PyTorch, with the condition as an input of its own; without one, the network alone."""
    generator = pair(replace(CONFIG, condition_size=conditions))[0].eval()
    noise, condition = torch.randn(1, 20, 4), torch.rand(1, 20, 1)
    given = (noise, condition) if conditions else (noise,)
    rnnedge_export.export(
        generator if conditions else generator.network, given if conditions else noise, tmp_path / "m.onnx"
    )
    with torch.no_grad():
        expected = generator(*given)[0][0].numpy()
    stream = load(tmp_path / "m.onnx").stream()
    arrays = {"noise": noise[0].numpy(), "condition": condition[0].numpy()}
    parts = [
        stream.push({k: v[t : t + 1] for k, v in arrays.items()} if conditions else arrays["noise"][t : t + 1])
        for t in range(20)
    ]
    np.testing.assert_allclose(np.concatenate(parts), expected, rtol=0, atol=1e-5)


def test_a_loss_that_is_not_finite_ends_training() -> None:
    """With the step, the network and the rates."""
    generator, discriminator = pair()
    with torch.no_grad():
        discriminator.network.head.bias.fill_(float("nan"))
    with pytest.raises(InputError, match="the loss of the RecurrentDiscriminator is nan at step 1; lower generator_"):
        train_adversarially(generator, discriminator, *waves(), SHORT)


def test_data_that_do_not_fit_are_refused() -> None:
    """Features, conditions, numbers."""
    x, c = waves()
    wrong = x.clone()
    wrong[3, 2] = float("nan")
    cases = [(x.expand(-1, -1, 2), c, r"real: expected sequences \(sequence, time, 1\)"), (x, None, "found None"),
             (x, c[:, :5], r"expected \(256, 24, 1\), found \(256, 5, 1\)"), (wrong, c, "found NaN")]  # fmt: skip
    for real, condition, words in cases:
        with pytest.raises(InputError, match=words):
            train_adversarially(*pair(), real, condition, SHORT)


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        (GeneratorConfig, {"output_size": 1, "noise_size": 0}, "noise_size: expected at least 1"),
        (GeneratorConfig, {"output_size": 1, "cell": "x"}, "cell: expected one of"),
        (AdversarialConfig, {"steps": 0}, "steps: expected a positive number"),
        (AdversarialConfig, {"real_label": 0.2}, "real_label: expected a number above 0.5"),
    ],
)
def test_a_config_out_of_range_names_its_field(kind: type, fields: dict[str, object], words: str) -> None:
    """Before anything is built."""
    with pytest.raises(ValueError, match=words):
        kind(**fields)
