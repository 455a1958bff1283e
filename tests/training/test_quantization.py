"""Rounded weights are those of the exporter's grids, they reach every layer, and gradients pass through them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from in_one_test import in_one_test
from torch import Tensor, nn
from torch.func import functional_call

from rnnedge.nn import CELLS, NetworkConfig, RecurrentNetwork
from rnnedge.training import fake_quantized
from rnnedge.training.quantization import PRECISIONS, per_block4, per_row7, per_row8
from rnnedge_export.precision import grids
from rnnedge_runtime.contract import Array

SHAPES = [(1, 1), (3, 31), (4, 32), (5, 33), (192, 64), (64, 257)]


def numbers(*shape: int) -> Tensor:
    """Normal numbers over 12 decades of rows, with a row and a stretch of zeros among them."""
    rng = np.random.default_rng(shape)
    w = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 6, (shape[0], *[1] * (len(shape) - 1)))
    if shape[0] > 2:
        w[1], w[2, :32] = 0, 0
    return torch.from_numpy(w.astype(np.float32))


def on_grid(w: Array, precision: str) -> Array:
    """The exporter's grid for a weight (outputs, inputs)."""
    narrow = grids.per_block(w.T, 4) if precision == "int4" else grids.per_column(w.T)
    return narrow.widened().T


@in_one_test("shape", SHAPES)
def test_the_grids_are_those_of_the_exporter(shape: tuple[int, int]) -> None:
    """Equal to the bit, whatever is left over after the last whole block."""
    w = numbers(*shape)
    np.testing.assert_array_equal(per_block4(w).numpy(), on_grid(w.numpy(), "int4"))
    np.testing.assert_array_equal(per_row7(w).numpy(), on_grid(w.numpy(), "int8"))
    np.testing.assert_array_equal(per_row8(w).numpy(), grids.per_axis(w.numpy(), 0).widened())


def test_a_kernel_has_a_scale_for_each_output() -> None:
    """A convolution's weight (outputs, inputs, width), to the bit."""
    w = numbers(6, 5, 3)
    np.testing.assert_array_equal(per_row8(w).numpy(), grids.per_axis(w.numpy(), 0).widened())


@in_one_test("precision", PRECISIONS)
@in_one_test("cell", CELLS)
def test_a_call_uses_the_rounded_weights(cell: str, precision: str) -> None:
    """Outputs and states equal those of a network that owns the exporter's numbers, and the weights are still there."""
    torch.manual_seed(0)
    network, other = (RecurrentNetwork(NetworkConfig(cell, 5, 33, 4, num_layers=2, layer_norm=True)) for _ in range(2))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    rounded = {
        name: torch.from_numpy(on_grid(w.numpy(), precision)) if w.ndim == 2 and w.numel() >= 32 else w
        for name, w in before.items()
    }
    other.load_state_dict(rounded)
    # torch picks other kernels for weights that need a gradient, with other last bits.
    other.requires_grad_(False)
    x = torch.randn(2, 7, 5)
    with torch.no_grad():
        network(x)
        y, state = functional_call(network, fake_quantized(network, precision), (x,))
        expected, expected_state = other(x)
        plain, _ = network(x)
    torch.testing.assert_close(y, expected, rtol=0, atol=0)
    torch.testing.assert_close(state, expected_state, rtol=0, atol=0)
    assert (y - plain).abs().max() > 1e-4
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())


@in_one_test("cell", CELLS)
def test_gradients_pass_through_the_rounding(cell: str) -> None:
    """The weights get the gradient that the rounded weights have in a network that owns them."""
    torch.manual_seed(0)
    network, other = (RecurrentNetwork(NetworkConfig(cell, 5, 33, 4)) for _ in range(2))
    other.load_state_dict({n: w.detach() for n, w in fake_quantized(network, "int4").items()})
    x = torch.randn(2, 7, 5)
    functional_call(network, fake_quantized(network, "int4"), (x,))[0].square().sum().backward()
    other(x)[0].square().sum().backward()
    for (name, w), expected in zip(network.named_parameters(), other.parameters(), strict=True):
        assert w.grad is not None and expected.grad is not None and expected.grad.abs().max() > 0, name
        torch.testing.assert_close(w.grad, expected.grad, rtol=0, atol=0)


def test_each_kind_of_layer_has_its_grid() -> None:
    """Tables and convolutions are int8 in int4 too; biases, normalizations and small weights stay float32."""
    torch.manual_seed(0)
    module = nn.ModuleDict(
        {
            "table": nn.Embedding(9, 8),
            "convolution": nn.Conv1d(8, 8, 3),
            "norm": nn.LayerNorm(64),
            "lstm": nn.LSTM(8, 16, proj_size=6),
            "cell": nn.GRUCell(8, 16),
            "head": nn.Linear(16, 4),
            "small": nn.Linear(5, 6),
        }
    )
    parameters = dict(module.named_parameters())
    for name, w in fake_quantized(module, "int4").items():
        plain = parameters[name].detach().numpy()
        if name in ("table.weight", "convolution.weight"):
            expected = grids.per_axis(plain, 0).widened()
        elif plain.ndim < 2 or name.startswith("small"):
            expected = plain
        else:
            expected = on_grid(plain, "int4")
        np.testing.assert_array_equal(w.detach().numpy(), expected, err_msg=name)


@pytest.mark.parametrize("precision", ["float16", "int2"])
def test_another_precision_is_refused(precision: str) -> None:
    """The message names those that there are."""
    with pytest.raises(ValueError, match=f"expected one of int8, int4, found '{precision}'"):
        fake_quantized(nn.Linear(8, 8), precision)
