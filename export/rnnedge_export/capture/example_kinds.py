"""What is given as an example and is none: what it is, and how it is written.

1. Something without a tensor in it: an array, numbers, a shape, a path, a table, a loader.
2. A sequence without a batch, or time on another axis: the module takes no other sizes where batch and time should be.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils import _pytree as pytree

from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture.example import Example, _resized
from rnnedge_runtime.errors import ModelRefused

_SUCH_AS = "give a tensor such as torch.zeros(1, 100, 40)"
_OTHER_BATCH = 3


def check_kind(example: object) -> None:
    """Case 1: raise `ModelRefused` if there is no tensor."""
    if any(isinstance(one, PackedSequence) for one in _members(example)):
        raise ModelRefused(
            "example: expected a tensor (batch, time, ...), found a PackedSequence; give the tensor before it is "
            "packed: a stream has no lengths"
        )
    if _holds_tensor(example):
        return
    members = _members(example)
    alone = len(members) == 1 and not _is_number(members[0]) and type(members[0]) not in (list, tuple)
    found, remedy = _told(members[0] if alone else example)
    raise ModelRefused(f"example: expected a tensor (batch, time, ...), found {found}; {remedy}")


def check_axes(module: nn.Module, example: Example) -> None:
    """Case 2: raise `ModelRefused` where other axes are those that the module means."""
    if len(example.tensors) != 1 or example.extras:
        return
    x, batch, time = example.tensors[0], example.batch_axis, example.time_axis
    if _takes(module, example, x, batch, time):
        return
    found = f"example: expected batch on axis {batch} and time on axis {time}, found shape {tuple(x.shape)}"
    more = x.unsqueeze(batch)
    if _takes(module, example, more, batch, time):
        one = f"which is one sequence without a batch; give x.unsqueeze({batch}), of shape {tuple(more.shape)}"
        raise ModelRefused(f"{found}, {one}")
    for given, what in ((x, ""), (more, f"x.unsqueeze({batch}) and ")):
        for axis in range(given.dim()):
            if axis not in (batch, time) and _takes(module, example, given, batch, axis):
                raise ModelRefused(
                    f"{found}: the module takes other lengths along another axis only; give {what}time_axis={axis} "
                    f"(--time-axis {axis})"
                )


def _takes(module: nn.Module, example: Example, x: Tensor, batch: int, time: int) -> bool:
    """Whether it takes other sizes of both."""
    other = _resized(_resized(x, batch, _OTHER_BATCH), time, 2 * x.shape[time])
    args, kwargs = example.call((other,))
    try:
        with quiet(), torch.no_grad():
            module(*args, **kwargs)
    # A user's forward can raise anything.
    except Exception:
        return False
    return True


def _members(example: object) -> list[Any]:
    return list(example) if type(example) in (list, tuple, torch.Size) else [example]  # type: ignore[call-overload]


def _holds_tensor(example: object) -> bool:
    if dataclasses.is_dataclass(example):
        return True
    try:
        return any(isinstance(leaf, Tensor) or dataclasses.is_dataclass(leaf) for leaf in pytree.tree_leaves(example))
    # A foreign container may raise anything, and whoever reads it says so.
    except Exception:
        return True


def _told(value: Any) -> tuple[str, str]:
    """What it is, and the remedy."""
    kind = type(value).__name__
    if value is None or (type(value) in (list, tuple, dict) and not value):
        return "nothing" if value is not None else kind, _SUCH_AS
    if isinstance(value, (list, tuple)):
        return _numbers(value)
    if kind == "ndarray":
        return kind, f"give {of_array(value)}"
    if isinstance(value, (str, os.PathLike)):
        return f"a path or a name, {kind}", "load it first, as torch.from_numpy(numpy.load(path))"
    if callable(getattr(value, "to_numpy", None)):
        return kind, 'give torch.from_numpy(x.to_numpy("float32"))[None]'
    if hasattr(value, "__next__") or kind == "DataLoader":
        return kind, "give one batch of it, next(iter(x))"
    return kind, _SUCH_AS


def of_array(array: Any) -> str:
    """The tensor of an array of numpy: float64 is its default, and not that of a network."""
    return f"torch.from_numpy(x){'.float()' if array.dtype == 'float64' else ''}"


def _numbers(value: Any) -> tuple[str, str]:
    """Of a list or tuple: nested numbers, or those of a shape."""
    depth, inner = 0, value
    while isinstance(inner, (list, tuple)) and inner:
        depth, inner = depth + 1, inner[0]
    if not _is_number(inner):
        name = type(inner).__name__
        return f"a {type(value).__name__} of {name}", "give torch.from_numpy(x)" if name == "ndarray" else _SUCH_AS
    if depth == 1 and all(type(one) is int for one in value):
        shape = ", ".join(map(str, value))
        return f"the numbers ({shape})", f"if that is the shape, give torch.zeros({shape})"
    return "numbers in a list", "give torch.tensor(x)" + ("[None]" if depth == 2 else "")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
