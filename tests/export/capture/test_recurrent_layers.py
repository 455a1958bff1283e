"""A module finds its recurrent layers as they are while it is captured, whatever it looks for in them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import Tensor, nn

from rnnedge_runtime import load
from rnnedge_runtime.errors import ModelRefused

Function = Callable[[nn.Module, Tensor], Tensor]


class Layer(nn.Module):
    """An LSTM that `function` reads and calls as it likes."""

    def __init__(self, function: Function, layer: nn.RNNBase | None = None) -> None:
        super().__init__()
        self.rnn = layer or nn.LSTM(4, 6, batch_first=True)
        self.rnn.gain = 0.5  # type: ignore[assignment]
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.rnn, x)


class Doubled(nn.LSTM):
    """A layer of a class of its own."""

    def forward(self, x: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> Tensor:  # type: ignore[override]
        return 2 * super().forward(x, hx)[0]


def _by_its_class(rnn: nn.Module, x: Tensor) -> Tensor:
    return rnn(x)[0] if isinstance(rnn, nn.LSTM) and type(rnn) is nn.LSTM else 0 * x


def _by_its_parameters(rnn: nn.Module, x: Tensor) -> Tensor:
    h = next(rnn.parameters()).new_zeros(1, x.shape[0], 6)
    return rnn(x, (h, rnn.weight_ih_l0.new_zeros(h.shape)))[0] * sum((p**2).sum() for p in rnn.parameters())


def _by_an_attribute(rnn: nn.Module, x: Tensor) -> Tensor:
    return rnn(x)[0] * rnn.gain + rnn.all_weights[0][0].mean()


def _weight_dropped(rnn: nn.Module, x: Tensor) -> Tensor:
    raw = rnn._parameters["weight_hh_l0"]
    assert raw is not None
    rnn._parameters["weight_hh_l0"] = nn.Parameter(nn.functional.dropout(raw, 0.4, rnn.training))
    return rnn(x)[0]


def _by_the_function(rnn: nn.Module, x: Tensor) -> Tensor:
    h = x.new_zeros(2, x.shape[0], 6)
    return torch.gru(x, h, list(rnn.parameters()), True, 2, 0.0, rnn.training, False, True)[0]


def _frame_by_frame(rnn: nn.Module, x: Tensor) -> Tensor:
    state, frames = None, []
    for t in range(x.shape[1]):
        y, state = rnn(x[:, t : t + 1], state)
        frames.append(y)
    return torch.cat(frames, 1)


def _plain(rnn: nn.Module, x: Tensor) -> Tensor:
    y = rnn(x)
    return y[0] if isinstance(y, tuple) else y


def _normalized() -> nn.RNNBase:
    layer = nn.LSTM(4, 6, batch_first=True)
    nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    return layer


WAYS: dict[str, Layer] = {
    "class": Layer(_by_its_class),
    "parameters": Layer(_by_its_parameters),
    "attribute": Layer(_by_an_attribute),
    "weight drop": Layer(_weight_dropped),
    "function": Layer(_by_the_function, nn.GRU(4, 6, 2)),
    "frame by frame": Layer(_frame_by_frame),
    "a class of its own": Layer(_plain, Doubled(4, 6, batch_first=True)),
    "weight norm": Layer(_plain, _normalized()),
}


def streams_as_the_module(module: nn.Module, path: Path) -> None:
    """Exported, and streamed frame by frame."""
    quickly.export(module, torch.randn(2, 9, 4), path)
    x, stream = torch.randn(1, 13, 4), load(path).stream()
    found = np.concatenate([stream.push(frame[None]) for frame in x[0].numpy()])
    with torch.no_grad():
        np.testing.assert_allclose(found, module(x)[0].numpy(), rtol=0, atol=1e-5)


@in_one_test("name", WAYS)
def test_what_forward_reads_of_its_layer_is_there(name: str, tmp_path: Path) -> None:
    """A stream of the file gives what the module gives."""
    streams_as_the_module(WAYS[name].eval(), tmp_path / "net.onnx")


def test_the_weights_of_a_layer_are_called_by_it_and_stand_there_once(tmp_path: Path) -> None:
    """However often it is called; a copy of it with weights of its own is another layer."""
    rnn = nn.GRU(4, 4, 2, batch_first=True)
    both = nn.ModuleList([rnn, rnn, copy.deepcopy(rnn)])
    both[2].reset_parameters()  # type: ignore[operator]

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.both = both

        def forward(self, x: Tensor) -> Tensor:
            for each in self.both:
                x = each(x)[0]
            return x

    quickly.export(Twice().eval(), torch.randn(2, 9, 4), tmp_path / "net.onnx")
    names = {each.name for each in onnx.load(str(tmp_path / "net.onnx")).graph.initializer}
    own = {f"both.{k}.{letter}{layer}" for k in (1, 2) for letter in "WRB" for layer in (0, 1)}
    assert {name for name in names if name.startswith("both.")} == own


def test_an_operator_on_weights_alone_needs_no_translation(tmp_path: Path) -> None:
    """An orthogonal parametrization takes the exponential of a matrix, which ONNX does not have."""
    net = nn.Sequential(nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)), nn.Tanh())
    streams_as_the_module(net.eval(), tmp_path / "net.onnx")


def test_packing_is_refused_with_its_line(tmp_path: Path) -> None:
    """Of sequences that are shorter than the tensor."""

    def packed(rnn: nn.Module, x: Tensor) -> Tensor:
        given = nn.utils.rnn.pack_padded_sequence(x, [x.shape[1] - 1] * x.shape[0], batch_first=True)
        return nn.utils.rnn.pad_packed_sequence(rnn(given)[0], batch_first=True)[0]

    with pytest.raises(ModelRefused, match=r"test_recurrent_layers\.py:\d+ `given = .*packs sequences of \d+ of \d+"):
        quickly.export(Layer(packed).eval(), torch.randn(2, 9, 4), tmp_path / "net.onnx")
