"""Number grids: which numbers a narrow weight can be, and how they are written.

Every grid is symmetric around zero, with one scale for a group of weights: w is stored as q = round(w / scale), and
means q * scale.

| grid       | q            | one scale for                       | where                            |
|------------|--------------|-------------------------------------|----------------------------------|
| per_tensor | -63 ... 63   | the matrix                          | integer products                 |
| per_column | -63 ... 63   | a column: one output of the product | integer products, where it pays  |
| per_axis   | -127 ... 127 | an index of one axis                | what is widened at load          |
| per_block  | -127 ... 127 | `block` weights of a column         | products with unbounded input    |
| per_block  | -7 ... 7     | `BLOCK4` weights of a column        | int4                             |

63 instead of 127 in integer products: x86 without VNNI adds two products of uint8 and int8 in 16 bits, where
2 * 255 * 127 does not fit and saturates, while 2 * 255 * 63 does. onnxruntime's own int8 LSTM is wrong by 0.15 on such
processors. Both sides as uint8 would be exact too, and take a fifth longer.

A matrix (K, N) stands as in x @ W: K inputs, N outputs. Blocks run along K; the last one is filled up with zeros.
Source of the block layout: onnxruntime, contrib operator MatMulNBits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.contract import Array

LEVELS8, LEVELS7, LEVELS4 = 127, 63, 7
BLOCK4 = 32
# A scale of 4 bytes for a block: more weights in it cost precision, fewer cost bytes.
_BLOCKS8 = (64, 128)


@dataclass(frozen=True, eq=False)
class Narrow:
    """A weight on a grid: q int8, scale float32, of shapes that multiply; `block` weights of a column share a scale.

    Without blocks q is (K, N) and scale () or (N,); with them q is (N, blocks, block) and scale (N, blocks, 1).
    """

    q: Array
    scale: Array
    shape: tuple[int, ...]
    block: int = 0

    def widened(self) -> Array:
        """The float32 weights (K, N) that the narrow ones stand for."""
        wide = self.q.astype(np.float32) * self.scale
        return wide if not self.block else wide.reshape(self.shape[1], -1).T[: self.shape[0]]


def per_tensor(w: Array) -> Narrow:
    """One scale for all weights; w of any shape."""
    return _on_grid(w, _scale(np.abs(w).max(initial=0.0), LEVELS7), LEVELS7)


def per_column(w: Array) -> Narrow:
    """One scale for every output of w (K, N)."""
    return _on_grid(w, _scale(np.abs(w).max(axis=0), LEVELS7), LEVELS7)


def per_axis(w: Array, axis: int) -> Narrow:
    """One scale for every index of `axis`; w of any shape, the scale of a shape that multiplies with it."""
    others = tuple(i for i in range(w.ndim) if i != axis)
    return _on_grid(w, _scale(np.abs(w).max(axis=others, keepdims=True), LEVELS8), LEVELS8)


def per_block(w: Array, bits: int) -> Narrow:
    """One scale for every `block` weights of a column of w (K, N); 8 or 4 bits."""
    levels = LEVELS8 if bits == 8 else LEVELS4
    block = BLOCK4 if bits == 4 else min(_BLOCKS8, key=lambda size: -(-len(w) // size) * (size + 4))
    blocks = -(-len(w) // block)
    padded = np.zeros((blocks * block, w.shape[1]), np.float32)
    padded[: len(w)] = w
    cut = np.ascontiguousarray(padded.T).reshape(w.shape[1], blocks, block)
    narrow = _on_grid(cut, _scale(np.abs(cut).max(axis=2, keepdims=True), levels), levels)
    return Narrow(narrow.q, narrow.scale, w.shape, block)


def squared_error(w: Array, narrow: Narrow) -> float:
    """Mean squared difference that the grid makes."""
    return float(np.mean(np.square(w - narrow.widened())))


def _scale(largest: Array, levels: int) -> Array:
    """A group of zeros has scale 1; the least scale is the least normal number, so that dividing by it is safe."""
    largest = np.asarray(largest, np.float32)
    scale = np.maximum(largest / np.float32(levels), np.finfo(np.float32).tiny)
    return np.where(largest > 0, scale, np.float32(1))


def _on_grid(w: Array, scale: Array, levels: int) -> Narrow:
    return Narrow(np.clip(np.rint(w / scale), -levels, levels).astype(np.int8), scale, w.shape)
