"""A module of one step is exported as it is: frames come with the stream, states are the stream's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from rnnedge_export import verify
from rnnedge_export.capture import as_sequences
from rnnedge_export.capture.frames_first import with_frames_first
from rnnedge_runtime import load
from rnnedge_runtime.errors import ModelRefused


class Head(nn.Module):
    """A cell with a head of its own, (x_t, state) -> (y_t, state)."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTMCell(4, 6), nn.Linear(6, 3)

    def forward(self, x_t: Tensor, state: tuple[Tensor, Tensor]) -> Any:
        h, c = self.cell(x_t, state)
        return self.head(h), (h, c)


class ByName(nn.Module):
    """Two frames and two states, in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.GRUCell(7, 6), nn.GRUCell(6, 5)

    def forward(self, x: Tensor, knobs: Tensor, h: Tensor, g: Tensor) -> dict[str, Tensor]:
        h = self.a(torch.cat([x, knobs], -1), h)
        g = self.b(h, g)
        return {"out": 2 * g, "h": h, "g": g}


class OneFrame(nn.Module):
    """A convolution over its buffer and one frame, which has a time axis."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 3, 5)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        assert x.shape[1] == 1
        window = torch.cat([past, x.transpose(1, 2)], 2)
        return self.conv(window).transpose(1, 2), window[:, :, 1:]


