"""Values per sequence that a caller gives, checked against the contexts that a file takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.arguments import mapping
from rnnedge_runtime.arrays import array_of, cast
from rnnedge_runtime.contract import Array, Contract, State
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import check_within
from rnnedge_runtime.state_buffers import shape_of


def checked_context(context: object, contract: Contract, batch: int, place: str) -> dict[str, Array]:
    """Contexts by name, each in the shape of its state for `batch` sequences.

    A value has the shape of one sequence, without the batch, or has the batch, of 1 or of all, on its axis. Raises
    `InputError` for a name that the file does not have, a wrong shape, and a number that is not finite, not of the
    dtype or not in the range of the context.
    """
    known = {state.input: state for state in contract.contexts}
    given = mapping(context, place)
    _check_names(given, contract, place)
    return {name: _checked(value, known[name], batch, f"{place}: {name!r}") for name, value in given.items()}


def check_complete(context: object, states: object, loaded: LoadedModel, place: str) -> None:
    """Raise `InputError` naming a required context that is neither in `context` nor in `states`."""
    if loaded.assumes_context or not loaded.contract.contexts:
        return
    contexts = mapping({} if context is None else context, f"{place}: context")
    # A name that is misspelled says more than one that is missing.
    _check_names(contexts, loaded.contract, f"{place}: context")
    given = {**contexts, **mapping({} if states is None else states, f"{place}: states")}
    for state in loaded.contract.contexts:
        if state.context == "required" and state.input not in given:
            shape = f"({', '.join(map(str, state.row_shape))})"
            raise InputError(
                f"{place}: expected the context {state.input!r}, {state.dtype} {shape} per sequence, found none; give "
                f"it as context={{{state.input!r}: ...}}, or for all streams by model.with_context"
            )


def with_initial_context(contract: Contract, context: Mapping[str, object]) -> Contract:
    """The contract of a file whose streams start with this context, or that of the example, where they are given none.

    Raises `InputError` as `checked_context` does.
    """
    given = checked_context(context, contract, 1, "with_context")
    states = tuple(
        replace(state, context="optional", initial=given.get(state.input, state.initial)) if state.context else state
        for state in contract.states
    )
    return replace(contract, states=states)


def initial_contexts(contract: Contract) -> dict[str, Array]:
    """What a stream has that is given no context: by name, with a batch of 1."""
    return {
        s.input: np.broadcast_to(np.asarray(s.initial), shape_of(s.shape, 1, 1)).astype(s.dtype)
        for s in contract.contexts
    }


def own_axes(arrays: Mapping[str, Array], contract: Contract, batch: int) -> dict[str, Array]:
    """The contexts among the states in `arrays`; without the batch axis if there is one sequence."""
    found = {state: arrays[state.input] for state in contract.contexts}
    return {s.input: a.take(0, axis=s.batch_axis) if batch == 1 else a for s, a in found.items()}


def _check_names(given: Iterable[str], contract: Contract, place: str) -> None:
    known = sorted(state.input for state in contract.contexts)
    for name in given:
        if name not in known:
            has = f"it takes {known}" if known else "the file takes none"
            raise InputError(f"{place}: {name!r} is no context of this file; {has}")


def _checked(value: object, state: State, batch: int, place: str) -> Array:
    array = array_of(value, place)
    # A context has no dim but its batch that is open.
    row = tuple(int(d) for d in state.row_shape)
    axis = state.batch_axis
    if array.shape == row:
        array = np.expand_dims(array, axis)
    one, wide = ((*row[:axis], size, *row[axis:]) for size in (1, batch))
    if array.shape not in (one, wide):
        several = f", or {wide} for each of {batch} sequences" if batch > 1 else ""
        raise InputError(f"{place}: expected shape {row}{several}, found {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{place}: expected finite numbers, found a NaN or an infinity")
    found = cast(array, np.dtype(state.dtype), place)
    check_within(found, state.range, place)
    return np.broadcast_to(found, wide).copy()
