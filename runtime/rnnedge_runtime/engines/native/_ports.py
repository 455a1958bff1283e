"""Where every step of a binding finds its frames: in the binding's own arrays, or in copies where those lie apart.

A program takes arrays in one piece, of its own number of sequences and of the frames of one step. A binding has arrays
of all sequences and of all frames of a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.contract import BATCH, Array, Cursor, Port
from rnnedge_runtime.engines.native._structs import Block


@dataclass(frozen=True, eq=False)
class Laid:
    """One port: for every block its address, and the bytes from one step to the next; and how many numbers it has.

    `copies` are pairs of views, of the binding's array and of what the program uses in its place; `keep` is that
    memory. At the first address begin all numbers of the port, one after the other.
    """

    addresses: Sequence[int]
    strides: Sequence[int]
    count: int
    copies: Sequence[tuple[Array, Array]] = ()
    keep: Array | None = None


def lay_port(array: Array, port: Port, blocks: Sequence[Block], steps: int) -> Laid:
    """A port of the contract, whose `array` has the frames of `steps` steps, or of one where it has no time."""
    if port.time_axis is None:
        # A summary of a call of several steps is that of its last one.
        return _lay(array[None], port, blocks)
    axis = port.time_axis
    apart = array.reshape(*array.shape[:axis], steps, -1, *array.shape[axis + 1 :])
    return _lay(np.moveaxis(apart, axis, 0), port, blocks)


def lay_cursor(array: Array, cursor: Cursor, blocks: Sequence[Block], steps: int) -> Laid:
    """A cursor, which all sequences share."""
    if steps > 1 and cursor.kind == "last":
        # Only calls of one step come where a sequence ends; before that, the last frame of each step is its last.
        array = np.array((array.item() + 1) // steps - 1, array.dtype)
    stride = array.nbytes // steps if array.ndim else 0
    return Laid([array.ctypes.data] * len(blocks), [stride] * len(blocks), array.size, keep=array)


def _lay(array: Array, port: Port, blocks: Sequence[Block]) -> Laid:
    """`array` has the steps on its first axis, in front of the axes of a program."""
    axis = port.batch_axis + 1
    open_batch = port.shape[port.batch_axis] == BATCH
    cuts = [(slice(None),) * axis + (slice(b.first, b.first + b.size),) for b in blocks]
    views = [array[cut] if open_batch else array for cut in cuts]
    if all(view[0].flags.c_contiguous for view in views):
        return _laid(views, array.size)
    flat = np.zeros(array.size, array.dtype)
    ends = np.cumsum([view.size for view in views])
    own = [flat[end - view.size : end].reshape(view.shape) for view, end in zip(views, ends, strict=True)]
    return _laid(own, array.size, list(zip(views, own, strict=True)), flat)


def _laid(
    views: Sequence[Array], count: int, copies: Sequence[tuple[Array, Array]] = (), keep: Array | None = None
) -> Laid:
    # One step goes nowhere: a summary stays where it is for all steps.
    strides = [view.strides[0] if len(view) > 1 else 0 for view in views]
    return Laid([view.ctypes.data for view in views], strides, count, copies, keep)
