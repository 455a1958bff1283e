"""One program: the graph of a streaming file for a fixed batch, its ports and its states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import onnx

import rnnedge_export.codegen.lower  # noqa: F401  (its import registers the rules)
from rnnedge_export.codegen._inference import Facts, inferred
from rnnedge_export.codegen._ir.program import Program, Step
from rnnedge_export.codegen._ir.ring_buffers import Cache, Ring, find_caches, order_of, ring
from rnnedge_export.codegen._ir.tensors import FLOAT, INT, SLACK, Array, Buffer, Memory, Tensor, View, plain, whole
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._limits import MOST_IN_ALL, MOST_LISTED, MOST_WARMUP, check_most
from rnnedge_export.codegen._node import FALLBACK, nodes_of
from rnnedge_export.codegen._node_lowering import lower_nodes
from rnnedge_export.codegen._product_fusion import join_products
from rnnedge_export.codegen._symbol_table import SymbolTable
from rnnedge_export.codegen.memory_plan import MemoryPlan, plan_memory
from rnnedge_runtime.binding import shape_of
from rnnedge_runtime.contract import Contract, State
from rnnedge_runtime.errors import ModelRefused, RnnEdgeError

# What an input, an output or a state may be.
DTYPES = ("float32", "int64", "int32", "bool")


@dataclass(frozen=True)
class StepPort:
    """An array that a step gets or gives: the graph's name, numpy's dtype, and its shape."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Elements of all sequences."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """The same in bytes."""
        return self.size * np.dtype(self.dtype).itemsize

    def view(self) -> View:
        """The array in memory of the caller."""
        kind = FLOAT if self.dtype == "float32" else INT
        return whole(Buffer(Memory.PORT, self.name, self.size, kind, self.dtype), self.shape)


@dataclass(frozen=True, eq=False)
class StepState:
    """A state: where a step finds its numbers, the values that it starts from, and its ring where it is a cache."""

    state: State
    view: View
    initial: Array
    ring: Ring | None = None

    @property
    def read_at(self) -> View:
        """Where its numbers stand between two steps."""
        return self.ring.standing() if self.ring else self.view

    @property
    def written_at(self) -> tuple[View, ...]:
        """Where they have to be written between two steps."""
        return self.ring.beginnings() if self.ring else (self.view,)


