"""What forward asks of a value: checks are passed over, anything else is refused with its line and nothing more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_export.capture._value_checks import _checks
from rnnedge_runtime.errors import ModelRefused

_LOG = logging.getLogger(__name__)


class Net(nn.Module):
    """A GRU, and what `after` asks of its output."""

    def __init__(self, after: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 4, batch_first=True)
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.gru(x)[0])


def _checked(y: Tensor) -> Tensor:
    assert not torch.isnan(y).any(), "not a number"
    if y.abs().max() > 1 or not torch.equal(y, y):
        raise ValueError(f"out of range: {y.abs().max():.2f}")
    _LOG.debug("mean %s", float(y.mean()))
    return 2 * y


def _branch(y: Tensor) -> Tensor:
    if y.abs().mean() > 0.1:
        y = 2 * y
    return y


def _number(y: Tensor) -> Tensor:
    return y * (2 if y.max().item() > 0.5 else 1)


def _loop(y: Tensor) -> Tensor:
    while y.abs().max() > 0.01:
        y = y / 2
    return y


def _numpy(y: Tensor) -> Tensor:
    return torch.from_numpy(np.tanh(y.detach().numpy()))


def _text(y: Tensor) -> Tensor:
    return y * len(f"{y.mean():.2f}")


class Book(nn.Module):
    """Asks of its buffers whether they are initialized, and of a weight how much (Defossez et al., 2022)."""

    def __init__(self, *, mixed: bool = False) -> None:
        super().__init__()
        self.register_buffer("ready", torch.tensor([True]))
        self.register_buffer("book", torch.randn(5, 4))
        self.scale, self.mixed = nn.Parameter(torch.tensor(0.5)), mixed
        self.gru = nn.GRU(4, 4, batch_first=True)

    @torch.no_grad()
    def _prepare(self, x: Tensor) -> None:
        if self.ready:
            return
        self.book.data.copy_(x[0, :5])
        self.ready.data.fill_(1.0)

    def forward(self, x: Tensor) -> Tensor:
        y = self.gru(x)[0]
        self._prepare(y)
        if self.mixed and self.scale.exp() < y.max():
            y = -y
        return y * self.scale.exp().item() + functional.embedding((y @ self.book.T).argmax(-1), self.book)


def test_what_is_asked_of_constants_is_the_same_in_every_call(tmp_path: Path) -> None:
    """But not what is asked of a constant and a frame."""
    quickly.export(Book().eval(), torch.randn(2, 9, 4), tmp_path / "net.onnx")
    with pytest.raises(ModelRefused, match=r"`if self\.mixed.*torch\.where"):
        quickly.export(Book(mixed=True).eval(), torch.randn(2, 9, 4), tmp_path / "net.onnx")


def test_checks_of_values_are_passed_over(tmp_path: Path) -> None:
    """No output depends on an assert, on an `if` that only raises, or on what is logged."""
    quickly.export(Net(_checked).eval(), torch.randn(2, 9, 4), tmp_path / "net.onnx")


@in_one_test(
    "after, words",
    [
        (_branch, r"`if y\.abs.*torch\.where"),
        (_number, r"`return y \* \(2 if.*torch\.where"),
        (_loop, r"`while y.*torch\.where"),
        (_numpy, r"NumPy in .*write it with torch"),
        (_text, r"as text in .*leave that out"),
    ],
)
def test_a_value_that_outputs_depend_on_is_refused_with_its_line(
    after: Callable[[Tensor], Tensor], words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line, and torch prints nothing."""
    with pytest.raises(ModelRefused, match=words) as caught:
        quickly.export(Net(after).eval(), torch.randn(2, 9, 4), tmp_path / "net.onnx")
    first = after.__code__.co_firstlineno
    assert any(f"{Path(__file__).name}:{first + k} " in str(caught.value) for k in (1, 2, 3))
    assert "\n" not in str(caught.value) and not any(capfd.readouterr())


def test_only_what_changes_no_output_is_a_check() -> None:
    """An `if` that does anything but raise is none; nor is a call that may change a tensor."""
    code = "assert a\nif b:\n    raise E\nif c:\n    d = 1\nif e:\n    raise E\nelse:\n    f = 1\nx.add_(y)\nprint(z)\n"
    assert list(_checks(code)) == [(1, 1), (2, 3), (11, 11)]
    assert not _checks("not python (")
