"""State arrays in two sets that calls use in turn, and the sizes of arrays in numbers."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np

from rnnedge_runtime.contract import BATCH, TIME, Array, Dim, State
from rnnedge_runtime.engine import Buffers, Engine, Rewound


class StateBuffers:
    """Two sets of state arrays used in turn: a call reads the one and writes the other, so nothing is copied.

    Created by a `Stream`, shared by its bindings, refilled by `reset`. Where the engine holds states on a device,
    `fetch` comes before anybody reads the arrays of a set, and `store` after anybody wrote them.
    """

    def __init__(self, engine: Engine, states: tuple[State, ...], batch: int, given: Mapping[str, Array]) -> None:
        """Allocate both sets for `batch` sequences, at the states' initial values or those `given` in their place."""
        self._states, self._batch = states, batch
        self._initial = {s.input: given.get(s.input, s.initial) for s in states}
        self._contexts = tuple(s.input for s in states if s.context)
        self._carried = tuple(s for s in states if not s.context)
        self.sets = tuple({s.input: np.zeros(shape_of(s.shape, batch, 1), s.dtype) for s in states} for _ in range(2))
        self._hold(engine)
        for index in range(2):
            self.reset(index)

    def moved(self, engine: Engine, index: int) -> StateBuffers:
        """The same sets with another engine, which begins with what stands in the arrays of set `index`."""
        other = copy.copy(self)
        other._hold(engine)
        other.store(index)
        return other

    def _hold(self, engine: Engine) -> None:
        self._bound = engine.hold(self._states, self.sets, self._batch)
        # One that stands for several states is asked once.
        self._away = tuple(
            list({id(b): b for b in bound.values() if not isinstance(b, np.ndarray)}.values()) for bound in self._bound
        )
        self._rewound = cast(list[Rewound], self._away[0]) if engine.in_place else []

    def fetch(self, index: int) -> None:
        """Set `index` stands in its arrays."""
        for held in self._away[index]:
            held.fetch()

    def store(self, index: int) -> None:
        """The next call reads what stands in the arrays of set `index`."""
        for held in self._away[index]:
            held.store()

    def copies(self, index: int) -> dict[str, Array]:
        """The arrays of set `index`, by the graph's name for each input."""
        self.fetch(index)
        return {name: array.copy() for name, array in self.sets[index].items()}

    def write(self, index: int, arrays: Mapping[str, Array]) -> None:
        """Fill set `index` with `arrays` by the graph's name for each input."""
        for name, array in self.sets[index].items():
            array[...] = arrays[name]
        self.store(index)

    def settle(self) -> None:
        """Count runs from here on; of an engine that runs in place."""
        for held in self._rewound:
            held.settle()

    def rewind(self, runs: int) -> None:
        """Undo the run that was made after the first `runs` since `settle`, if there is one."""
        for held in self._rewound:
            held.rewind(runs)

    def reset(self, index: int, kept: int | None = None) -> None:
        """Fill set `index` with the initial values; of a context with what set `kept` has, if one is named."""
        if kept is None or not self._contexts:
            self._fill(index, self._states)
            return
        staying = self.copies(kept)
        for name in self._contexts:
            self.sets[index][name][...] = staying[name]
        self._fill(index, self._carried)

    def hold(self, index: int, calls: int) -> None:
        """Fill set `index` with the initial values of those states that `calls` calls have not yet warmed up."""
        self.fetch(index)
        self._fill(index, [state for state in self._states if state.warmup >= calls])

    def held_for(self, calls: int) -> int:
        """After how many calls more the next state begins that is held after `calls` of them; 0 if none is."""
        return min((state.warmup for state in self._states if state.warmup > calls), default=calls) - calls

    def inputs(self, index: int) -> Buffers:
        """Set `index` under the names by which the graph reads it."""
        return self._bound[index]

    def outputs(self, index: int) -> Buffers:
        """Set `index` under the names by which the graph writes it."""
        return {s.output: self._bound[index][s.input] for s in self._states}

    def _fill(self, index: int, states: Iterable[State]) -> None:
        for state in states:
            self.sets[index][state.input][...] = self._initial[state.input]
        self.store(index)


def shape_of(shape: tuple[Dim, ...], batch: int, frames: int) -> tuple[int, ...]:
    """`shape` in numbers; "33*batch" is a batch with another axis folded into it."""
    sizes = {BATCH: batch, TIME: frames}
    return tuple(d if isinstance(d, int) else _product(d, sizes) for d in shape)


def _product(dim: str, sizes: dict[str, int]) -> int:
    result = 1
    for factor in dim.split("*"):
        result *= sizes[factor] if factor in sizes else int(factor)
    return result
