"""Where the sequences of a pool stand: one row each, the sequences on the first axis, whatever the graph's order is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from rnnedge_runtime.contract import BATCH, Array, Contract, State
from rnnedge_runtime.state_buffers import shape_of

Order = Mapping[str, bool]
"""For states that fold the batch into another axis, "33*batch": whether the batch is the slower part of that axis."""


class Rows:
    """The states and summaries of `capacity` sequences under the names of a snapshot, (capacity, ...) each."""

    def __init__(self, contract: Contract, capacity: int, order: Order) -> None:
        """All zero; made by a pool."""
        self._contract, self._order = contract, order
        shapes = {name: (view.shape[1:], view.dtype) for name, view in state_rows(contract, order, 1)[1].items()}
        for port in contract.summaries:
            shapes[f"summary:{port.name}"] = ((1, *(int(d) for d in port.frame_shape)), np.dtype(port.dtype))
        self._rows = {name: np.zeros((capacity, *shape), dtype) for name, (shape, dtype) in shapes.items()}

    def gather(self, rows: Array, views: Mapping[str, Array]) -> None:
        """Copy `rows`, int (size,), into `views`, (size, ...) by name."""
        for name, view in views.items():
            view[...] = self._rows[name][rows]

    def scatter(self, rows: Array, views: Mapping[str, Array]) -> None:
        """Copy the first of `views` into `rows`."""
        for name, view in views.items():
            self._rows[name][rows] = view[: len(rows)]

    def read(self, index: int) -> dict[str, Array]:
        """One row as arrays of a snapshot with batch 1; copies."""
        arrays, views = state_rows(self._contract, self._order, 1)
        found = {f"state:{name}": array for name, array in arrays.items()}
        self.gather(np.array([index]), views)
        return found | {name: self._rows[name][index].copy() for name in self._rows if name not in found}

    def write(self, index: int, arrays: Mapping[str, Array]) -> None:
        """The opposite of `read`."""
        for state in self._contract.states:
            name = f"state:{state.input}"
            self._rows[name][index] = sequences_first(arrays[name], state, 1, self._order)[0]
        for port in self._contract.summaries:
            self._rows[f"summary:{port.name}"][index] = arrays[f"summary:{port.name}"]

    def copy(self, rows: Array, names: Iterable[str] | None = None) -> dict[str, Array]:
        """Some rows, to be put back by `scatter`; all of each, or what has one of these names."""
        return {name: self._rows[name][rows] for name in (self._rows if names is None else names)}


def state_rows(contract: Contract, order: Order, size: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """State buffers for `size` sequences by input name, and views of them (size, ...) by the name in a snapshot."""
    arrays = {s.input: np.zeros(shape_of(s.shape, size, 1), s.dtype) for s in contract.states}
    return arrays, views_of(arrays, contract, order, size)


def views_of(arrays: Mapping[str, Array], contract: Contract, order: Order, size: int) -> dict[str, Array]:
    """Views (size, ...) of state buffers, by the name in a snapshot."""
    return {f"state:{s.input}": sequences_first(arrays[s.input], s, size, order) for s in contract.states}


def sequences_first(array: Array, state: State, size: int, order: Order) -> Array:
    """A view (size, ...) of a state buffer for `size` sequences, which is in the graph's axis order."""
    axis = state.batch_axis
    if state.shape[axis] == BATCH:
        return np.moveaxis(array, axis, 0)
    slower = order[state.input]
    times = array.shape[axis] // size
    parts = (size, times) if slower else (times, size)
    apart = array.reshape(array.shape[:axis] + parts + array.shape[axis + 1 :])
    return np.moveaxis(apart, axis if slower else axis + 1, 0)
