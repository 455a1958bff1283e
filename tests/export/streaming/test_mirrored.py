"""Padding along time made of the sequence's own frames streams, at the latency that the frames it reads have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from both_engines import pair_of
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_export import Effort, export
from rnnedge_runtime import Model, load

C = 3


class Padded(nn.Module):
    """A layer over frames that are padded first, (batch, time, channels)."""

    def __init__(self, front: int, behind: int, layer: nn.Module, mode: str = "reflect") -> None:
        super().__init__()
        self.pads, self.layer, self.mode = (front, behind), layer, mode

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(functional.pad(x.transpose(1, 2), self.pads, mode=self.mode)).transpose(1, 2)


class FullWindow(nn.Module):
    """A strided convolution whose end is reflected until its last window is full."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(C, C, 8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(functional.pad(x.transpose(1, 2), (4, -x.shape[1] % 4), mode="reflect")).transpose(1, 2)


class Spectrum(nn.Module):
    """A short-time spectrum with the padding that torch.stft has by default, and back to samples."""

    def forward(self, x: Tensor) -> Tensor:
        bins = torch.stft(x, 32, 16, window=torch.hann_window(32), return_complex=True)
        return torch.istft(bins * bins.abs().sigmoid(), 32, 16, window=torch.hann_window(32), length=x.shape[-1])


def _conv(kernel: int, **options: int) -> nn.Module:
    return nn.Conv1d(C, C, kernel, **options)


@dataclass(frozen=True)
class Case:
    module: nn.Module
    hop: int
    lookahead: int
    example: Tensor


_X, _WAVE = torch.randn(1, 24, C), torch.randn(1, 96)
CASES = {
    "in front": Case(Padded(8, 0, _conv(3, dilation=4)), 1, 8, _X),
    "in front, with a step": Case(Padded(3, 0, _conv(4, stride=2)), 2, 2, _X),
    "both ends": Case(Padded(2, 2, _conv(5)), 1, 2, _X),
    "repeated ends": Case(Padded(2, 2, _conv(5), "replicate"), 1, 2, _X),
    "wider than the window": Case(Padded(3, 1, nn.MaxPool1d(2, 1)), 1, 4, _X),
    "one after another": Case(nn.Sequential(Padded(1, 1, _conv(3)), nn.ReLU(), Padded(6, 0, _conv(7))), 1, 7, _X),
    "last window full": Case(FullWindow(), 4, 4, _X),
    "spectrum": Case(Spectrum(), 16, 16, _WAVE),
}


def _export(name: str, path: Path, form: str = "native") -> Case:
    case = CASES[name]
    report = quickly.export(case.module.eval(), case.example, path, form=form)
    assert (report.contract.hop, report.contract.lookahead) == (case.hop, case.lookahead)
    assert report.contract.inputs[0].frame_shape == case.example.shape[2:]
    return case


@pytest.mark.parametrize("name", CASES)
def test_mirrored_ends_stream(name: str, tmp_path: Path) -> None:
    """Verified by the export, with no frame of latency more than it has, and equal PyTorch wherever it ends."""
    case = _export(name, tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    for length in range(33, 33 + max(2, case.hop)):
        x = torch.randn(1, length, *case.example.shape[2:])
        with torch.no_grad():
            expected = case.module(x)[0].numpy()
        np.testing.assert_allclose(_in_pieces(model, x[0].numpy()), expected, rtol=0, atol=1e-5)


def _in_pieces(model: Model, frames: np.ndarray) -> np.ndarray:
    stream = model.stream()
    parts = [stream.push(frames[at : at + 5]) for at in range(0, len(frames), 5)]
    return np.concatenate([*parts, stream.finish()])


def test_members_of_a_pool_are_reflected_each_by_itself(tmp_path: Path) -> None:
    """One joins when the other has begun, and ends while it goes on."""
    _export("both ends", tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    x = torch.randn(2, 14, C).numpy()
    pool = model.pool(2)
    old = pool.join()
    parts = [pool.push({old: x[0, :6]})[old]]
    young, late = pool.join(), []
    for at in range(0, 8, 2):
        ready = pool.push({old: x[0, 6 + at : 8 + at], young: x[1, at : at + 2]})
        parts.append(ready[old])
        late.append(ready[young])
    late.append(pool.finish(young))
    parts.append(pool.finish(old))
    for found, frames in ((parts, x[0]), (late, x[1, :8])):
        np.testing.assert_allclose(np.concatenate(found), model.run(frames), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["both ends", "last window full"])
def test_mirrored_ends_run_on_the_native_engine(name: str, tmp_path: Path) -> None:
    """The same frames from both engines, the last ones too."""
    _export(name, tmp_path / "m.onnx", "step")
    frames = torch.randn(19, C).numpy()
    pair_of(tmp_path / "m.onnx").check(lambda model: iter([_in_pieces(model, frames)]))


class Codec(nn.Module):
    """Causal convolutions of which each reflects its front; what is too short for that gets zeros first."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(1, C, 5), nn.Conv1d(C, C, 4, 2), nn.Conv1d(C, 2, 3)])

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, samples) -> (batch, 2, frames)."""
        for conv in self.convs:
            pad, extra = conv.kernel_size[0] - conv.stride[0], 0
            if x.shape[-1] <= pad:
                extra = pad - x.shape[-1] + 1
                x = functional.pad(x, (0, extra))
            x = functional.pad(x, (pad, 0), mode="reflect")
            x = torch.tanh(conv(x[..., : x.shape[-1] - extra]))
        return x


def test_a_codec_whose_layers_reflect_their_front_is_proven(tmp_path: Path) -> None:
    """Sequences too short to be reflected are not followed: the contract says from which length on it is the module."""
    torch.manual_seed(0)
    module = Codec().eval()
    export(
        module,
        torch.zeros(1, 1, 60),
        tmp_path / "codec.onnx",
        time_axis=2,
        effort=Effort(lengths=(1, 7), batches=(1,), frames=64),
    )
    model = load(tmp_path / "codec.onnx")
    assert model.contract.least == 6
    for length in (model.contract.least, 41):
        x = torch.randn(1, 1, length)
        stream = model.stream()
        found = np.concatenate([stream.push(x[0].T.numpy()[:7]), stream.push(x[0].T.numpy()[7:]), stream.finish()])
        np.testing.assert_allclose(found, module(x)[0].T.detach().numpy(), rtol=0, atol=1e-6)
