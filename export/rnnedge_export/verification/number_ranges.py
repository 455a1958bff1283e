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
from rnnedge_runtime.context import initial_contexts
from rnnedge_runtime.contract import Array, Contract, Port, State

# Of a frame; each has a range of its own, and is asked for by itself.
_MOST_FEATURES = 8
_SEED = 0


def with_ranges(contract: Contract, reference: Reference) -> Contract:
    """The contract, whose inputs and contexts of whole numbers say which ones they take, where these are not all."""
    usual = reference.frames(1, reference.lengths.at_least(1), np.random.default_rng(_SEED))

    def of_input(port: Port) -> Port:
        def run(frames: Array) -> object:
            return reference.raw({**usual, port.name: frames})

        sizes = tuple(int(size) for size in port.frame_shape)
        return replace(port, range=_range(port.dtype, usual[port.name], sizes, run))

    def of_context(state: State) -> State:
        if not state.context:
            return state

        def run(value: Array) -> object:
            return reference.with_context({state.input: value}).raw(usual)

        value = initial_contexts(contract)[state.input]
        return replace(state, range=_range(state.dtype, value, value.shape, run))

    inputs, states = tuple(map(of_input, contract.inputs)), tuple(map(of_context, contract.states))
    return replace(contract, inputs=inputs, states=states)


def _range(dtype: str, usual: Array, sizes: tuple[int, ...], run: Callable[[Array], object]) -> tuple[int, int] | None:
    """Of what `run` takes in the place of `usual`, by its last axes, of `sizes`."""
    if not dtype.startswith("int") or np.prod(sizes, dtype=int) > _MOST_FEATURES:
        return None
    found = [_of_feature(usual, (..., *index), run) for index in product(*map(range, sizes))]
    every = [one for one in found if one is not None]
    if len(every) < len(found) or not every:
        return None
    # What one feature takes, none is refused for.
    return min(low for low, _ in every), max(high for _, high in every)


def _of_feature(usual: Array, places: tuple[Any, ...], run: Callable[[Array], object]) -> tuple[int, int] | None:
    """The least and the largest number; None if there is no end, or 0 is none of them."""

    def call(number: int) -> object:
        changed = usual.copy()
        changed[places] = number
        return run(changed)

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
