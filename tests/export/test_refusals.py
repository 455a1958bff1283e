"""What cannot stream is refused with the layer, the reason and a remedy, and leaves no file."""

from __future__ import annotations

from pathlib import Path

import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import Tensor, nn

from rnnedge_runtime import ModelRefused

X = torch.randn(1, 6, 4)


class Wrapped(nn.Module):
    """A GRU followed by something that needs more than the past."""

    def __init__(self, **options: bool) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 4, batch_first=True, **options)

    def after(self, y: Tensor) -> Tensor:
        """What follows the recurrence."""
        return y

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.gru(x)
        return self.after(y)


class Normalized(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y - y.mean(1, keepdim=True)


class Product(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y.prod(1)


class Table(Wrapped):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, 5000, 4))

    def after(self, y: Tensor) -> Tensor:
        return y + self.table[:, : y.shape[1]]


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        h, ys = torch.zeros(x.shape[0], 4), []
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h) if t % 2 else torch.tanh(h + x[:, t])
            ys.append(h)
        return torch.stack(ys, 1)


class OneByOne(Loop):
    def forward(self, x: Tensor) -> Tensor:
        y = torch.empty_like(x)
        for i, sequence in enumerate(x):
            h = torch.zeros(4)
            for t, frame in enumerate(sequence):
                h = self.cell(frame, h)
                y[i, t] = h
        return y


class Growing(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return torch.exp(y.exp().cumsum(1))


class Halves(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return torch.cat(y.split(y.shape[1] // 2, 1)[:2], 1)


class Circular(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return nn.functional.pad(y.transpose(1, 2), (2, 0), mode="circular").transpose(1, 2)


class Flip(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y.flip(1)


class Attention(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return (y @ y.transpose(1, 2)).softmax(-1) @ y


class SoftmaxOverTime(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y.softmax(1)


class Length(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y / y.shape[1]


class FirstFrame(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y[:, 0]


class Baked(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y + torch.ones(6, 4)


class Mixed(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y + y[:, -1:]


class SummaryIntoFrames(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y + y[:, -1].unsqueeze(1)


class StartFromData(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.gru(x, x[:, -1].unsqueeze(0))[0]


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, [x.shape[1]] * x.shape[0], batch_first=True)
        return nn.utils.rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0]


class Branch(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y if y.sum() > 0 else -y


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Wrapped(bidirectional=True), r"gru \(GRU\).*bidirectional.*bidirectional=False"),
        (nn.LSTM(4, 4, bidirectional=True, batch_first=True), r"LSTM.*bidirectional"),
        pytest.param(
            nn.LSTM(4, 6, proj_size=3, batch_first=True, bidirectional=True),
            r"LSTM: a bidirectional LSTM",
            # PyTorch says once per process that oneDNN has no kernel for it.
            marks=pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning"),
        ),
        (Normalized(), r"mixes a value per frame with a summary"),
        (Product(), r"pools over the whole sequence"),
        (Flip(), r"turns the sequence round"),
        (Table(), r"at most 5000 frames in test_refusals\.py:\d+ `return y \+ self\.table.*relative to the frame"),
        (
            Loop(),
            r"length to 6 in test_refusals\.py:\d+ `for t in range.*rnnedge\.nn\.time_loop.*"
            r"cannot be rolled into a scan: iterations \d+ and \d+ differ in test_refusals\.py:\d+ `h = ",
        ),
        (
            OneByOne(),
            r"test_refusals\.py:\d+ `h = torch\.zeros\(4\)` runs once more for every sequence.*all sequences at once",
        ),
        (Growing(), r"its own output 'y' is not finite"),
        (Halves(), r"torch\.split.*cut by numbers"),
        (Circular(), r"circular padding along time.*mode='constant'"),
        (Attention(), r"time|attention"),
        (SoftmaxOverTime(), r"normalizes over time"),
        (Length(), r"length of the sequence"),
        (FirstFrame(), r"single frames by their number"),
        (Baked(), r"fixes the sequence length to 6 in test_refusals\.py:\d+ `return y \+ torch\.ones"),
        (Mixed(), r"mixes a value per frame with a summary"),
        (SummaryIntoFrames(), r"mixes a value per frame with a summary"),
        (StartFromData(), r"initial state"),
        (Packed(), r"pack"),
        (Branch(), r"any batch and length"),
        (nn.GRU(4, 4, batch_first=True).double(), r"float32 weights.*float64"),
        (nn.GRU(5, 4, batch_first=True), r"forward fails on an input of shape"),
        (nn.MultiheadAttention(4, 2, batch_first=True), r"forward fails"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_network_that_cannot_stream_is_refused(module: nn.Module, words: str, tmp_path: Path) -> None:
    """One line, no file."""
    with pytest.raises(ModelRefused, match=words) as caught:
        quickly.export(module, X, tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@in_one_test(
    ("example", "words"),
    [
        ((X, torch.zeros(1, 1, 4)), r"forward fails"),
        ((X, torch.zeros(4)), r"'x1': expected a value per sequence.*found shape \(4,\)"),
        ("x", r"a tensor \(batch, time, ...\), found a path or a name, str"),
        (X[0, 0], r"batch on axis 0 and time on axis 1"),
        (X.double(), r"float32.*float64"),
        (X[:, :0], r"at least one frame"),
    ],
    ids=["states", "no-batch", "text", "no-axes", "dtype", "empty"],
)
def test_a_wrong_example_is_refused(example: object, words: str, tmp_path: Path) -> None:
    """The message says what an example is."""
    with pytest.raises(ModelRefused, match=words):
        quickly.export(Wrapped(), example, tmp_path / "m.onnx")


class Solved(nn.Module):
    """A filter that solves equations in a loop over time."""

    def forward(self, x: Tensor) -> Tensor:
        p, ys = torch.eye(4).repeat(x.shape[0], 1, 1), []
        for t in range(x.shape[1]):
            p = 0.5 * p + torch.eye(4)
            ys.append(torch.linalg.solve(p, x[:, t]))
        return torch.stack(ys, 1)


def test_what_onnx_has_no_operator_for_is_named(tmp_path: Path) -> None:
    """Also in the body of a loop, of which torch.onnx says something else."""
    with pytest.raises(ModelRefused, match=r"no operator for linalg_solve; write the solution out"):
        quickly.export(Solved(), X, tmp_path / "m.onnx")
