"""Values per sequence: other ones than the example's, another one for every sequence, and changes between frames.

1. A batch whose sequences have different contexts gives what the source gives for each.
2. A stream that is given another context, and then reset, gives what the source gives for that one.
3. Members of a pool have contexts of their own, from the start or set later, whoever their neighbours are.
4. A change between two frames is the same however the frames before and after it are cut into pushes, and by way of a
   snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification._largest_number import largest_number
from rnnedge_export.verification.comparison import Comparison, Worst, worst_of
from rnnedge_runtime.context import initial_contexts
from rnnedge_runtime.contract import Array, State
from rnnedge_runtime.errors import RnnEdgeError, VerificationError
from rnnedge_runtime.golden import named, stream_all
from rnnedge_runtime.model import Model

_ROWS, _CALLS, _SEED = 3, 10, 50
# Of a source that takes any.
_MANY_IDS = 1 << 19
_FAR = 3.0

Rows = Mapping[str, Array]
"""By name, with `_ROWS` sequences on the batch axis."""


def other_contexts(model: Model, reference: Reference) -> list[dict[str, Array]]:
    """Other values than the example's, one sequence each, with a batch of 1; numbers that the source takes."""
    rows, states = _contexts(model, reference), model.contract.contexts
    return [{s.input: rows[s.input].take([k], axis=s.batch_axis) for s in states} for k in range(_ROWS if rows else 0)]


def _contexts(model: Model, reference: Reference) -> dict[str, Array]:
    """By name, for `_ROWS` sequences; every call gives the same."""
    initial, rng = initial_contexts(model.contract), np.random.default_rng(_SEED)
    return {s.input: _rows(s, initial[s.input], reference, rng) for s in model.contract.contexts}


