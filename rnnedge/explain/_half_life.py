"""After how many frames a unit has forgotten half of what it held, as its own gate says.

A unit that keeps the share k_t of its memory at frame t keeps prod k_t over a stretch. With the geometric mean k of
these shares over the sequence, half is gone after ln(1/2) / ln(k) frames: 0.69 at k = 0.37, 6.6 at 0.9, 69 at 0.99.

This is what the gate alone does (f of an LSTM, z of a GRU). What comes back through the recurrent weights is not in it;
`decay.py` measures the whole.
"""

from __future__ import annotations

import numpy as np

from rnnedge.explain._recording import Layer
from rnnedge.explain.gates import kept_share
from rnnedge_runtime.contract import Array

# Where a gate is shut entirely, and where it is open as far as float32 can tell.
_LEAST, _MOST = 1e-6, 1 - 1e-7


def gate_half_life(layer: Layer) -> Array | None:
    """Frames, float64 (unit,); None for a cell without a gate that keeps the memory."""
    found = kept_share(layer)
    if found is None:
        return None
    share = np.clip(found[1].astype(np.float64), _LEAST, _MOST)
    return np.asarray(np.log(0.5) / np.log(share).mean(axis=0))
