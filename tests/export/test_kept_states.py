"""Modules that keep their state on themselves stream; the oracle is the module itself, called chunk after chunk."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_export.capture import UsedStateWarning
from rnnedge_runtime import ModelRefused, load

_LENGTH, _TOLERANCE = 23, 2e-6


class Keeping(nn.Module):
    """A layer, and what it holds before the first call."""

    def __init__(self, make: Callable[[], nn.Module], state: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.state = make(), state


class Whole(Keeping):
    """A layer of torch, which takes None too."""

    def forward(self, x: Tensor) -> Tensor:
        y, self.state = self.layer(x, self.state)
        return y


class Looped(Keeping):
    """A loop over time, whose state is broadcast to the batch."""

    def forward(self, x: Tensor) -> Tensor:
        ys, h = [], self.state.expand(x.shape[0], -1)
        for t in range(x.shape[1]):
            h = self.layer(x[:, t], h)
            ys.append(h)
        self.state = h.detach()
        return torch.stack(ys, 1)


class InADict(Keeping):
    """As spiking layers have it: a number until the first call, and in a dict."""

    def forward(self, x: Tensor) -> Tensor:
        ys = []
        for t in range(x.shape[1]):
            if isinstance(self.state["v"], float):
                self.state["v"] = torch.full_like(x[:, t], self.state["v"])
            v = 0.8 * self.state["v"] + self.layer(x[:, t])
            spike = (v > 0.2).to(v)
            self.state["v"] = v * (1 - spike)
            ys.append(v)
        return torch.stack(ys, 1)


class InPlace(Keeping):
    """A tensor that is no buffer, in a tuple, and written in."""

    def forward(self, x: Tensor) -> Tensor:
        (held,) = self.state
        y, h = self.layer(x, held.expand(-1, x.shape[0], -1).contiguous())
        held.copy_(h[:, :1])
        return y


class Cache:
    """An object of the user's, as caches of decoders are; it may lead back to itself."""

    def __init__(self) -> None:
        self.hidden, self.frames, self.own = None, 0, self


class Slots:
    """An object without a dict."""

    __slots__ = ("frames", "hidden")

    def __init__(self) -> None:
        self.hidden, self.frames = None, 0


class OnAnObject(Keeping):
    """What stands on it, a number of frames too."""

    def forward(self, x: Tensor) -> Tensor:
        y, self.state.hidden = self.layer(x, self.state.hidden)
        times = torch.arange(self.state.frames, self.state.frames + x.shape[1])
        self.state.frames += x.shape[1]
        return y + torch.sin(0.1 * times)[None, :, None]


class ByName(Keeping):
    """A kind of dict."""

    def forward(self, x: Tensor) -> Tensor:
        y, self.state["h"] = self.layer(x, self.state.get("h"))
        return y


class InABuffer(Keeping):
    """Frames of the call before stand in front."""

    def __init__(self) -> None:
        super().__init__(lambda: nn.Conv1d(4, 4, 3), None)
        self.register_buffer("past", torch.zeros(1, 4, 2))

    def forward(self, x: Tensor) -> Tensor:
        z = torch.cat([self.past.expand(x.shape[0], -1, -1), x.transpose(1, 2)], 2)
        self.past = z[:, :, -2:].detach()
        return self.layer(z).transpose(1, 2)


class OneStep(Keeping):
    """A policy that is called with one observation at a time."""

    def forward(self, x: Tensor) -> Tensor:
        self.state = self.layer(x, self.state)
        return self.state


class Window(Keeping):
    """The last observations in a queue."""

    def forward(self, x: Tensor) -> Tensor:
        self.state.append(x)
        return self.layer(torch.cat(list(self.state), -1))


def _gru() -> nn.Module:
    return nn.GRU(4, 4, batch_first=True)


def _lstm() -> nn.Module:
    return nn.LSTM(4, 4, batch_first=True)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "None": lambda: Whole(_lstm, None),
    "of one sequence": lambda: Whole(_lstm, (torch.zeros(1, 1, 4), torch.zeros(1, 1, 4))),
    "not zero": lambda: Whole(_lstm, (torch.full((1, 1, 4), 0.5), torch.linspace(-1, 1, 4).reshape(1, 1, 4))),
    "broadcast": lambda: Looped(lambda: nn.GRUCell(4, 4), torch.zeros(1, 4)),
    "a number in a dict": lambda: InADict(lambda: nn.Linear(4, 4), {"v": 0.0}),
    "a buffer": InABuffer,
    "in place": lambda: InPlace(_gru, (torch.zeros(1, 1, 4),)),
    "on an object": lambda: OnAnObject(_gru, Cache()),
    "in slots": lambda: OnAnObject(_gru, Slots()),
    "on a namespace": lambda: OnAnObject(_gru, SimpleNamespace(hidden=None, frames=0)),
    "a kind of dict": lambda: ByName(_gru, OrderedDict()),
    "one step": lambda: OneStep(lambda: nn.GRUCell(4, 4), torch.zeros(1, 4)),
    "a queue of steps": lambda: Window(lambda: nn.Linear(12, 4), deque([torch.zeros(1, 4)] * 3, maxlen=3)),
}


