"""How far back the network looks: the size of its gradient over distance in time.

J_d = dy_t / dx_{t-d}, its Frobenius norm for every distance d from the frame t that is explained. Of many outputs a few
random combinations stand for all of them: for normal v, E |v^T J|^2 = |J|_F^2.
Source: Bengio, Simard & Frasconi, 1994; Pascanu, Mikolov & Bengio, 2013, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from rnnedge.explain._from_module import Watched, evaluation
from rnnedge.explain._gradient_path import way_of
from rnnedge.explain._outputs import Target
from rnnedge_runtime.contract import Array

_EXACT = 16
_SEED = 31


@dataclass(frozen=True, eq=False)
class Reach:
    """`norms` float64 (distance,): the gradient of an output frame by the input that many frames before `frame`.

    `frame`: the last frame of the input that moves the output at all; the one explained, but for a network that looks
    ahead or has a stride.
    """

    frame: int
    norms: Array

    @property
    def relative(self) -> Array:
        """`norms` as shares of the largest."""
        largest = float(self.norms.max(initial=0.0))
        return self.norms / largest if largest > 0 else np.zeros_like(self.norms)

    def length(self, share: float) -> int | None:
        """Frames from which on every norm is below `share` of the largest; None where the sequence is too short."""
        above = np.flatnonzero(self.relative >= share)
        if not len(above):
            return 0
        return int(above[-1]) + 1 if above[-1] + 1 < len(self.norms) else None


def reach(watched: Watched, target: Target) -> Reach | None:
    """Of the output and the frame of `target`, over all of its values.

    By the embedding of tokens; None where they have none.
    """
    with evaluation(watched.module):
        way = way_of(watched)
        if way is None:
            return None
        x = way.x.clone().requires_grad_(True)
        y = way.outputs(x)[target.output][0, target.frame]
        rows = torch.eye(len(y)) if len(y) <= _EXACT else torch.randn(
            _EXACT, len(y), generator=torch.Generator().manual_seed(_SEED)
        ) / _EXACT**0.5  # fmt: skip
        squares = torch.zeros(x.shape[1], dtype=torch.float64)
        for row in rows:
            (gradient,) = torch.autograd.grad(y, x, row, retain_graph=True, materialize_grads=True)
            squares += gradient[0].flatten(1).double().square().sum(1)
    norms = squares.sqrt().numpy()
    last = int(np.flatnonzero(norms)[-1]) if norms.any() else len(norms) - 1
    return Reach(last, norms[: last + 1][::-1].copy())
