"""Losses are what the equations say, and only judged frames count."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import SequenceData, TrainerConfig, evaluate
from rnnedge.training.losses import frame_losses, outputs_for, prediction, sequence_losses

RNG = np.random.default_rng(3)
Y = RNG.standard_normal((7, 2)).astype(np.float32)
TARGET = RNG.standard_normal((7, 2)).astype(np.float32)


def loss(config: TrainerConfig, y: np.ndarray = Y) -> np.ndarray:
    """Per frame."""
    return frame_losses(torch.from_numpy(y), torch.from_numpy(TARGET), config).numpy()


def test_squared_and_absolute_differences_are_means_over_values() -> None:
    """Two values per frame."""
    np.testing.assert_allclose(loss(TrainerConfig(loss="mse")), ((Y - TARGET) ** 2).mean(1), rtol=1e-6)
    np.testing.assert_allclose(loss(TrainerConfig(loss="mae")), np.abs(Y - TARGET).mean(1), rtol=1e-6)


def test_the_quantile_loss_is_least_at_the_quantile() -> None:
    """Of a constant prediction for many numbers, the 0.9 quantile has the least loss."""
    numbers = torch.from_numpy(RNG.standard_normal((4001, 1)).astype(np.float32))
    config = TrainerConfig(loss="quantile", quantiles=(0.9,))
    candidates = np.quantile(numbers.numpy(), [0.8, 0.88, 0.9, 0.92, 0.97])
    found = [float(frame_losses(torch.full_like(numbers, c), numbers, config).mean()) for c in candidates]
    assert np.argmin(found) == 2


def test_the_quantile_loss_is_the_pinball_equation() -> None:
    """max(q e, (q - 1) e) with e = target - y, outputs ordered value by value."""
    q = np.array([0.1, 0.5, 0.9])
    y = RNG.standard_normal((7, 6)).astype(np.float32)
    config = TrainerConfig(loss="quantile", quantiles=tuple(q))
    error = TARGET[:, :, None] - y.reshape(7, 2, 3)
    np.testing.assert_allclose(loss(config, y), np.maximum(q * error, (q - 1) * error).mean((1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(prediction(torch.from_numpy(y), config).numpy(), y[:, [1, 4]])
    assert outputs_for(config, 2) == 6


def test_the_likelihood_is_that_of_a_normal_distribution() -> None:
    """Against torch's own density."""
    y = RNG.standard_normal((7, 4)).astype(np.float32)
    config = TrainerConfig(loss="nll")
    density = torch.distributions.Normal(torch.from_numpy(y[:, :2]), torch.from_numpy(np.exp(y[:, 2:] / 2)))
    expected = -density.log_prob(torch.from_numpy(TARGET)).mean(1)
    np.testing.assert_allclose(loss(config, y), expected.numpy(), rtol=1e-5)
    assert outputs_for(config, 2) == 4


def test_ctc_sums_over_every_path() -> None:
    """Three frames, one label: the likelihood is the sum of all paths that collapse to it."""
    y = torch.from_numpy(RNG.standard_normal((1, 3, 3)).astype(np.float32))
    p = torch.softmax(y, -1)[0].numpy()
    paths = [(a, b, c) for a in range(3) for b in range(3) for c in range(3)]

    def collapsed(path: tuple[int, ...]) -> list[int]:
        kept = [k for i, k in enumerate(path) if i == 0 or path[i - 1] != k]
        return [k - 1 for k in kept if k > 0]

    expected = -np.log(sum(np.prod([p[t, k] for t, k in enumerate(path)]) for path in paths if collapsed(path) == [1]))
    found = sequence_losses(y, torch.tensor([3]), torch.tensor([[1]]))
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_ctc_of_a_batch_is_ctc_of_its_rows() -> None:
    """Different numbers of frames and labels; no path means no blame."""
    y = torch.from_numpy(RNG.standard_normal((3, 6, 4)).astype(np.float32))
    frames, target = torch.tensor([6, 4, 2]), torch.tensor([[0, 1, 2], [2, -1, -1], [1, 1, 1]])
    together = sequence_losses(y, frames, target)
    for row, labels in enumerate((3, 1)):
        alone = sequence_losses(y[row : row + 1, : frames[row]], frames[row : row + 1], target[row : row + 1, :labels])
        assert float(together[row]) == pytest.approx(float(alone), rel=1e-5)
    assert float(together[2]) == 0


@pytest.mark.parametrize(("first", "output"), [(0, "frames"), (3, "frames"), (0, "last")])
def test_judged_frames_are_real_and_late_enough(first: int, output: str) -> None:
    """Against a loop over sequences and frames, through torch alone."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", 2, 5, 3, output=output)).eval()
    frames = tuple(RNG.standard_normal((n, 2)).astype(np.float32) for n in (1, 7, 4, 2))
    targets = (0, 2, 1, 1)
    losses = []
    with torch.no_grad():
        for x, target in zip(frames, targets, strict=True):
            y = network(torch.from_numpy(x[None]))[0]
            rows = y[0][min(first, len(x) - 1) :] if output == "frames" else y
            losses += [float(torch.nn.functional.cross_entropy(row[None], torch.tensor([target]))) for row in rows]
    config = TrainerConfig(first_frame=first, batch_size=3)
    found = evaluate(network, SequenceData(frames, targets), config)
    assert found.loss == pytest.approx(np.mean(losses), rel=1e-5)
