"""Which whole numbers the source takes, such as the tokens of a vocabulary; found by asking it.

ONNX counts negative rows of a table from its end, where an embedding of PyTorch refuses them; so the graph alone would
take numbers that the source does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification._largest_number import largest_number
from rnnedge_runtime.contract import Array, Contract, Port

# Of a frame; each has a range of its own, and is asked for by itself.
_MOST_FEATURES = 8
_SEED = 0


def with_ranges(contract: Contract, reference: Reference) -> Contract:
    """The contract, whose inputs of whole numbers say which ones they take, where the source does not take any."""
    return replace(contract, inputs=tuple(replace(p, range=_range(p, reference)) for p in contract.inputs))


def _range(port: Port, reference: Reference) -> tuple[int, int] | None:
    sizes = [int(size) for size in port.frame_shape]
    if not port.dtype.startswith("int") or np.prod(sizes, dtype=int) > _MOST_FEATURES:
        return None
    usual = reference.frames(1, reference.lengths.at_least(1), np.random.default_rng(_SEED))
    found = [_of_feature(port, reference, usual, index) for index in product(*map(range, sizes))]
    every = [one for one in found if one is not None]
    if len(every) < len(found) or not every:
        return None
    # What one feature takes, none is refused for.
    return min(low for low, _ in every), max(high for _, high in every)


def _of_feature(
    port: Port, reference: Reference, usual: dict[str, Array], index: tuple[int, ...]
) -> tuple[int, int] | None:
    """The least and the largest number; None where there is no end, or 0 is none of them."""
    places: tuple[Any, ...] = (..., *index)

    def call(number: int) -> object:
        frames = usual[port.name].copy()
        frames[places] = number
        return reference.raw({**usual, port.name: frames})

    if not _takes(call, 0):
        return None
    high = largest_number(call, 0)
    if high is None:
        return None
    low = largest_number(lambda number: call(-number), 1) if _takes(call, -1) else 0
    return None if low is None else (-low, high)


def _takes(call: Callable[[int], object], number: int) -> bool:
    try:
        call(number)
    # Whatever the source raises for a number that it does not have.
    except Exception:
        return False
    return True
