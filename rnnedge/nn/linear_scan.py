"""h_t = a_t * h_{t-1} + b_t for all t at once: a linear recurrence, computed in parallel over time.

(a, b) and then (c, d) are (c a, c b + d), which is associative (Blelloch, "Prefix sums and their applications", 1990,
section 1.4). Here T frames are laid in about sqrt(T) rows of sqrt(T). Side by side, every row finds what it does to
whatever h comes in; one row hands its end to the next; side by side, every row fills in its frames. That is 3 sqrt(T)
steps on large arrays in place of T on small ones, and nothing but the frames is written to memory. Nothing is divided:
where a product of a becomes 0, what is far back has no influence, and nothing overflows while |a| is at most 1.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor
from torch._compile import _disable_dynamo
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from rnnedge.nn.time_loop import time_loop


def linear_recurrence(a: Tensor, b: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """a, b (batch, time, units), h (batch, units) before the first frame -> hs (batch, time, units), the last h.

    By a scan in parallel over time; while torch.export captures, frame by frame, as the device runs it.
    """
    if torch.compiler.is_exporting():

        def step(h: Tensor, ab: Tensor) -> tuple[Tensor, Tensor]:
            a_t, b_t = ab.chunk(2, dim=-1)
            h = a_t * h + b_t
            return h, h

        last, hs = time_loop(step, h, torch.cat([a, b], dim=-1).transpose(0, 1))
        return hs.transpose(0, 1), last
    hs = linear_scan(wide(a), wide(b), h)
    return hs, hs[:, -1]


def wide(x: Tensor) -> Tensor:
    """x in float32 where mixed precision made it narrower: a sum over a thousand frames needs the bits."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


# torch.compiler.disable imports torch's compiler, which takes as long as torch itself; this does at the first call.
@_disable_dynamo
def linear_scan(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    """a (batch or 1, time, units), b (batch, time, units), h (batch, units), real or complex -> hs like b.

    Differentiable once.
    """
    return cast(Tensor, _Scan.apply(a, b, h))  # type: ignore[no-untyped-call]


class _Scan(Function):
    """With e_t the gradient of h_t alone, that of all that h_t leads to is d_t = e_t + conj(a_{t+1}) d_{t+1}.

    The same recurrence, from the last frame to the first.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, h: Tensor) -> Tensor:
        hs = torch.empty_like(b, memory_format=torch.contiguous_format)
        _run(a, b, h, hs, range(b.shape[1]))
        ctx.save_for_backward(a, h, hs)
        return hs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, e: Tensor) -> tuple[Tensor | None, ...]:
        a, h, hs = ctx.saved_tensors
        d = torch.empty_like(hs)
        d[:, -1] = e[:, -1]
        last = hs.shape[1] - 1
        _run(a[:, 1:].conj(), e[:, :-1], d[:, -1], d[:, :-1], range(last - 1, -1, -1))
        da = None
        if ctx.needs_input_grad[0]:
            da = torch.empty_like(d)
            torch.mul(d[:, 1:], hs[:, :-1].conj(), out=da[:, 1:])
            torch.mul(d[:, 0], h.conj(), out=da[:, 0])
            da = da.sum_to_size(a.shape)
        return da, d, a[:, 0].conj() * d[:, 0]


def _run(a: Tensor, b: Tensor, h: Tensor, hs: Tensor, order: range) -> None:
    """Write h = a_t * h + b_t into hs (batch, time, units), t in `order`, which is up or down."""
    length = max(math.isqrt(len(order)), 1)
    rows = len(order) // length
    if rows > 1:
        h = _rows(a, b, h, hs, order[: rows * length], rows)
        order = order[rows * length :]
    for t in order:
        h = torch.addcmul(b[:, t], a[:, t], h, out=hs[:, t])


def _rows(a: Tensor, b: Tensor, h: Tensor, hs: Tensor, order: range, rows: int) -> Tensor:
    """As `_run`, all rows side by side; returns the last h."""
    up = order.step > 0
    part = slice(min(order), max(order) + 1)
    a_t, b_t, h_t = (torch.unflatten(x[:, part], 1, (rows, -1)).unbind(2) for x in (a, b, hs))
    places = range(len(a_t)) if up else range(len(a_t) - 1, -1, -1)
    product = a_t[places[0]].clone(memory_format=torch.contiguous_format)
    total = b_t[places[0]].clone(memory_format=torch.contiguous_format)
    for t in places[1:]:
        torch.addcmul(b_t[t], a_t[t], total, out=total)
        torch.mul(product, a_t[t], out=product)
    starts = torch.empty_like(total)
    for row in range(rows) if up else range(rows - 1, -1, -1):
        starts[:, row] = h
        h = torch.addcmul(total[:, row], product[:, row], h)
    now = starts
    for t in places:
        now = torch.addcmul(b_t[t], a_t[t], now, out=h_t[t])
    return hs[:, order[-1]]
