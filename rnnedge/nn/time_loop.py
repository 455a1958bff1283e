"""A recurrence written by hand: a Python loop when it runs, one ONNX Scan when it is exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.utils import _pytree as pytree

State = TypeVar("State", bound=Any)
Frames = TypeVar("Frames")
Outputs = TypeVar("Outputs")
Step = Callable[[State, Frames], tuple[State, Outputs]]


def time_loop(step: Step[State, Frames, Outputs], state: State, xs: Frames) -> tuple[State, Outputs]:
    """Apply `step(state, x_t) -> (state, y_t)` along time.

    xs (time, batch, ...); state (batch, ...); y_t (batch, ...): each a tensor, or a tuple or dict of tensors.
    Returns the state after the last frame and ys (time, batch, ...).

    While torch.export captures, the loop becomes `torch._higher_order_ops.scan`, which keeps the length symbolic; its
    eager form trains about 25 times slower than the loop, so that is what runs otherwise.
    """
    if torch.compiler.is_exporting():
        from torch._higher_order_ops.scan import scan

        def body(carry: State, x: Frames) -> tuple[State, Outputs]:
            after, y = step(carry, x)
            return _apart(after), _apart(y)

        final, ys = scan(body, _apart(state), xs)
        return final, ys
    parts, structure = pytree.tree_flatten(xs)
    outputs = []
    for frame in zip(*(part.unbind(0) for part in parts), strict=True):
        state, y = step(state, pytree.tree_unflatten(frame, structure))
        outputs.append(y)
    return state, pytree.tree_map(lambda *values: torch.stack(values), *outputs)


def _apart(values: Any) -> Any:
    """Copies: the operator refuses results and states that share memory with each other or with its inputs."""
    return pytree.tree_map(torch.clone, values)
