"""How long a push lasts: the memory of a unit is moved a little at one frame, and watched while the sequence goes on.

Every unit of a layer is pushed by itself, all of them in one batch, over the input that the layer really had. What is
left of the push in that unit, as a share, is averaged over several frames to begin from. Unlike what a gate says, this
holds for any cell, and what comes back through the recurrent weights is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from rnnedge.explain._hooks import Part
from rnnedge.explain.cells import start_of
from rnnedge_runtime.contract import Array

_PUSH = 1e-2
_BEGINNINGS = 4
# Larger layers are measured on this many units, evenly chosen.
_UNITS = 256
_LONGEST = 400
# Of a push; what float32 can tell from nothing.
_NOTHING = 1e-5


@dataclass(frozen=True, eq=False)
class Decay:
    """`left` float64 (frame, unit): the share of the push that is left, 1 at frame 0. `units`: their numbers."""

    layer: str
    left: Array
    units: Array

    @property
    def half_life(self) -> Array:
        """Frames, float64 (unit,), until half is gone for good; infinite where that is not seen in the sequence."""
        return half_lives(self.left)


def measured_decay(part: Part) -> Decay | None:
    """Of the memory of one layer: the cell state of an LSTM, the hidden state of any other.

    None for a sequence of fewer than 4 frames, and for a cell of which nobody said how its state is made of what it
    shows, where that is not the state itself.
    """
    time = part.x.shape[1]
    if time < 4:
        return None
    with torch.no_grad():
        whole = part.inner()
        memory = next(iter(whole.states))
        count = whole.states[memory].shape[2]
        units = np.unique(np.linspace(0, count - 1, min(count, _UNITS)).astype(int))
        # The last beginning leaves half of the sequence to watch.
        begins = np.unique(np.linspace(0, time // 2 - 1, _BEGINNINGS).astype(int))
        length = min(_LONGEST, time - 1 - int(begins[-1]))
        total = np.zeros((length + 1, len(units)))
        for begin in begins:
            values = {name: value[:, begin].expand(len(units) + 1, -1).clone() for name, value in whole.states.items()}
            size = float(values[memory].abs().max().clamp(min=0.1)) * _PUSH
            values[memory][torch.arange(len(units)), torch.from_numpy(units)] += size
            x = part.x[:, begin + 1 : begin + 1 + length].expand(len(units) + 1, -1, -1)
            try:
                after = part.inner(x, start_of(part.module, values)).states[memory]
            # A cell that nobody described may take its state in another shape, and say so in any way.
            except Exception:
                return None
            # What a cell gives need not be what it remembers: then the sequence does not go on as it did.
            if not torch.allclose(after[-1], whole.states[memory][0, begin + 1 : begin + 1 + length], atol=1e-4):
                return None
            moved = (after[:-1] - after[-1:]) / size
            total[1:] += moved[torch.arange(len(units)), :, torch.from_numpy(units)].abs().double().numpy().T
        total[0] = len(begins)
    return Decay(part.name, total / len(begins), units)


def half_lives(left: Array) -> Array:
    """The frame from which on less than half is left, with an exponential between two frames.

    `left` (frame, unit), 1 in frame 0. Infinite where more than half is left at the end.
    """
    above = left >= 0.5
    last = len(left) - 1 - above[::-1].argmax(axis=0)
    result = np.full(left.shape[1], np.inf)
    for unit, frame in enumerate(last):
        if frame < len(left) - 1:
            here, there = left[frame, unit], max(left[frame + 1, unit], _NOTHING)
            result[unit] = frame + np.log(here / 0.5) / np.log(here / there)
    return result
