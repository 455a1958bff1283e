"""What cannot stream is refused with the layer, the reason and a remedy, and leaves no file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import rnnedge_export
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


class Mean(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y.mean(1)


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


class Sorted(Wrapped):
    def after(self, y: Tensor) -> Tensor:
        return y.topk(2, dim=2).values


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
        (Mean(), r"pools over the whole sequence"),
        (Flip(), r"slices along time"),
        (Attention(), r"time|attention"),
        (SoftmaxOverTime(), r"normalizes over time"),
        (Length(), r"length of the sequence"),
        (FirstFrame(), r"single frames by their number"),
        (Baked(), r"any batch and length"),
        (Mixed(), r"slices along time"),
        (SummaryIntoFrames(), r"mixes a value per frame with a summary"),
        (Sorted(), r"TopK\).*no streaming rule"),
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
        rnnedge_export.export(module, X, tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("example", "words"),
    [
        ((X, torch.zeros(1, 1, 4)), r"one tensor"),
        ("x", r"one tensor.*str"),
        (X[0, 0], r"batch on axis 0 and time on axis 1"),
        (X.double(), r"float32.*float64"),
        (X[:, :0], r"at least one frame"),
    ],
    ids=["states", "text", "no-axes", "dtype", "empty"],
)
def test_a_wrong_example_is_refused(example: object, words: str, tmp_path: Path) -> None:
    """The message says what an example is."""
    with pytest.raises(ModelRefused, match=words):
        rnnedge_export.export(Wrapped(), example, tmp_path / "m.onnx")
