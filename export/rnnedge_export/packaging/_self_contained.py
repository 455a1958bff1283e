"""A streaming graph that needs no caller who knows the contract: what engines of others can run as it is.

1. Batch is the first axis of every input, output and state. The time axis, if there is one, comes next.
2. A call takes `unit` frames. Every other size but the batch is a number, and there is one: 1 after a bare batch.
3. Every state begins at zero. One whose initial value is another gets that in the first call, inside the graph.
4. A state that is held at its initial value while a window fills is held inside the graph.
5. Masks of the beginning are computed inside. The end of a sequence is not known: the graph runs on.
6. An output with a delay has another one next to it, NAME_frames: how many of its frames, counted from the end of the
   call, belong to the sequence.
7. Values per sequence are inputs of every call.

What depends on the number of calls reads one more state, which counts them up to where nothing changes any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir

from rnnedge_export.packaging._graph_writer import GraphWriter
from rnnedge_export.packaging._network import Network
from rnnedge_export.packaging._ports import alone, axes_of, starts_elsewhere
from rnnedge_runtime.contract import Cursor, Port, State
from rnnedge_runtime.errors import ModelRefused

FRAMES = "_frames"


@dataclass(frozen=True)
class Tensor:
    """An input or output: `shape` is that of one sequence, so without the batch."""

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Carried:
    """A state: `output` of one call is `input` of the next, zeros at the beginning."""

    input: str
    output: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class SelfContained:
    """The graph and its ports. `counts`: by the name of an output, the one of rule 6 that it has.

    `batched`: sequences of one call are apart, so that any number of them may share it.
    """

    model: bytes
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    states: tuple[Carried, ...]
    counts: Mapping[str, str]
    batched: bool


def self_contained(network: Network, *, single: bool = False) -> SelfContained:
    """Rewrite the graph of `network`; `single`: its batch is 1.

    Raises `ModelRefused` for a file whose batch is more than one sequence.
    """
    contract = network.contract
    if contract.batch not in (None, 1):
        raise ModelRefused(
            f"{network.name}: expected a file for any number of sequences, found one for {contract.batch} at once; "
            "export it without a fixed batch"
        )
    batched = not single and contract.batch is None and network.apart and not alone(contract)
    return _Rewriting(network, batched).done()


class _Rewriting(GraphWriter):
    def __init__(self, network: Network, batched: bool) -> None:
        super().__init__(ir.from_proto(onnx.load_from_string(network.data)), network.contract.unit, batched)
        self.contract = network.contract
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.states: list[Carried] = []
        self.counts: dict[str, str] = {}

    def done(self) -> SelfContained:
        """Everything in front of the graph, everything after it, and the file."""
        for value in (*self.graph.inputs, *self.graph.outputs, *(v for n in self.graph for v in n.outputs)):
            value.shape = None
        names = [(value, value.name) for value in (*self.graph.inputs, *self.graph.outputs)]
        for value, name in names:
            value.name = self.build.fresh(f"{name}_inside")
        calls = self._calls()
        for port in self.contract.inputs:
            self._input(port, port.name, port.dtype)
        for state in self.contract.states:
            self._read(state, calls)
        for cursor in self.contract.cursors:
            self._cursor(cursor, calls)
        head = self.build.take()
        for port in self.contract.outputs:
            self._output(port)
            if port.per_frame and port.clock.delay > 0:
                self._frames(port, calls)
        for state in self.contract.states:
            if not state.context:
                self._write(state, calls)
        if calls is not None:
            self._count(calls)
        return self._file(head, self.build.take())

    def _file(self, head: list[ir.Node], tail: list[ir.Node]) -> SelfContained:
        first = self.graph[0] if len(self.graph) else None
        if first is None:
            self.graph.extend([*head, *tail])
        else:
            self.graph.insert_before(first, head)
            self.graph.extend(tail)
        self.graph.inputs[:] = self.given
        self.graph.outputs[:] = self.found
        self.model.metadata_props.clear()
        self.graph.name = "rnnedge"
        data = ir.to_proto(self.model).SerializeToString(deterministic=True)
        onnx.checker.check_model(data, full_check=True)
        ports = tuple(self.inputs), tuple(self.outputs), tuple(self.states)
        return SelfContained(data, *ports, self.counts, self.batched)

    # Ports, in the order of the contract.

    def _input(self, port: Port | State, name: str, dtype: str) -> None:
        axes = axes_of(port)
        sizes = self.sizes(port, axes)
        self.inputs.append(Tensor(name, dtype, sizes))
        self.feed(self.old_in[name], self.to_inside(self.new(name, dtype, sizes), port.shape, axes))

    def _output(self, port: Port) -> None:
        axes = axes_of(port)
        sizes = self.sizes(port, axes)
        self.outputs.append(Tensor(port.name, port.dtype, sizes))
        inside = self.to_outside(self.old_out[port.name], port.shape, axes)
        self.give(inside, port.name, port.dtype, sizes)

    def _frames(self, port: Port, calls: ir.Value | None) -> None:
        """How many frames of the call stand after the delay."""
        assert calls is not None
        count = port.clock.frames(self.contract.unit)
        after = self.with_number(self.with_number(calls, "Add", 1), "Mul", count)
        valid = self.with_number(
            self.with_number(self.with_number(after, "Sub", port.clock.delay), "Max", 0), "Min", count
        )
        name = self.build.fresh(f"{port.name}{FRAMES}")
        self.outputs.append(Tensor(name, "int64", (1,)))
        self.counts[port.name] = name
        self.give(valid, name, "int64", (1,))

    def _cursor(self, cursor: Cursor, calls: ir.Value | None) -> None:
        count, delay = cursor.clock.frames(self.contract.unit), cursor.clock.delay
        if cursor.kind == "last":
            inside = self.build.const(np.array(count - 1, np.int64), "last")
        elif delay <= 0:
            inside = self.build.const(np.ones(count, np.bool_), "mask")
        else:
            assert calls is not None
            start = self.with_number(self.build.op("Reshape", calls, self.build.ints(1)), "Mul", count)
            index = self.build.op("Add", start, self.build.const(np.arange(count) - delay, "frames"))
            inside = self.build.op("GreaterOrEqual", index, self.build.ints(0), hint="mask")
        self.feed(self.old_in[cursor.name], inside)

    # States.

    def _read(self, state: State, calls: ir.Value | None) -> None:
        axes = axes_of(state)
        if state.context:
            self._input(state, state.input, state.dtype)
            return
        sizes = self.sizes(state, axes)
        output = state.output if state.output != state.input else self.build.fresh(f"{state.output}_next")
        self.states.append(Carried(state.input, output, state.dtype, sizes))
        value = self.new(state.input, state.dtype, sizes)
        if starts_elsewhere(state):
            assert calls is not None
            first = self.build.op("Equal", self.along(calls, len(sizes)), self.build.ints(0))
            value = self.build.op("Where", first, self._initial(state, axes), value)
        self.feed(self.old_in[state.input], self.to_inside(value, state.shape, axes))

    def _write(self, state: State, calls: ir.Value | None) -> None:
        axes = axes_of(state)
        carried = next(one for one in self.states if one.input == state.input)
        value = self.to_outside(self.old_out[state.output], state.shape, axes)
        if state.warmup:
            assert calls is not None
            held = self.build.op("Less", self.along(calls, len(carried.shape)), self.build.ints(state.warmup))
            value = self.build.op("Where", held, self._initial(state, axes), value)
        self.give(value, carried.output, state.dtype, carried.shape)

    def _initial(self, state: State, axes: Sequence[int]) -> ir.Value:
        array = np.asarray(state.initial, state.dtype)
        if array.ndim:
            array = self.rows(array, state.shape, axes)
        return self.build.const(np.ascontiguousarray(array), "initial")

    def _calls(self) -> ir.Value | None:
        """The calls before this one, up to the first after which nothing changes any more; None if nothing does."""
        self._most = max(0, self.contract.warmup, *map(int, map(starts_elsewhere, self.contract.states)))
        if not self._most:
            return None
        name = self.build.fresh("calls")
        self.states.append(Carried(name, self.build.fresh("calls_next"), "int64", (1,)))
        return self.new(name, "int64", (1,))

    def _count(self, calls: ir.Value) -> None:
        following = self.with_number(self.with_number(calls, "Add", 1), "Min", self._most)
        self.give(following, self.states[0].output, "int64", (1,))
