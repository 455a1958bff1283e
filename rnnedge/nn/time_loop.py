"""A recurrence written by hand: a Python loop when it runs, one ONNX Scan when it is exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

State = TypeVar("State", Tensor, tuple[Tensor, ...])
Step = Callable[[State, Tensor], tuple[State, Tensor]]


def time_loop(step: Step[State], state: State, xs: Tensor) -> tuple[State, Tensor]:
    """Apply `step(state, x_t) -> (state, y_t)` along time.

    xs (time, batch, ...); state a tensor or a tuple of tensors, (batch, ...) each; y_t (batch, ...).
    Returns the state after the last frame and ys (time, batch, ...).

    While torch.export captures, the loop becomes `torch._higher_order_ops.scan`, which keeps the length symbolic; its
    eager form trains about 25 times slower than the loop, so that is what runs otherwise.
    """
    if torch.compiler.is_exporting():
        from torch._higher_order_ops.scan import scan

        def body(carry: State, x: Tensor) -> tuple[State, Tensor]:
            after, y = step(carry, x)
            # The operator refuses results that share memory with each other or with its inputs.
            return pytree.tree_map(torch.clone, after), y.clone()

        final, ys = scan(body, state, xs)
        return final, ys
    outputs = []
    for x in xs.unbind(0):
        state, y = step(state, x)
        outputs.append(y)
    return state, torch.stack(outputs)
