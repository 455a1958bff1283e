"""Weights rounded as a narrow file will round them, so that a network can learn to live with it.

| weight                                              | "int4"                        | "int8"               |
|-----------------------------------------------------|-------------------------------|----------------------|
| recurrent and linear layers (outputs, inputs)       | -7 ... 7, 32 inputs of a row  | -63 ... 63, a row    |
| convolutions (outputs, ...), tables (entries, ...)  | -127 ... 127, a row           | -127 ... 127, a row  |
| biases, normalizations, weights of under 32 numbers | float32                       | float32              |

What stands after the comma shares a scale. Backwards the rounding counts as the identity (straight-through estimator:
Bengio, Leonard & Courville, "Estimating or propagating gradients through stochastic neurons", 2013).

The grids are those of `rnnedge_export.precision.grids`, to the bit. Where an int8 file has one scale for a whole
matrix, its squared error is at most twice that of a scale for each row.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from rnnedge_runtime.annotated import checked
from rnnedge_runtime.errors import InputError

PRECISIONS = ("int8", "int4")
_LEVELS8, _LEVELS7, _LEVELS4 = 127, 63, 7
_BLOCK4 = 32
_SMALLEST = 32

Grid = Callable[[Tensor], Tensor]


@checked
def fake_quantized(module: nn.Module, precision: str) -> dict[str, Tensor]:
    """Every parameter of `module` by name, as float32 numbers on the grid of `precision`: "int8" or "int4".

    For `torch.func.functional_call`, which puts them in the place of the parameters for one call. Differentiable:
    the parameters get the gradient of their rounded selves. A parameter that a module keeps under a name of its own,
    outside of torch's layers, stays as it is.

    Raises `InputError` for another precision.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision: expected one of {', '.join(PRECISIONS)}, found {precision!r}")
    grids = {
        id(parameter): grid
        for layer in module.modules()
        for name, parameter in layer.named_parameters(recurse=False)
        if (grid := _grid(layer, name, precision)) is not None and parameter.numel() >= _SMALLEST
    }
    return {
        name: _straight_through(parameter, grids[id(parameter)]) if id(parameter) in grids else parameter
        for name, parameter in module.named_parameters()
    }


def _grid(layer: nn.Module, name: str, precision: str) -> Grid | None:
    """How a parameter of a layer is rounded; None where it is not."""
    if not name.startswith("weight"):
        return None
    if isinstance(layer, (nn.Linear, nn.RNNBase, nn.RNNCellBase)):
        return per_block4 if precision == "int4" else per_row7
    return per_row8 if isinstance(layer, (_ConvNd, nn.Embedding)) else None


def per_row8(w: Tensor) -> Tensor:
    """w (rows, ...) on a grid of -127 ... 127, one scale for each row."""
    return _rounded(w.flatten(1), _LEVELS8).reshape(w.shape)


def per_row7(w: Tensor) -> Tensor:
    """w (rows, inputs) on a grid of -63 ... 63, one scale for each row."""
    return _rounded(w, _LEVELS7)


def per_block4(w: Tensor) -> Tensor:
    """w (rows, inputs) on a grid of -7 ... 7, one scale for every 32 inputs of a row."""
    rows, inputs = w.shape
    padded = nn.functional.pad(w, (0, -inputs % _BLOCK4))
    return _rounded(padded.reshape(rows, -1, _BLOCK4), _LEVELS4).reshape(rows, -1)[:, :inputs]


def _rounded(w: Tensor, levels: int) -> Tensor:
    """One scale along the last axis; a group of zeros has scale 1."""
    largest = w.abs().amax(dim=-1, keepdim=True)
    scale = torch.where(largest > 0, largest / levels, 1.0)
    return (w / scale).round().clamp(-levels, levels) * scale


def _straight_through(w: Tensor, grid: Grid) -> Tensor:
    """The value of grid(w), to the bit, and the gradient of w."""
    on_grid = grid(w.detach())
    return on_grid + (w - w.detach())
