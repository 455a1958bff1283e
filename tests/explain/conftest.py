"""Networks to look into: one that learned the adding problem, and the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from command import Command, Done
from torch import Tensor, nn

from rnnedge.cli import execute


class LastFrame(nn.Module):
    """A recurrence and a head that reads its last frame."""

    def __init__(self, rnn: nn.RNNBase, outputs: int = 1) -> None:
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(rnn.hidden_size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, feature) -> (batch, output)."""
        y, _ = self.rnn(x)
        return self.head(y[:, -1])


@dataclass(frozen=True)
class Adding:
    """A network that adds, its mean squared error, and unseen sequences of values and markers (n, time, 2)."""

    network: nn.Module
    error: float
    sequences: Tensor
    sums: Tensor


def adding_problem(count: int, time: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Values in [0, 1], one marked in either half; the target is the sum of these two.

    Source: Hochreiter & Schmidhuber 1997, experiment 4, with the values of Le, Jaitly & Hinton 2015, section 4.1.
    """
    values, markers = torch.rand(count, time, generator=generator), torch.zeros(count, time)
    rows, half = torch.arange(count), time // 2
    markers[rows, torch.randint(0, half, (count,), generator=generator)] = 1
    markers[rows, torch.randint(half, time, (count,), generator=generator)] = 1
    return torch.stack([values, markers], -1), (values * markers).sum(1)


@pytest.fixture(scope="session")
def adding() -> Adding:
    """An LSTM of 16 units, first on short sequences, then on longer ones, up to 40 frames."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network = LastFrame(nn.LSTM(2, 16, batch_first=True))
    with torch.no_grad():
        network.rnn.bias_hh_l0[16:32].fill_(1.0)
    for time, steps in ((10, 400), (20, 300), (40, 1000)):
        optimizer = torch.optim.Adam(network.parameters(), 0.02)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            x, y = adding_problem(64, time, generator)
            loss = (network(x)[:, 0] - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    x, y = adding_problem(500, 40, torch.Generator().manual_seed(99))
    with torch.no_grad():
        error = float((network(x)[:, 0] - y).square().mean())
    return Adding(network.eval(), error, x, y)


@pytest.fixture
def rnnedge(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`rnnedge(*arguments)` runs the command line in this process; networks_to_explain.py can be imported."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    run: Callable[..., Done]

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = execute([str(a) for a in arguments])
        return Done(code, *capsys.readouterr())

    return run