class ContextChecks:
    """Cases 1 to 4 for one file."""

    def __init__(self, compare: Comparison) -> None:
        """`compare` holds the file and its source."""
        model, reference = compare.model, compare.reference
        self._model, self._unit = model, model.contract.unit
        self.rows = _contexts(model, reference)
        self._whole = Comparison(model, reference.with_context(self.rows), compare.tolerance)
        time = reference.lengths.at_least(_CALLS * self._unit + self._unit // 2)
        self._frames = reference.frames(_ROWS, time, np.random.default_rng(_SEED + 1))
        self._expected = self._whole.reference.raw(self._frames)

    def worst(self) -> Worst:
        """Of all cases."""
        cases: dict[str, Callable[[], list[dict[str, Array]]]] = {
            "contexts in a batch": self._in_a_batch,
            "context set, then reset": partial(self._alone, self._reset),
            "contexts in a pool": self._in_a_pool,
        }
        if self._model.contract.batch is not None:
            # It runs one sequence at a time.
            cases = {name: run for name, run in cases.items() if "reset" in name}
        found = []
        for name, run in cases.items():
            try:
                parts = run()
            except RnnEdgeError as error:
                return Worst(np.inf, np.inf, value=str(error), road=name)
            outputs = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            found.append(self._whole.of(self._frames, outputs, self._expected).on("other contexts", name))
        return worst_of([*found, self._changed()])

    def _in_a_batch(self) -> list[dict[str, Array]]:
        stream = self._model.stream(_ROWS, context=self.rows)
        return [stream_all(stream, dict(self._frames), [self._unit, 4 * self._unit])]

    def _alone(self, run: Callable[[int], dict[str, Array]]) -> list[dict[str, Array]]:
        return [{name: array[None] for name, array in run(k).items()} for k in range(_ROWS)]

    def _one(self, k: int) -> dict[str, Array]:
        return {name: array[k] for name, array in self._frames.items()}

    def _row(self, k: int) -> dict[str, Array]:
        return {s.input: self.rows[s.input].take(k, axis=s.batch_axis) for s in self._model.contract.contexts}

    def _reset(self, k: int) -> dict[str, Array]:
        stream, one = self._model.stream(), self._one(k)
        stream.push({name: array[: 2 * self._unit + 1] for name, array in one.items()})
        stream.set_context(self._row(k))
        told = stream.context
        if any(not np.array_equal(told[name], value) for name, value in self._row(k).items()):
            raise VerificationError("a stream has another context than the one that was set")
        stream.reset()
        return stream_all(stream, one, [self._unit])

    def _in_a_pool(self) -> list[dict[str, Array]]:
        pool, unit = self._model.pool(_ROWS), self._unit
        members = [pool.join(context=self._row(k)) for k in range(_ROWS - 1)] + [pool.join()]
        pool.set_context(members[-1], self._row(_ROWS - 1))
        ones = [self._one(k) for k in range(_ROWS)]
        time = len(next(iter(ones[0].values())))
        parts: list[list[Mapping[str, Array]]] = [[] for _ in members]
        for start, end in ((0, unit), (unit, 3 * unit), (3 * unit, 4 * unit), (4 * unit, time)):
            given = {
                m: {name: array[start:end] for name, array in one.items()} for m, one in zip(members, ones, strict=True)
            }
            found = pool.push(given)
            for part, member in zip(parts, members, strict=True):
                part.append(named(self._model.contract, found[member]))
        for part, member in zip(parts, members, strict=True):
            part.append(named(self._model.contract, pool.finish(member)))
        return [{n: np.concatenate([p[n] for p in part])[None] for n in part[0]} for part in parts]

    def _changed(self) -> Worst:
        """Case 4: the file next to itself, cut otherwise."""
        one, unit, road = self._one(0), self._unit, "context changed between frames"
        time = len(next(iter(one.values())))
        ways = [
            self._with_change(one, [*range(unit, 4 * unit, unit)], [*range(4 * unit, time, unit)]),
            self._with_change(one, [unit], []),
            self._with_change(one, [], [5 * unit], elsewhere=True),
        ]
        whole = {name: array[None] for name, array in one.items()}
        found = [{name: array[None] for name, array in way.items()} for way in ways]
        each = [self._whole.of(whole, way, found[0]).on("other contexts", road) for way in found[1:]]
        return worst_of(each)

    def _with_change(
        self, one: Mapping[str, Array], before: list[int], after: list[int], *, elsewhere: bool = False
    ) -> dict[str, Array]:
        """From the context of sequence 1 to that of sequence 2 at call 4, pushed in pieces cut as said."""
        at, contract = 4 * self._unit, self._model.contract
        stream = self._model.stream(context=self._row(1))
        parts = []
        for start, end in zip([0, *before], [*before, at], strict=True):
            parts.append(named(contract, stream.push({n: a[start:end] for n, a in one.items()})))
        if elsewhere:
            data = stream.snapshot()
            stream = self._model.stream()
            stream.restore(data)
        stream.set_context(self._row(2))
        time = len(next(iter(one.values())))
        for start, end in zip([at, *(cut for cut in after if cut > at)], [*(cut for cut in after if cut > at), time],
                              strict=True):  # fmt: skip
            parts.append(named(contract, stream.push({n: a[start:end] for n, a in one.items()})))
        parts.append(named(contract, stream.finish()))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rows(state: State, example: Array, reference: Reference, rng: np.random.Generator) -> Array:
    shape = tuple(_ROWS if i == state.batch_axis else size for i, size in enumerate(example.shape))
    if example.dtype == bool:
        return ~np.broadcast_to(example, shape) ^ (rng.random(shape) < 1 / 2)
    found = np.empty(shape, state.dtype)
    first, second, third = (found.take([k], axis=state.batch_axis) for k in range(_ROWS))
    if example.dtype.kind == "f":
        first[...] = rng.standard_normal(example.shape)
        second[...] = example * rng.uniform(1 / 2, 2, example.shape) + 1 / 8
        third[...] = _FAR * rng.standard_normal(example.shape)
    else:
        largest = _largest(state.input, example, reference)
        first[...], second[...] = 0, largest
        third[...] = rng.integers(0, largest + 1, example.shape)
    return np.concatenate([first, second, third], axis=state.batch_axis)


def _largest(name: str, example: Array, reference: Reference) -> int:
    """The largest number that the source takes, as of a table; some more than the example's where it takes any."""
    frames = reference.frames(1, reference.lengths.at_least(1), np.random.default_rng(0))

    def call(number: int) -> object:
        return reference.with_context({name: np.full_like(example, number)}).raw(frames)

    last = largest_number(call, int(example.max()))
    return _MANY_IDS if last is None else last
