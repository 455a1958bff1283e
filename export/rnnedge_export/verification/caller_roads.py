"""The roads of callers whose arrays lie otherwise in memory, or who name several inputs in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from rnnedge_export.verification.road_parts import Sequence, length, of_one, rest
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.golden import named
from rnnedge_runtime.model import Model


def other_arrays(model: Model, one: Sequence) -> dict[str, Array]:
    """Pushes of arrays that lie otherwise: of a size for the first time, again, again while frames wait."""
    stream, unit, at = model.stream(), model.contract.unit, 0
    parts: list[Mapping[str, Array]] = []
    for lies in _laid():
        size = 1 if at == 5 * unit and unit > 1 else 2 * unit
        if at + size > length(one):
            return rest(stream, one, parts, at)
        parts.append(named(model.contract, stream.push(_otherwise(one, at, at + size, lies))))
        at += size
    raise AssertionError


def in_batches(model: Model, one: Sequence) -> dict[str, Array]:
    """`run` of a batch of one sequence, and of one of two, which are alike; with inputs in another order."""
    contract, alone = model.contract, _whole(model, one)
    for rows in (1, 2) if contract.batch is None else ():
        frames = {name: np.stack([array] * rows) for name, array in reversed(list(one.items()))}
        found = named(contract, model.run(of_one(frames)))
        for name, array in alone.items():
            if found[name].shape != (rows, *array.shape):
                raise VerificationError(f"run of {rows} sequences: {name!r}: expected {(rows, *array.shape)}, "
                                        f"found {found[name].shape}")  # fmt: skip
        # The last one, so that each is looked at.
        alone = {name: array[-1] for name, array in found.items()}
    return {port.name: alone[port.name] if port.per_frame else alone[port.name][None] for port in contract.outputs}


def _whole(model: Model, one: Sequence) -> dict[str, Array]:
    return dict(named(model.contract, model.run(of_one(one))))


def _laid() -> Iterator[Callable[[Array], Array]]:
    """Ways for an array of the same numbers to lie in memory."""
    while True:
        yield np.asfortranarray
        yield lambda array: np.repeat(array, 2, axis=0)[::2]
        yield lambda array: array[::-1].copy()[::-1]
        yield lambda array: np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim > 1 else array


def _otherwise(one: Sequence, at: int, until: int, lies: Callable[[Array], Array]) -> Frames:
    """The inputs in reverse, if there are several."""
    return of_one({name: lies(array[at:until]) for name, array in reversed(list(one.items()))})


__all__ = ["in_batches", "other_arrays"]
