"""What a tensor of an example has to be, as a sequence and as a value per sequence; anything else is refused."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rnnedge_export.capture.example_kinds import of_array
from rnnedge_runtime.errors import ModelRefused

_DTYPES = (torch.float32, torch.float64, torch.float16, torch.int64, torch.int32, torch.bool)


def check_sequence(given: Any, batch_axis: int, time_axis: int) -> None:
    """Raise `ModelRefused` unless it can be a sequence."""
    if not isinstance(given, Tensor):
        remedy = f"; give {of_array(given)}" if type(given).__name__ == "ndarray" else ""
        raise ModelRefused(f"example: expected a tensor (batch, time, ...), found {type(given).__name__}{remedy}")
    _check_values(given)
    axes = (batch_axis, time_axis)
    if batch_axis == time_axis or not all(0 <= axis < given.dim() for axis in axes):
        raise ModelRefused(
            f"example: expected batch on axis {axes[0]} and time on axis {axes[1]}, found shape "
            f"{tuple(given.shape)}; of one sequence without a batch give x.unsqueeze({batch_axis}), of other orders "
            "batch_axis and time_axis"
        )
    if not given.numel():
        raise ModelRefused(f"example: expected at least one frame, found shape {tuple(given.shape)}")
    if given.dtype not in (torch.float32, torch.int64):
        complex_ = "give torch.view_as_real(x), and view_as_complex in the module"
        remedy = complex_ if given.is_complex() else "give module.float() and x.float()"
        raise ModelRefused(f"example: expected float32 (or int64 tokens), found {given.dtype}; {remedy}")


def no_batch(name: str, value: Tensor) -> str:
    """What is said of a value without a batch axis."""
    return (
        f"example: {name!r}: expected a value per sequence, with the batch on one of its axes, such as (batch, 3),"
        f" found shape {tuple(value.shape)}; give one for each sequence of the example, or make it a setting of "
        "the network"
    )


def check_extra(name: str, value: Any) -> None:
    """Raise `ModelRefused` unless it can be a value per sequence, or a state."""
    if not isinstance(value, Tensor):
        raise ModelRefused(
            f"example: {name!r}: expected a tensor, a value per sequence, found {type(value).__name__}; what "
            "stays the same for all sequences is a setting of the network"
        )
    _check_values(value)
    if value.dtype not in _DTYPES:
        raise ModelRefused(f"example: {name!r}: expected numbers or truth values, found {value.dtype}; convert it")
    if not value.numel():
        raise ModelRefused(f"example: {name!r}: expected at least one number, found shape {tuple(value.shape)}")


def _check_values(tensor: Tensor) -> None:
    """Raise `ModelRefused` for a tensor that has none, or not one for every place."""
    if tensor.is_meta or tensor.layout is not torch.strided:
        raise ModelRefused(f"example: expected a tensor with values, found {tensor.layout} on {tensor.device}")
