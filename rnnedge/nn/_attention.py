"""Attention over the last frames of a recurrence: bounded, causal, with a cache that does not grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from rnnedge.options import check, option
from rnnedge_runtime.errors import InputError

State = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Attention:
    """Every frame looks at the last `window` frames, itself among them, with that many `heads`."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    window: int = option(16, least=1)
    heads: int = option(1, least=1)

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range."""
        check(self)


class WindowAttention(nn.Module):
    """y_t = h_t + W_o [head_1, ..., head_H], head = sum_s softmax_s(q_t k_s / sqrt(d)) v_s, t - window < s <= t.

    Multi-head attention (Vaswani et al., "Attention is all you need", 2017, section 3.2) of the states of a recurrence
    (Bahdanau, Cho & Bengio 2015) over a sliding window (Beltagy, Peters & Cohan, "Longformer", 2020, section 3.1).

    The state is keys and values of the frames before, (batch, window - 1, features) each, and 1 if there was a frame
    (batch, window - 1), 0 where the sequence had not begun, float32; it lives with the caller, who starts with None.
    """

    def __init__(self, config: Attention, features: int) -> None:
        """`features` of every state h. Raises `InputError` where the heads do not divide them."""
        super().__init__()
        if features % config.heads:
            raise InputError(f"heads: expected a divisor of {features} features, found {config.heads}")
        self.config = config
        self.qkv, self.out = nn.Linear(features, 3 * features), nn.Linear(features, features)

    def forward(self, h: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """h (batch, time, features) -> y (batch, time, features), state."""
        q, k, v = self.qkv(h).chunk(3, dim=-1)
        if torch.compiler.is_exporting():
            return h + self.out(self._whole(q, k, v)), (k[:, :0], v[:, :0], k[:, :0, 0])
        w = self.config.window
        if state is None:
            nothing = h.new_zeros(h.shape[0], w - 1, h.shape[2])
            state = nothing, nothing, nothing[:, :, 0]
        there = torch.cat([state[2], state[2].new_ones(h.shape[:2])], dim=1)
        k, v = torch.cat([state[0], k], dim=1), torch.cat([state[1], v], dim=1)
        y = h + self.out(self._blocks(q, k, v, there))
        begin = k.shape[1] - (w - 1)
        return y, (k[:, begin:], v[:, begin:], there[:, begin:])

    def _whole(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Every frame next to every other, under a mask: what the exporter reads the window from."""
        q, k, v = (torch.unflatten(a, -1, (self.config.heads, -1)).transpose(1, 2) for a in (q, k, v))
        index = torch.arange(q.shape[2], device=q.device)
        distance = index[:, None] - index[None, :]
        y = scaled_dot_product_attention(q, k, v, attn_mask=(distance >= 0) & (distance < self.config.window))
        return y.transpose(1, 2).flatten(2)

    def _blocks(self, q: Tensor, k: Tensor, v: Tensor, there: Tensor) -> Tensor:
        """q (batch, time, features); k, v, there with window - 1 frames before: work that grows as time does.

        A block of `window` frames looks at itself and the window - 1 frames before it.
        """
        w, time = self.config.window, q.shape[1]
        behind = -time % w
        q = torch.unflatten(pad(q, (0, 0, 0, behind)), 1, (-1, w))
        q = torch.unflatten(q, -1, (self.config.heads, -1)).transpose(2, 3)
        k, v = (pad(a, (0, 0, 0, behind)).unfold(1, 2 * w - 1, w) for a in (k, v))
        k, v = (torch.unflatten(a, 2, (self.config.heads, -1)).transpose(-1, -2) for a in (k, v))
        row, column = torch.arange(w, device=q.device)[:, None], torch.arange(2 * w - 1, device=q.device)[None, :]
        band = (column >= row) & (column < row + w)
        # After the end every frame counts as there, so that no row is without one.
        seen = pad(there, (0, behind), value=1.0).unfold(1, 2 * w - 1, w)[:, :, None, None, :] > 0
        y = scaled_dot_product_attention(q, k, v, attn_mask=band & seen)
        return y.transpose(2, 3).flatten(1, 2).flatten(2)[:, :time]
