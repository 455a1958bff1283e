"""A module is left as it was by every export."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnnedge_export.capture import changed_by, left_as_it_was
from rnnedge_export.sources import of_module

_X = torch.randn(2, 6, 5, generator=torch.Generator().manual_seed(0))


class Holder:
    """An object of the user's."""

    def __init__(self) -> None:
        self.value, self.again = torch.zeros(5), self


class Keeps(nn.Module):
    """A layer whose calls write something on it; `write` says what."""

    def __init__(self, write: Callable[[Keeps, Tensor], object]) -> None:
        super().__init__()
        self.rnn = nn.GRU(5, 5, batch_first=True)
        self.register_buffer("total", torch.zeros(5))
        self.register_buffer("nothing", None)
        self.last: Any = None
        self.plain = torch.zeros(5)
        self.past, self.window, self.cache = [torch.zeros(5)], deque([0.0], maxlen=3), {"k": torch.zeros(5)}
        self.pair, self.holder = (torch.zeros(5), 0), Holder()
        self.calls = 0
        self._write = write

    def forward(self, x: Tensor) -> Tensor:
        y = self.rnn(x)[0]
        self._write(self, y.detach())
        return y


def _set(name: str, value: Callable[[Keeps, Tensor], object]) -> Callable[[Keeps, Tensor], object]:
    return lambda net, y: setattr(net, name, value(net, y))


WRITES: dict[str, tuple[str, Callable[[Keeps, Tensor], object]]] = {
    "None becomes a tensor": ("last", _set("last", lambda net, y: y[:, -1])),
    "another tensor": ("plain", _set("plain", lambda net, y: y[0, -1])),
    "another buffer": ("total", _set("total", lambda net, y: net.total + y[0, -1])),
    "a buffer in place": ("total", lambda net, y: net.total.add_(1)),
    "a tensor in place": ("plain", lambda net, y: net.plain.copy_(y[0, -1])),
    "a buffer that was None": ("nothing", _set("nothing", lambda net, y: y[0, -1])),
    "a number": ("calls", _set("calls", lambda net, y: net.calls + 1)),
    "a list that grows": ("past", lambda net, y: net.past.append(y[0, -1])),
    "a list member in place": ("past", lambda net, y: net.past[0].add_(1)),
    "a queue": ("window", lambda net, y: net.window.append(1.0)),
    "a dict member": ("cache", lambda net, y: net.cache.update(k=y[0, -1])),
    "another name in a dict": ("cache", lambda net, y: net.cache.update(v=net.cache.pop("k", None))),
    "a member of a tuple in place": ("pair", lambda net, y: net.pair[0].add_(1)),
    "on an object": ("holder", lambda net, y: setattr(net.holder, "value", y[0, -1])),
    "on an object, in place": ("holder", lambda net, y: net.holder.value.add_(1)),
    "a new attribute of an object": ("holder", lambda net, y: setattr(net.holder, "more", y[0, -1])),
    "a new attribute": ("seen", _set("seen", lambda net, y: True)),
    "on a part": ("rnn.state", lambda net, y: setattr(net.rnn, "state", y[0, -1])),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_what_a_call_writes_is_named_and_put_back(name: str) -> None:
    """The same objects stand there again, with the same in them."""
    path, write = WRITES[name]
    net = Keeps(write).eval()
    objects = {**vars(net), **net._buffers, **vars(net.rnn)}
    inside = (list(net.past), list(net.window), dict(net.cache), dict(vars(net.holder)))
    tensors = (net.total, net.plain, net.past[0], net.cache["k"], net.pair[0], net.holder.value)
    numbers = [value.clone() for value in tensors]
    assert changed_by(net, lambda: net(_X)) == [path]
    with left_as_it_was(net):
        net(_X)
        net(_X)
    assert {**vars(net), **net._buffers, **vars(net.rnn)}.keys() == objects.keys()
    assert all(value is objects[key] for key, value in {**vars(net), **net._buffers, **vars(net.rnn)}.items())
    assert (list(net.past), list(net.window), dict(net.cache), dict(vars(net.holder))) == inside
    for value, before in zip(tensors, numbers, strict=True):
        assert torch.equal(value, before)


def test_a_layer_that_keeps_nothing_is_as_it_was() -> None:
    """So that the names above are those of what was written."""
    net = Keeps(lambda net, y: None).eval()
    assert changed_by(net, lambda: net(_X)) == []


class Counts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(5, 5, batch_first=True)
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.rnn(x)[0]


def test_a_counter_that_changes_no_output_is_taken() -> None:
    """It stands where it stood."""
    net = Counts()
    with of_module(net, _X, say=lambda stage: None):
        pass
    assert int(net.calls) == 0


class MakesParts(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "made"):
            self.made = nn.Linear(5, 5)
        return self.made(x)


def test_a_module_that_is_initialized_by_its_first_call_stays_so() -> None:
    """A file would hold weights that nobody has any more."""
    net = MakesParts()
    with left_as_it_was(net):
        y = net(_X)
    assert torch.equal(net(_X), y)
    assert changed_by(MakesParts(), lambda: None) == []
