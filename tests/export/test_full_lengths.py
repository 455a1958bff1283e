"""`forward(x, lengths)` streams: a stream has no padding, so the lengths are its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from torch.nn.utils.rnn import pack_padded_sequence as pack

from rnnedge_export import verify
from rnnedge_runtime import load

F = 4


class Recurrent(nn.Module):
    """A layer over frames, and what is made of its outputs and the lengths."""

    def __init__(self, *, batch_first: bool = True) -> None:
        super().__init__()
        self.rnn, self.out = nn.GRU(F, F, batch_first=batch_first), nn.Linear(F, 2)


class Masked(Recurrent):
    def forward(self, x: Tensor, x_lens: Tensor) -> Any:
        """(batch, time, 4) -> (batch, time, 4), and how many of them count."""
        y = self.rnn(x)[0]
        keep = torch.arange(x.shape[1])[None] < x_lens[:, None]
        return y * keep.unsqueeze(-1).float(), (x_lens - 1) // 2 + 1


class Relative(Recurrent):
    def forward(self, x: Tensor, wav_lens: Tensor) -> Tensor:
        """The same for parts of the longest."""
        lengths = torch.round(wav_lens * x.shape[1])
        return self.rnn(x)[0].masked_fill((torch.arange(x.shape[1])[None] >= lengths[:, None])[..., None], 0.0)


class Packed(Recurrent):
    def forward(self, x: Tensor, lengths: Tensor, hx: Tensor | None = None) -> Any:
        """Packed, and padded again."""
        packed, last = self.rnn(pack(torch.tanh(x), lengths.cpu(), batch_first=True, enforce_sorted=False), hx)
        y, lengths = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        return self.out(y), lengths, last


class PackedSummary(Recurrent):
    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """What is packed goes through other layers; a recurrence of the other order takes it all the same."""
        packed = pack(x, lengths, batch_first=True)
        return self.out(self.rnn(PackedSequence(torch.tanh(packed.data), packed.batch_sizes))[1][-1])


class LastFrame(Recurrent):
    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """By its place, in two spellings."""
        y = self.rnn(x)[0]
        places = (lengths - 1).view(-1, 1, 1).expand(-1, -1, F)
        return self.out(y.gather(1, places).squeeze(1) + torch.tanh(y)[torch.arange(len(y)), lengths - 1])


class Mean(Recurrent):
    def forward(self, x: Tensor, num_frames: Tensor) -> Tensor:
        """Of the frames that count."""
        y = self.rnn(x)[0]
        keep = (torch.arange(x.shape[1])[None] < num_frames[:, None]).float()
        return self.out((y * keep[..., None]).sum(1) / num_frames[:, None].float())


class OneNumber(Recurrent):
    def forward(self, x: Tensor, length: int) -> Tensor:
        """Up to a number of frames."""
        return self.rnn(x)[0][:, :length]


_ALL = torch.tensor([9, 9])
_CASES: dict[str, tuple[nn.Module, Any]] = {
    "masked": (Masked(), torch.tensor([9, 5])),
    "relative": (Relative(), torch.tensor([1.0, 0.5])),
    "packed": (Packed(), _ALL),
    "packed summary": (PackedSummary(batch_first=False), _ALL.int()),
    "last frame": (LastFrame(), _ALL),
    "mean": (Mean(), _ALL),
    "one number": (OneNumber(), 9),
}


@pytest.mark.parametrize("name", _CASES)
def test_lengths_are_those_of_the_stream(name: str, tmp_path: Path) -> None:
    """An example of padded sequences is one; the file takes frames only, and equals the module for whole sequences."""
    torch.manual_seed(0)
    module, lengths = _CASES[name]
    x = torch.randn(2, 9, F)
    contract = quickly.export(module.eval(), (x, lengths), tmp_path / "m.onnx").contract
    assert [port.name for port in contract.inputs] == ["x"]
    assert not contract.contexts
    other = torch.randn(1, 13, F)
    full = 13 if isinstance(lengths, int) else torch.full((1,), 13 if lengths[0] == 9 else 1, dtype=lengths.dtype)
    with torch.no_grad():
        result = module(other, full)
    expected = (result[0] if isinstance(result, tuple) else result)[0].numpy()
    stream = load(tmp_path / "m.onnx").stream()
    parts = [stream.push(other[0, t : t + 5].numpy()) for t in (0, 5, 10)]
    parts = [part["y"] if isinstance(part, dict) else part for part in (*parts, stream.finish())]
    actual = np.concatenate(parts) if contract.outputs[0].per_frame else parts[-1][-1]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


def test_a_required_length_is_given_where_the_example_has_none(tmp_path: Path) -> None:
    """Of an export, and of a verification, whose example is the golden sample of the file."""
    quickly.export(Masked().eval(), torch.randn(2, 9, F), tmp_path / "m.onnx")
    assert not verify(tmp_path / "m.onnx", Masked().eval(), effort=quickly.effort()).passed
    torch.manual_seed(1)
    module = Mean().eval()
    quickly.export(module, {"x": torch.randn(1, 9, F)}, tmp_path / "m.onnx")
    assert verify(tmp_path / "m.onnx", module, effort=quickly.effort()).passed


def test_a_length_that_is_named_as_a_context_stays_one(tmp_path: Path) -> None:
    """So does a number of another name, or one that is not the example's length."""
    x = torch.randn(2, 9, F)
    for length, context in ((_ALL, ("x_lens",)), (torch.tensor([4, 3]), ())):
        contract = quickly.export(Masked().eval(), (x, length), tmp_path / "m.onnx", context=context).contract
        assert [state.input for state in contract.contexts] == ["x_lens"]