class StateFirst(nn.Module):
    """The state in front, in and out."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(4, 6)

    def forward(self, state: tuple[Tensor, Tensor], x: Tensor) -> Any:
        state = self.cell(x, state)
        return state, 2 * state[0]


class Caches(nn.Module):
    """States in a dict, which is the last argument and the last result; of sequences as of steps."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gru = nn.Conv1d(4, 3, 5), nn.GRU(3, 3, batch_first=True)

    def forward(self, x: Tensor, cache: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        window = torch.cat([cache["past"], x.transpose(1, 2)], 2)
        y, h = self.gru(self.conv(window).transpose(1, 2), cache["h"])
        return y, {"past": window[:, :, -4:], "h": h}


def _zeros(*sizes: int) -> list[Tensor]:
    return [torch.zeros(2, size) for size in sizes]


CASES: dict[str, tuple[nn.Module, Any, tuple[int, ...]]] = {
    "by name": (ByName(), (torch.randn(2, 4), torch.randn(2, 3), *_zeros(6, 5)), (4,)),
    "one frame": (OneFrame(), (torch.randn(2, 1, 4), torch.zeros(2, 4, 4)), (4,)),
    "a cell of torch.nn": (nn.GRUCell(4, 6), (torch.randn(2, 4), torch.zeros(2, 6)), (4,)),
}


@in_one_test("name", CASES)
def test_a_step_becomes_a_stream(name: str, tmp_path: Path) -> None:
    """The proof calls the module itself frame by frame."""
    module, example, frame = CASES[name]
    quickly.export(module.eval(), example, tmp_path / "net.onnx")
    contract = load(tmp_path / "net.onnx").contract
    port = contract.inputs[0]
    assert tuple(d for i, d in enumerate(port.shape) if i not in (port.batch_axis, port.time_axis)) == frame
    assert len(contract.outputs) == 1 and contract.states


class Detector(nn.Module):
    """A state with noise, and which of its numbers are above zero."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.cell, self.noise = nn.GRUCell(4, 6), noise

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.cell(x, h)
        return F.dropout(2 * h, self.noise, True), h > 0, h


def test_a_step_may_give_truth_values(tmp_path: Path) -> None:
    """They are compared as numbers are."""
    quickly.export(Detector().eval(), tuple(_zeros(4, 6)), tmp_path / "net.onnx")
    assert [port.dtype for port in load(tmp_path / "net.onnx").contract.outputs][1] == "bool"


class Placed(nn.Module):
    """Positions of twenty frames are known."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.places = nn.GRU(4, 6, batch_first=True), nn.Parameter(torch.randn(1, 20, 4))

    def forward(self, x: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        found: tuple[Tensor, Tensor] = self.gru(x + self.places[:, : x.shape[1]], h)
        return found


@in_one_test(
    "module, example, reason",
    [
        (Detector(0.5), _zeros(4, 6), "draws random numbers"),
        (Placed(), [torch.zeros(2, 8, 4)], "takes at most 20 frames"),
    ],
)
def test_what_is_no_stream_is_refused_for_what_it_is(
    module: nn.Module, example: list[Tensor], reason: str, tmp_path: Path
) -> None:
    """Before it is tried what its example was taken for."""
    with pytest.raises(ModelRefused, match=reason):
        quickly.export(module.eval(), tuple(example), tmp_path / "net.onnx")


def test_states_may_stand_first_or_in_a_dict(tmp_path: Path) -> None:
    """In a dict at the end, whose keys are no arguments of forward."""
    module, frames, expected = StateFirst().eval(), torch.randn(11, 4), []
    state = torch.full((1, 6), 0.5), torch.full((1, 6), -0.5)
    quickly.export(module, (state, frames[:1]), tmp_path / "net.onnx")
    assert verify(tmp_path / "net.onnx", module, example=(state, frames[:1]), effort=quickly.effort()).passed
    with torch.no_grad():
        for frame in frames:
            state, y = module(state, frame[None])
            expected.append(y[0].numpy())
    np.testing.assert_allclose(load(tmp_path / "net.onnx").run(frames.numpy()), np.stack(expected), atol=1e-6)
    module, cache = Caches().eval(), {"past": torch.zeros(1, 4, 4), "h": torch.zeros(1, 1, 3)}
    with torch.no_grad():
        y = module(frames[None], cache)[0][0].numpy()
    for length in (1, 7):
        report = quickly.export(module, (frames[None, :length], cache), tmp_path / "net.onnx")
        assert len(report.contract.outputs) == 1
        np.testing.assert_allclose(load(tmp_path / "net.onnx").run(frames.numpy()), y, atol=1e-6)


def test_a_stream_gives_what_the_steps_give(tmp_path: Path) -> None:
    """From the state of the example; `verify` steps the module, too."""
    module, start = Head().eval(), (torch.full((1, 6), 0.5), torch.full((1, 6), -0.5))
    example = (torch.randn(1, 4), start)
    quickly.export(module, example, tmp_path / "net.onnx")
    frames, state, expected = torch.randn(11, 4), start, []
    with torch.no_grad():
        for frame in frames:
            y, state = module(frame[None], state)
            expected.append(y[0].numpy())
    stream = load(tmp_path / "net.onnx").stream()
    actual = np.concatenate([stream.push(frames[:5].numpy()), stream.push(frames[5:].numpy()), stream.finish()])
    np.testing.assert_allclose(actual, np.stack(expected), atol=1e-6)
    assert verify(tmp_path / "net.onnx", module, example=example, effort=quickly.effort()).passed


class Gated(nn.Module):
    """Two sequences in, and two of the same sizes out."""

    def forward(self, x: Tensor, gate: Tensor) -> tuple[Tensor, Tensor]:
        return x * gate, gate


@in_one_test(
    "module, example",
    [
        (nn.GRU(4, 6, batch_first=True), (torch.randn(2, 1, 4), torch.zeros(1, 2, 6))),
        (Gated(), (torch.randn(2, 9, 4), torch.randn(2, 9, 4))),
    ],
)
def test_a_module_of_sequences_is_left_as_it_is(module: nn.Module, example: object) -> None:
    """It takes more frames than the example has."""
    assert as_sequences(module, example) == (module, example)


class Echo(nn.Module):
    """Samples, whole blocks of `hop` of them, without a part of others, or of themselves by a value per sequence."""

    def __init__(self, hop: int = 1) -> None:
        super().__init__()
        self.hop = hop

    def forward(self, near: Tensor, far: Tensor) -> Tensor:
        other = far if far.dim() > 1 else near * far[:, None]
        return (near - F.pad(other, (1, 0))[:, :-1] / 2).view(len(near), -1, self.hop).flatten(1)


class Conditioned(nn.Module):
    """A value per sequence of one or two axes; what comes out has the sizes of the frames."""

    def forward(self, x: Tensor, value: Tensor) -> Tensor:
        return torch.cumsum(x, 1) * value.reshape(len(x), 1, -1)


@in_one_test(
    "module, example",
    [
        (Conditioned(), (torch.randn(2, 9, 4), torch.tensor([3, 1]))),
        (Conditioned(), (torch.randn(2, 9, 4), torch.randn(2, 4))),
        (Echo(), (torch.randn(2, 64), torch.randn(2, 64))),
        (Echo(hop=16), (torch.randn(2, 64), torch.tensor([0.5, 2.0]))),
        (Gated(), (torch.randn(2, 9, 4), torch.randn(2, 9, 4))),
    ],
)
def test_frames_are_no_state_in_front(module: nn.Module, example: object) -> None:
    """Though results have their shape: a state has one length, a sequence any."""
    assert with_frames_first(module, example, 1) == (module, example)