_SHORT = ("of one sequence", "a number in a dict", "in place", "on an object", "in slots", "one step")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in _SHORT else pytest.mark.long) for n in NETWORKS])
def test_a_state_on_the_module_is_carried_by_the_stream(name: str, tmp_path: Path) -> None:
    """As the module carries it from call to call, from what it held when it was exported."""
    module, again = NETWORKS[name]().eval(), NETWORKS[name]().eval()
    step = name.endswith(("step", "steps"))
    example = torch.randn(1, 4) if step else torch.randn(1, 6, 4)
    with pytest.warns(UsedStateWarning) if name == "not zero" else nullcontext():
        report = quickly.export(module, example, tmp_path / "net.onnx")
    assert report.contract.provenance["starts_from"] == ("past" if name == "a buffer" else "state")
    x = torch.randn(1, _LENGTH, 4)
    pieces = x.unbind(1) if step else x.split(5, 1)
    with torch.no_grad():
        expected = torch.cat([again(piece).reshape(1, -1, 4) for piece in pieces], 1)[0].numpy()
        # It was not changed by the export.
        assert torch.equal(module(pieces[0]).reshape(1, -1, 4)[0], torch.from_numpy(expected[: 1 if step else 5]))
    stream = load(tmp_path / "net.onnx").stream()
    found = np.concatenate([stream.push(frames) for frames in np.split(x[0].numpy(), [1, 8, 9])])
    np.testing.assert_allclose(found, expected, rtol=0, atol=_TOLERANCE)


def test_what_an_earlier_call_has_left_is_where_streams_start(tmp_path: Path) -> None:
    """A module that is not reset is exported as it stands, and that is told."""
    module, x = NETWORKS["None"]().eval(), torch.randn(1, 30, 4)
    with torch.no_grad():
        module(x[:, :10])
        with pytest.warns(UsedStateWarning, match="streams start from what the module holds in state, which is not 0"):
            quickly.export(module, x, tmp_path / "net.onnx")
        expected = module(x[:, 10:])[0].numpy()
    np.testing.assert_allclose(load(tmp_path / "net.onnx").run(x[0, 10:].numpy()), expected, rtol=0, atol=_TOLERANCE)


def test_a_number_of_frames_that_an_earlier_call_has_left_is_told(tmp_path: Path) -> None:
    """Streams begin at that frame."""
    module = NETWORKS["on an object"]().eval()
    module.state.hidden, module.state.frames = torch.zeros(1, 1, 4), 7  # type: ignore[union-attr]
    with pytest.warns(UsedStateWarning, match="in state, which is not 0"):
        quickly.export(module, torch.randn(1, 6, 4), tmp_path / "net.onnx")


def test_verify_starts_from_it_too(tmp_path: Path) -> None:
    """And tells a module that holds another state."""
    module, path = NETWORKS["None"]().eval(), tmp_path / "net.onnx"
    quickly.export(module, torch.randn(1, 6, 4), path)
    assert quickly.verify(path, module).passed
    module.state = (torch.ones(1, 1, 4), torch.ones(1, 1, 4))
    assert not quickly.verify(path, module).passed


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        self.noise = torch.randn_like(x)
        return x + self.noise


def test_random_numbers_that_it_keeps_are_no_state(tmp_path: Path) -> None:
    """They are drawn anew by every call, whatever the module holds."""
    with pytest.raises(Exception, match="draws random numbers"):
        quickly.export(Noisy(), torch.randn(1, 6, 4), tmp_path / "net.onnx")


def test_what_an_earlier_call_of_another_batch_has_left_is_refused_by_name(tmp_path: Path) -> None:
    """It was "forward fails on an input of shape (2, 23, 3)"."""
    module = NETWORKS["None"]()
    with torch.no_grad():
        module(torch.randn(5, 7, 4))
    with pytest.raises(ModelRefused, match=r"what it holds in state \(1, 5, 4\), and runs without; reset it"):
        quickly.export(module, torch.randn(1, _LENGTH, 4), tmp_path / "net.onnx")
    assert module.state[0].shape == (1, 5, 4)  # type: ignore[index,union-attr]
