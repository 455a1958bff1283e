"""One program: the graph of a streaming file for a fixed batch, its ports and its states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import onnx

import rnnedge_export.codegen.lower  # noqa: F401  (its import registers the rules)
from rnnedge_export.codegen._inference import Facts, inferred
from rnnedge_export.codegen._ir.memory_plan import plan_memory
from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.ring_buffers import Cache, Ring, find_caches, order_of, ring
from rnnedge_export.codegen._ir.statements import CheckRange
from rnnedge_export.codegen._ir.step_program import StepPort, StepProgram, StepState
from rnnedge_export.codegen._ir.tensors import FLOAT, INT, SLACK, Array, Buffer, Memory, Tensor, View, plain, whole
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._node_lowering import lower_nodes
from rnnedge_export.codegen._nodes.limits import MOST_IN_ALL, MOST_LISTED, MOST_WARMUP, check_most
from rnnedge_export.codegen._nodes.node import FALLBACK, nodes_of
from rnnedge_export.codegen._nodes.product_fusion import join_products
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_runtime.contract import Contract, Port, State
from rnnedge_runtime.errors import ModelRefused, RnnEdgeError
from rnnedge_runtime.state_buffers import shape_of

# What an input, an output or a state may be.
DTYPES = ("float32", "int64", "int32", "bool")


def lower_program(
    model: onnx.ModelProto,
    contract: Contract,
    batch: int,
    lanes: int,
    weights: Weights,
    steps: int = 1,
    base: StepProgram | None = None,
) -> StepProgram:
    """Lower the graph of a file to a program for `batch` sequences.

    `steps`: how many steps a call of it makes; of more than one the states are those of `base`, the program of one.
    Raises `ModelRefused` for what no rule can write, and for a graph that contradicts itself.
    """
    try:
        return _lowered(model, contract, batch, lanes, weights, steps, base)
    except RnnEdgeError:
        raise
    # What does not fit fails in a dozen ways in onnx, in numpy and here; none of them is a program.
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelRefused(f"native engine: the graph contradicts itself ({reason[0]}); {FALLBACK}") from error


def _lowered(
    model: onnx.ModelProto,
    contract: Contract,
    batch: int,
    lanes: int,
    weights: Weights,
    steps: int,
    base: StepProgram | None,
) -> StepProgram:
    nodes, constants = nodes_of(model.graph)
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    inputs, outputs = _ports(contract, batch, steps)
    facts = _facts(model.graph, contract, inputs, batch, constants)
    nodes, grids = inferred(nodes, facts, opset)
    program = Program(batch, lanes, weights)
    scope = SymbolTable(program, facts.constants, opset, facts.types)
    for port in inputs:
        scope.define(port.name, plain(port.view()))
    if base is None:
        states, floats, integers = _states(contract, batch, find_caches(nodes, constants, contract, facts.shapes))
        scope.rings = {one.state.input: one.ring for one in states if one.ring}
    else:
        states, floats, integers = base.states, base.floats, base.integers
    _check_ranges(program, contract, inputs, states)
    # Several steps read and write a ring as a whole.
    standing = [one.view if base is None else one.read_at for one in states]
    for one, view in zip(states, standing, strict=True):
        scope.define(one.state.input, plain(view))
    results = [port.name for port in outputs] + [state.output for state in contract.states]
    lower_nodes(join_products(nodes, constants, results, grids), scope, facts.shapes, results)
    for port in outputs:
        program.origin = (f"output {port.name!r}",)
        program.store(_fitting(scope.tensor(port.name), port.shape, port.name), port.view())
    _commit(scope, states, standing)
    memory = plan_memory(program)
    check_most("numbers in memory", memory.floats + memory.integers, MOST_IN_ALL)
    done = tuple(program.steps)
    return StepProgram(batch, inputs, outputs, states, done, memory, floats, integers, program.refuses, steps)


def _ports(contract: Contract, batch: int, steps: int) -> tuple[tuple[StepPort, ...], tuple[StepPort, ...]]:
    unit = contract.unit * steps

    def port(name: str, dtype: str, shape: tuple[int, ...], axis: int | None) -> StepPort:
        if dtype not in DTYPES:
            raise ModelRefused(f"native engine: {name!r} is {dtype}: expected {', '.join(DTYPES)}; {FALLBACK}")
        return StepPort(name, dtype, shape, 1 if axis is None else steps, axis or 0)

    def of_contract(one: Port) -> StepPort:
        return port(one.name, one.dtype, shape_of(one.shape, batch, one.clock.frames(unit)), one.time_axis)

    inputs = [of_contract(one) for one in contract.inputs]
    for cursor in contract.cursors:
        last = cursor.kind == "last"
        shape = () if last else (cursor.clock.frames(unit),)
        inputs.append(port(cursor.name, "int64" if last else "bool", shape, None))
    return tuple(inputs), tuple(map(of_contract, contract.outputs))


def _check_ranges(
    program: Program, contract: Contract, inputs: Sequence[StepPort], states: Sequence[StepState]
) -> None:
    """Programs in other languages have no runtime that looks at numbers before a step."""
    ranges = {port.name: port.range for port in contract.ranged}
    found = [(port.name, port.view().buffer, ranges.get(port.name)) for port in inputs]
    found += [(one.state.input, one.view.buffer, one.state.range) for one in states]
    for name, buffer, span in found:
        if span is not None and buffer.size:
            program.origin, program.refuses = (f"input {name!r}",), True
            program.emit(CheckRange(buffer, *span))


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
    """Places of all states, and how many floats and integers they take; rings come last, for the undo of one step."""
    ends = {FLOAT: 0, INT: 0}
    rings_end = sum(_padded(prod(shape_of(s.shape, batch, 1))) for s in contract.states if _is_apart(s, caches))
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
            made = ring(number, cache.axis, cache.fresh, rings_end, shape, order)
            found.append(StepState(state, made.cache, initial, made))
            rings_end += _padded(2 * made.room * made.frame)
            continue
        memory = Memory.STATES if kind == FLOAT else Memory.INTEGER_STATES
        found.append(StepState(state, whole(Buffer(memory, ends[kind], size, kind), shape), initial))
        ends[kind] += _padded(size) if kind == FLOAT else size
    return tuple(found), rings_end + SLACK, ends[INT]


def _is_apart(state: State, caches: Mapping[str, Cache]) -> bool:
    """Whether it is an array of floats in front of the rings."""
    return state.dtype == "float32" and state.input not in caches


def _padded(floats: int) -> int:
    """Whole cache lines."""
    return -(-floats // 16) * 16


def _fitting(tensor: Tensor, shape: tuple[int, ...], name: str) -> Tensor:
    if tensor.shape != shape:
        raise ModelRefused(f"native engine: {name!r} has shape {tensor.shape}, the contract says {shape}; {FALLBACK}")
    return tensor


def _commit(scope: SymbolTable, states: tuple[StepState, ...], standing: Sequence[View]) -> None:
    """States take their new values when nothing reads the old ones any more; `standing` is where those are."""
    rolling = [one.ring for one in states if one.ring and one.state.input in scope.rings]
    for one in states:
        if one.ring is not None and one.ring in rolling:
            _check_ring(scope.tensor(one.state.output), one.ring)
    places = {id(view.buffer) for view in standing} | {id(ring.window.buffer) for ring in rolling}
    kept = [(one, view) for one, view in zip(states, standing, strict=True) if one.ring not in rolling]
    finals = []
    for one, view in kept:
        scope.program.origin = (f"state {one.state.input!r}",)
        tensor = _fitting(scope.tensor(one.state.output), one.view.index.shape, one.state.output)
        moved = tensor.view is not None and id(tensor.view.buffer) in places
        if moved and tensor.view is not None and tensor.view.buffer is view.buffer:
            moved = not np.array_equal(tensor.view.index, view.index)
        fresh = moved or one.ring is not None
        finals.append(plain(scope.program.materialized(tensor, fresh=fresh)) if tensor.views else tensor)
    for (one, view), final in zip(kept, finals, strict=True):
        scope.program.origin = (f"state {one.state.input!r}",)
        if final.view is None or final.view.buffer is not view.buffer:
            for place in one.written_at:
                scope.program.store(final, place)


def _check_ring(final: Tensor, ring: Ring) -> None:
    """What the state is to be is the end of its window, where it stands already."""
    kept = np.take(ring.window.index, range(ring.fresh, ring.fresh + ring.length), ring.axis)
    assert final.view is not None and final.view.buffer is ring.window.buffer
    assert np.array_equal(final.view.index, kept)
