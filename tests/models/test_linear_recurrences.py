"""minGRU, minLSTM and the LRU: the parallel scan is the recurrence, frame by frame, in training and on the device."""

from __future__ import annotations

import numpy as np
import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnedge.nn import LRU, MinGRU, MinLSTM, NetworkConfig, RecurrentNetwork
from rnnedge.nn.linear_scan import linear_scan

LAYERS = {"mingru": MinGRU, "minlstm": MinLSTM, "lru": LRU}


def one_by_one(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """The recurrence as it is written."""
    hs = []
    for t in range(b.shape[1]):
        h = a[:, t] * h + b[:, t]
        hs.append(h)
    return torch.stack(hs, 1)


@given(time=st.integers(1, 70), kind=st.sampled_from([torch.float64, torch.complex128]), shared=st.booleans())
@settings(max_examples=60)
def test_the_scan_is_the_recurrence(time: int, kind: torch.dtype, shared: bool) -> None:
    """Values and every gradient, for any length, for numbers and complex ones, a for one row or for all."""
    torch.manual_seed(time)
    a = (torch.rand(1 if shared else 2, time, 3, dtype=kind) - 0.2).requires_grad_()
    b = torch.randn(2, time, 3, dtype=kind, requires_grad=True)
    h = torch.randn(2, 3, dtype=kind, requires_grad=True)
    weights = torch.randn(2, time, 3, dtype=kind)
    found, expected = linear_scan(a, b, h), one_by_one(a, b, h)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad((hs * weights).real.sum(), (a, b, h)) for hs in (found, expected)]
    for actual, wanted in zip(*gradients, strict=True):
        torch.testing.assert_close(actual, wanted)


def test_gradients_are_those_of_finite_differences() -> None:
    """By torch's own check, through the complex parameters of an LRU too."""
    torch.manual_seed(0)
    a, b, h = torch.rand(2, 7, 2).double(), torch.randn(2, 7, 2).double(), torch.randn(2, 2).double()
    assert torch.autograd.gradcheck(linear_scan, [x.requires_grad_() for x in (a, b, h)])
    layer = LRU(2, 3).double()
    x, parameters = torch.randn(1, 6, 2).double(), list(layer.parameters())
    assert torch.autograd.gradcheck(lambda *_: layer(x)[0], parameters)


def test_a_thousand_frames_stay_exact() -> None:
    """Gates that are shut to the last bit, and open ones, beside each other: no number is lost and none is NaN."""
    a = torch.rand(1, 1000, 64).pow(8)
    a[:, ::7], a[:, 3::11] = 0, 1
    b, h = torch.randn(1, 1000, 64), torch.randn(1, 64)
    expected = one_by_one(a.double(), b.double(), h.double())
    torch.testing.assert_close(linear_scan(a, b, h).double(), expected, rtol=0, atol=1e-5)


def test_gates_that_are_shut_are_no_zero_by_zero() -> None:
    """minLSTM where both gates underflow: half and half."""
    layer = MinLSTM(1, 1)
    with torch.no_grad():
        layer.gates.weight.zero_()
        layer.gates.bias.copy_(torch.tensor([-300.0, -300.0, 2.0]))
        torch.testing.assert_close(layer(torch.zeros(1, 2, 1))[0][0, :, 0], torch.tensor([1.0, 1.5]))


@pytest.mark.parametrize("cell", LAYERS)
def test_a_layer_computes_the_equations_of_its_paper(cell: str) -> None:
    """In numpy, in float64 and with complex numbers."""
    torch.manual_seed(0)
    layer = LAYERS[cell](4, 6)
    x = torch.randn(1, 23, 4)
    weights = {k: v.double().numpy() for k, v in layer.state_dict().items()}
    expected = reference.layer(cell, x[0].double().numpy(), weights, 6)
    with torch.no_grad():
        np.testing.assert_allclose(layer(x)[0][0].numpy(), expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize("cell", LAYERS)
def test_chrono_memories_reach_as_far_as_asked(cell: str) -> None:
    """What a unit keeps of a frame after one frame, without input: 1 - 1/u or exp(-1/u), u up to 200 frames."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig(cell, 4, 500, 1, init="chrono", memory_frames=200))
    (layer,) = network.layers
    with torch.no_grad():
        if cell == "lru":
            kept = torch.exp(-torch.exp(layer.nu))
        else:
            state = torch.ones(1, 500)
            layer.gates.weight.zero_()
            layer.gates.bias[-500:] = 0
            kept = layer(torch.zeros(1, 1, 4), state)[1][0]
    memory = 1 / (1 - kept)
    assert 150 < float(memory.max()) < 201
    assert 80 < float(memory.mean()) < 130


@pytest.mark.parametrize("init", ["orthogonal", "irnn"])
def test_an_initialization_of_recurrent_weights_is_refused(init: str) -> None:
    """There are none."""
    with pytest.raises(ValueError, match=f"init: {init} is for recurrent weights, which MinGRU has none of"):
        RecurrentNetwork(NetworkConfig("mingru", 4, 5, 1, init=init))


@pytest.mark.parametrize("cell", LAYERS)
def test_mixed_precision_keeps_the_sum_in_float32(cell: str) -> None:
    """Products in bfloat16, the recurrence not."""
    layer = LAYERS[cell](4, 6)
    with torch.autocast("cpu", torch.bfloat16):
        _, h = layer(torch.randn(2, 40, 4))
    assert h.dtype == torch.float32
