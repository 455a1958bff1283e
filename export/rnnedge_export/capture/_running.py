"""Running products, extremes and sums of exponentials, and `associative_scan`, as the loops over time that they are.

ONNX has no operator for them. While a module is captured at a fixed length they are Python loops, which are rolled back
as those of the module itself (`loops/`); along an axis of features they stay written out.

1. `cumprod`: y_t = y_(t-1) x_t, from 1. `cummax`, `cummin`: the larger or smaller of y_(t-1) and x_t, from x_0.
2. `logcumsumexp`: m + log(s + r) with m the running maximum, s the sum of exp(x - m), and r what its roundings lost.
3. `associative_scan` in its generic mode: y_t = combine(y_(t-1), x_t), from x_0.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

# The package has a function of that name in the place of the module.
_SCANS = importlib.import_module("torch._higher_order_ops.associative_scan")
Original = Callable[..., Any]


@contextmanager
def running_totals_as_loops() -> Iterator[None]:
    """Patch torch, and the methods of its tensors."""
    with ExitStack() as stack:
        for name, loop in _LOOPS.items():
            for owner in (torch, Tensor):
                stack.enter_context(patch.object(owner, name, _for_numbers(getattr(owner, name), loop)))
        name = "generic_associative_scan"
        stack.enter_context(patch.object(_SCANS, name, _scan_for_numbers(getattr(_SCANS, name))))
        yield


def _for_numbers(original: Original, loop: Callable[[Tensor, int], Any]) -> Original:
    """The loop where the length is a number; torch's own operator where it is any."""

    def function(input: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Any:
        if not isinstance(input.shape[dim], int):
            return original(input, dim) if dtype is None else original(input, dim, dtype=dtype)
        return loop(input if dtype is None else input.to(dtype), dim)

    return function


def _product(x: Tensor, dim: int) -> Tensor:
    frames = x.unbind(dim)
    y, found = torch.ones_like(frames[0]), []
    for frame in frames:
        y = y * frame
        found.append(y)
    return torch.stack(found, dim)


def _from_the_first(x: Tensor, dim: int, step: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    y, *frames = x.unbind(dim)
    found = [y]
    for frame in frames:
        y = step(y, frame)
        found.append(y)
    return torch.stack(found, dim)


def _log_sum(x: Tensor, dim: int) -> Tensor:
    """Case 2."""
    m, *frames = x.unbind(dim)
    s, r, found = torch.ones_like(m), torch.zeros_like(m), [m]
    for frame in frames:
        largest = torch.maximum(m, frame)
        scale, term = _exp_difference(m, largest), _exp_difference(frame, largest)
        m, scaled = largest, s * scale
        s = scaled + term
        # What the sum of two numbers loses, exactly (Knuth, TAOCP 4.2.2).
        part = s - scaled
        r = r * scale + ((scaled - (s - part)) + (term - part))
        found.append(m + torch.log(s + r))
    return torch.stack(found, dim)


def _exp_difference(a: Tensor, b: Tensor) -> Tensor:
    """exp(a - b); two infinities of one sign have no difference."""
    return torch.exp(torch.where(a == b, torch.zeros_like(a), a - b))


def _extreme(step: Callable[[Tensor, Tensor], Tensor], kind: Any) -> Callable[[Tensor, int], Any]:
    def loop(x: Tensor, dim: int) -> Any:
        values = _from_the_first(x, dim, step)
        at, numbers = torch.zeros_like(x.select(dim, 0), dtype=torch.int64), []
        for t, (frame, value) in enumerate(zip(x.unbind(dim), values.unbind(dim), strict=True)):
            at = torch.where(frame == value, t, at)
            numbers.append(at)
        return kind((values, torch.stack(numbers, dim)))

    return loop


_LOOPS: dict[str, Callable[[Tensor, int], Any]] = {
    "cumprod": _product,
    "cummax": _extreme(torch.maximum, torch.return_types.cummax),
    "cummin": _extreme(torch.minimum, torch.return_types.cummin),
    "logcumsumexp": _log_sum,
}


def _scan_for_numbers(original: Original) -> Original:
    """Case 3; `operator` maps the combine function over axis 0 of the leaves, which is no axis here."""

    def function(operator: Any, leaves: Sequence[Tensor], *args: Any, **kwargs: Any) -> Any:
        given = getattr(operator, "keywords", {})
        combine = getattr(given.get("combine_fn"), "__wrapped__", None)
        if args or combine is None or not isinstance(leaves[0].shape[0], int):
            return original(operator, leaves, *args, **kwargs)
        y, *frames = zip(*(leaf.unbind(0) for leaf in leaves), strict=True)
        found = [y]
        for frame in frames:
            both = (pytree.tree_unflatten(values, given["spec"]) for values in (y, frame))
            y = tuple(pytree.tree_leaves(combine(*both)))
            found.append(y)
        return [torch.stack(rows) for rows in zip(*found, strict=True)]

    return function