@dataclass(frozen=True)
class StepProgram:
    """A program with everything in place; `floats` and `integers` are the sizes of its states.

    `refuses`: a step may find numbers that nothing can be computed from.
    """

    batch: int
    inputs: tuple[StepPort, ...]
    outputs: tuple[StepPort, ...]
    states: tuple[StepState, ...]
    steps: tuple[Step, ...]
    memory: MemoryPlan
    floats: int
    integers: int
    refuses: bool

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Those of the states, by number."""
        return tuple(one.ring for one in self.states if one.ring)

    @property
    def stream_bytes(self) -> int:
        """Memory of a stream: its states, and what a step works in."""
        return 4 * (self.floats + self.memory.floats) + 8 * (self.integers + self.memory.integers)


def lower_program(model: onnx.ModelProto, contract: Contract, batch: int, lanes: int, weights: Weights) -> StepProgram:
    """Lower the graph of a file to a program for `batch` sequences.

    Raises `ModelRefused` for what no rule can write, and for a graph that contradicts itself.
    """
    try:
        return _lowered(model, contract, batch, lanes, weights)
    except RnnEdgeError:
        raise
    # What does not fit fails in a dozen ways in onnx, in numpy and here; none of them is a program.
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelRefused(f"native engine: the graph contradicts itself ({reason[0]}); {FALLBACK}") from error


def _lowered(model: onnx.ModelProto, contract: Contract, batch: int, lanes: int, weights: Weights) -> StepProgram:
    nodes, constants = nodes_of(model.graph)
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    inputs, outputs = _ports(contract, batch)
    facts = _facts(model.graph, contract, inputs, batch, constants)
    nodes, grids = inferred(nodes, facts, opset)
    program = Program(batch, lanes, weights)
    scope = SymbolTable(program, facts.constants, opset)
    for port in inputs:
        scope.define(port.name, plain(port.view()))
    states, floats, integers = _states(contract, batch, find_caches(nodes, constants, contract, facts.shapes))
    scope.rings = {one.state.input: one.ring for one in states if one.ring}
    for one in states:
        scope.define(one.state.input, plain(one.view))
    results = [port.name for port in outputs] + [state.output for state in contract.states]
    lower_nodes(join_products(nodes, constants, results, grids), scope, facts.shapes, results)
    for port in outputs:
        program.origin = (f"output {port.name!r}",)
        program.store(_fitting(scope.tensor(port.name), port.shape, port.name), port.view())
    _commit(scope, states)
    memory = plan_memory(program)
    check_most("numbers in memory", memory.floats + memory.integers, MOST_IN_ALL)
    steps = tuple(program.steps)
    return StepProgram(batch, inputs, outputs, states, steps, memory, floats, integers, program.refuses)


def _ports(contract: Contract, batch: int) -> tuple[tuple[StepPort, ...], tuple[StepPort, ...]]:
    unit = contract.unit

    def port(name: str, dtype: str, shape: tuple[int, ...]) -> StepPort:
        if dtype not in DTYPES:
            raise ModelRefused(f"native engine: {name!r} is {dtype}: expected {', '.join(DTYPES)}; {FALLBACK}")
        return StepPort(name, dtype, shape)

    inputs = [port(p.name, p.dtype, shape_of(p.shape, batch, p.clock.frames(unit))) for p in contract.inputs]
    for cursor in contract.cursors:
        last = cursor.kind == "last"
        inputs.append(port(cursor.name, "int64" if last else "bool", () if last else (cursor.clock.frames(unit),)))
    outputs = [port(p.name, p.dtype, shape_of(p.shape, batch, p.clock.frames(unit))) for p in contract.outputs]
    return tuple(inputs), tuple(outputs)


def _facts(
    graph: onnx.GraphProto, contract: Contract, inputs: Sequence[StepPort], batch: int, constants: dict[str, Array]
) -> Facts:
    """What is known of the graph before its nodes."""
    facts = Facts({}, {}, constants, given=sum(array.nbytes for array in constants.values()))
    for port in inputs:
        facts.define(port.name, port.shape, port.dtype)
    for state in contract.states:
        facts.define(state.input, shape_of(state.shape, batch, 1), state.dtype)
    for name, array in constants.items():
        facts.define(name, array.shape, str(array.dtype))
    facts.claim((*graph.value_info, *graph.output))
    return facts


def _states(contract: Contract, batch: int, caches: Mapping[str, Cache]) -> tuple[tuple[StepState, ...], int, int]:
    """Places of all states, and how many floats and integers they take."""
    ends = {FLOAT: 0, INT: 0}
    found: list[StepState] = []
    listed = 0
    for state in contract.states:
        if state.dtype not in DTYPES:
            raise ModelRefused(f"native engine: state {state.input!r} is {state.dtype}; {FALLBACK}")
        check_most("calls before a state begins", state.warmup, MOST_WARMUP)
        kind = FLOAT if state.dtype == "float32" else INT
        shape = shape_of(state.shape, batch, 1)
        size = prod(shape)
        check_most("numbers of states", size + sum(ends.values()), MOST_IN_ALL)
        initial = np.broadcast_to(np.asarray(state.initial), shape)
        if np.any(initial != initial.flat[:1]):
            # They are written as text.
            listed += size
            check_most("initial numbers of states", listed, MOST_LISTED)
        cache = caches.get(state.input)
        if cache is not None and size:
            order = order_of(len(shape), cache.axis, state.batch_axis)
            number = sum(one.ring is not None for one in found)
            made = ring(number, cache.axis, cache.fresh, ends[FLOAT], shape, order)
            found.append(StepState(state, made.cache, initial, made))
            ends[FLOAT] += -(-2 * made.room * made.frame // 16) * 16
            continue
        memory = Memory.STATES if kind == FLOAT else Memory.INTEGER_STATES
        found.append(StepState(state, whole(Buffer(memory, ends[kind], size, kind), shape), initial))
        ends[kind] += -(-size // 16) * 16 if kind == FLOAT else size
    return tuple(found), ends[FLOAT] + SLACK, ends[INT]


def _fitting(tensor: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    if tensor.shape != shape:
        raise ModelRefused(f"native engine: {name!r} has shape {tensor.shape}, the contract says {shape}; {FALLBACK}")
    return tensor


def _commit(scope: SymbolTable, states: tuple[StepState, ...]) -> None:
    """States take their new values when nothing reads the old ones any more."""
    kept = [one for one in states if one.ring is None]
    for one in states:
        if one.ring is not None:
            _check_ring(scope.tensor(one.state.output), one.ring)
    places = {id(buffer) for one in states for buffer in _buffers(one)}
    finals = []
    for one in kept:
        scope.program.origin = (f"state {one.state.input!r}",)
        tensor = _fitting(scope.tensor(one.state.output), one.view.index.shape, one.state.output)
        moved = tensor.view is not None and id(tensor.view.buffer) in places
        if moved and tensor.view is not None and tensor.view.buffer is one.view.buffer:
            moved = not np.array_equal(tensor.view.index, one.view.index)
        finals.append(plain(scope.program.materialized(tensor, fresh=moved)) if tensor.views else tensor)
    for one, final in zip(kept, finals, strict=True):
        scope.program.origin = (f"state {one.state.input!r}",)
        if final.view is None or final.view.buffer is not one.view.buffer:
            scope.program.store(final, one.view)


def _buffers(one: StepState) -> tuple[Buffer, ...]:
    return (one.ring.cache.buffer, one.ring.window.buffer) if one.ring else (one.view.buffer,)


def _check_ring(final: Tensor, ring: Ring) -> None:
    """What the state is to be is the end of its window, where it stands already."""
    kept = np.take(ring.window.index, range(ring.fresh, ring.fresh + ring.length), ring.axis)
    assert final.view is not None and final.view.buffer is ring.window.buffer
    assert np.array_equal(final.view.index, kept)
