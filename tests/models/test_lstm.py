"""The LSTM's options are the papers' equations, learn as torch's does, stream and export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch
from in_one_test import in_one_test
from shares import those

from rnnedge.nn import NetworkConfig, RecurrentNetwork, VariantLSTM
from rnnedge_runtime import load

# Said once a process by torch: it has no faster kernel for projections, which changes no number.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

OPTIONS: dict[str, dict[str, Any]] = {
    "projection": {"projection": 3},
    "peepholes": {"peepholes": True},
    "layer norm": {"cell_layer_norm": True},
    "all": {"projection": 4, "peepholes": True, "cell_layer_norm": True},
}


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def normalized(x: np.ndarray, norm: torch.nn.Module) -> np.ndarray:
    """Layer normalization in numpy; nothing where the module is none."""
    if not isinstance(norm, torch.nn.LayerNorm):
        return x
    gain, bias = norm.weight.detach().double().numpy(), norm.bias.detach().double().numpy()
    return (x - x.mean()) / np.sqrt(x.var() + norm.eps) * gain + bias


def equations(layer: VariantLSTM, x: np.ndarray) -> np.ndarray:
    """x (time, input) -> h (time, output), float64, gate by gate."""
    w, r, b = (p.detach().double().numpy() for p in (layer.weight_ih, layer.weight_hh, layer.bias))
    p = np.zeros((3, layer.hidden_size)) if layer.peepholes is None else layer.peepholes.detach().double().numpy()
    h, c, hs = np.zeros(layer.output_size), np.zeros(layer.hidden_size), []
    for x_t in x:
        a = normalized(w @ x_t, layer.norm_x) + normalized(r @ h, layer.norm_h) + b
        a_i, a_f, a_g, a_o = np.split(a, 4)
        i, f = sigmoid(a_i + p[0] * c), sigmoid(a_f + p[1] * c)
        c = f * c + i * np.tanh(a_g)
        h = sigmoid(a_o + p[2] * c) * np.tanh(normalized(c, layer.norm_c))
        if layer.weight_hr is not None:
            h = layer.weight_hr.detach().double().numpy() @ h
        hs.append(h)
    return np.array(hs)


@in_one_test("projection", [0, 3])
@in_one_test("peepholes", [False, True])
@in_one_test("layer_norm", [False, True])
def test_the_cell_is_its_equations(projection: int, peepholes: bool, layer_norm: bool) -> None:
    """Against numpy in double precision."""
    torch.manual_seed(0)
    layer = VariantLSTM(4, 6, projection, peepholes=peepholes, layer_norm=layer_norm)
    x = torch.randn(1, 9, 4)
    with torch.no_grad():
        actual = layer(x)[0][0].numpy()
    np.testing.assert_allclose(actual, equations(layer, x[0].double().numpy()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("projection", [0, 3])
def test_without_options_it_is_torchs_lstm(projection: int) -> None:
    """The same weights give the same outputs, states and gradients."""
    torch.manual_seed(0)
    layer, other = VariantLSTM(4, 6, projection), torch.nn.LSTM(4, 6, batch_first=True, proj_size=projection)
    with torch.no_grad():
        other.weight_ih_l0.copy_(layer.weight_ih)
        other.weight_hh_l0.copy_(layer.weight_hh)
        other.bias_ih_l0.copy_(layer.bias)
        other.bias_hh_l0.zero_()
        if layer.weight_hr is not None:
            other.weight_hr_l0.copy_(layer.weight_hr)
    x = torch.randn(2, 7, 4)
    (y, (h, c)), (z, (h_torch, c_torch)) = layer(x), other(x)
    for found, expected in ((y, z), (h, h_torch[0]), (c, c_torch[0])):
        torch.testing.assert_close(found, expected)
    y.square().sum().backward()
    z.square().sum().backward()
    torch.testing.assert_close(layer.weight_hh.grad, other.weight_hh_l0.grad)


@pytest.mark.parametrize(("name", "form"), those([("all", "step")], [("projection", "native"), ("all", "step")]))
def test_options_stream_and_export(name: str, form: str, tmp_path: Path) -> None:
    """Two layers in pieces equal the whole, and so does the file."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("lstm", 5, 7, 3, num_layers=2, **OPTIONS[name])).eval()
    x = torch.randn(1, 20, 5)
    with torch.no_grad():
        expected, state, parts = network(x)[0], None, []
        for part in x.split([1, 8, 11], dim=1):
            y, state = network(part, state)
            parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 1), expected)
    quickly.export(network, torch.zeros(1, 4, 5), tmp_path / "m.onnx", form=form)
    streamed = load(tmp_path / "m.onnx").run(x[0].numpy())
    np.testing.assert_allclose(streamed, expected[0].numpy(), rtol=0, atol=1e-5)


@in_one_test(
    ("fields", "words"),
    [
        ({"peepholes": True}, "peepholes: expected the cell lstm, found 'gru'"),
        ({"projection": 2}, "projection: expected the cell lstm"),
        ({"init": "chrono"}, "memory_frames: expected more than 1 frame"),
        ({"memory_frames": 9}, "memory_frames: expected more than 1 frame"),
        ({"init": "he"}, "init: expected one of torch, orthogonal"),
    ],
)
def test_options_that_do_not_fit_are_named(fields: dict[str, Any], words: str) -> None:
    """Before anything is built."""
    with pytest.raises(ValueError, match=words):
        NetworkConfig("gru", 2, 8, 1, **fields)
