"""What has to hold between passes; each check raises `InvariantError` naming the value that breaks it.

They are defects of a pass, not of the user's network.
"""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir as ir
from onnx_ir.passes import InvariantError

from rnnedge_export.streaming import Streaming
from rnnedge_export.work import Work
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.contract import OPEN_FORMS, TIME, Contract, State
from rnnedge_runtime.golden_tolerance import checked_sample

_NATIVE = ("RNN", "GRU", "LSTM")


def well_formed(work: Work) -> None:
    """Every value is computed before it is read, once, and has a name of its own; ports have a type and a shape."""
    graph = work.graph.graph
    _check_order(graph, set(), set())
    for value in (*graph.inputs, *graph.outputs):
        if value.dtype is None or value.shape is None:
            raise InvariantError(f"{value.name!r}: expected a type and a shape, found {value.dtype}, {value.shape}")


def open_batch_and_time(work: Work) -> None:
    """Every sequence that goes into the offline graph has a batch and a time axis of any length."""
    sequences = len(work.graph.graph.inputs) - len(work.captured.contexts)
    for value in list(work.graph.graph.inputs)[:sequences]:
        assert value.shape is not None
        found = [str(value.shape[axis]) for axis in (work.captured.batch_axis, work.captured.time_axis)]
        if found != ["batch", "time"]:
            raise InvariantError(f"input {value.name!r}: expected open batch and time, found {found}")


def shows_taps(work: Work) -> None:
    """The last outputs are the taps."""
    found = _names(work.graph.graph.outputs)[-len(work.taps) :] if work.taps else []
    if found != [tap.output for tap in work.taps]:
        raise InvariantError(f"outputs: expected the taps {[tap.output for tap in work.taps]}, found {found}")


def explicit_states(work: Work) -> None:
    """Inputs are ports, states, cursors; outputs are ports, then states; a state is the same on both sides."""
    _check_signature(work.graph.graph, work.streaming)


def keeps_promises(work: Work) -> None:
    """The contract has exactly the inputs, outputs and states of the graph, in their types and shapes."""
    contract = work.contract
    _check_signature(work.graph.graph, contract)
    values = {str(v.name): v for v in (*work.graph.graph.inputs, *work.graph.graph.outputs)}
    for port in (*contract.inputs, *contract.outputs):
        _check_value(values[port.name], port.dtype, port.shape)


def loop_as_asked(work: Work) -> None:
    """The scan form has no native recurrence over time, unrolled and step have no loop over time at all."""
    loops = {"native": (), "scan": _NATIVE}.get(work.form, (*_NATIVE, "Scan", "Loop"))
    left = {str(n.name): n.op_type for n in work.graph.graph if n.op_type in loops}
    found = sorted(left.keys() & set(work.recurrences))
    if found:
        raise InvariantError(f"form {work.form}: {found[0]!r} is still a {left[found[0]]}")
    if work.form not in OPEN_FORMS and TIME in {d for p in work.contract.inputs for d in p.shape}:
        raise InvariantError(f"form {work.form}: expected a fixed number of frames, found an open time axis")


def recorded_run(work: Work) -> None:
    """The golden sample is one of this contract."""
    checked_sample(work.contract)


def same_contract_in_file(work: Work) -> None:
    """The file is sealed, and what it says is the contract."""
    check_seal(work.data, work.name)
    if _said(work.model.contract) != _said(work.contract):
        raise InvariantError(f"{work.name}: the file's contract is not the one that was written")


def same_ports(work: Work) -> None:
    """The narrow file takes, gives and carries what the float32 file does."""
    before, after = work.float32.contract, work.contract
    if (_said(before)[:3], before.form) != (_said(after)[:3], after.form):
        raise InvariantError(f"{work.name}: in {after.precision} its ports or states are others than in float32")


def _said(contract: Contract) -> tuple[object, ...]:
    return contract.inputs, contract.outputs, tuple(map(_state, contract.states)), contract.form, contract.opset


def _state(state: State) -> tuple[object, ...]:
    return state.input, state.output, state.dtype, state.shape, state.batch_axis, state.warmup


def _names(values: Iterable[ir.Value]) -> list[str]:
    return [str(value.name) for value in values]


def _check_order(graph: ir.Graph, known: set[ir.Value], names: set[str]) -> None:
    """`known` and `names`: values of the graphs around this one."""
    known = {*known, *graph.inputs, *graph.initializers.values()}
    names = {*names, *_names(graph.inputs), *(n for n in graph.initializers if n)}
    for node in graph:
        for value in node.inputs:
            if value is not None and value not in known:
                raise InvariantError(f"{node.op_type} {node.name!r}: reads {value.name!r} before it is computed")
        for body in _bodies(node):
            _check_order(body, known, names)
        for value in node.outputs:
            if value.name and value.name in names:
                raise InvariantError(f"{node.op_type} {node.name!r}: a second value is called {value.name!r}")
            names.add(str(value.name))
        known.update(node.outputs)
    for value in graph.outputs:
        if value not in known:
            raise InvariantError(f"output {value.name!r} is never computed")


def _bodies(node: ir.Node) -> Iterable[ir.Graph]:
    return (a.as_graph() for a in node.attributes.values() if a.type == ir.AttributeType.GRAPH)


def _check_signature(graph: ir.Graph, signature: Contract | Streaming) -> None:
    states = signature.states
    wanted_in = [port.name for port in signature.inputs] + [state.input for state in states]
    wanted_in += [cursor.name for cursor in signature.cursors]
    wanted_out = [port.name for port in signature.outputs] + [state.output for state in states]
    if sorted(_names(graph.inputs)) != sorted(wanted_in) or sorted(_names(graph.outputs)) != sorted(wanted_out):
        raise InvariantError(
            f"graph: expected inputs {wanted_in} and outputs {wanted_out}, found {_names(graph.inputs)} and "
            f"{_names(graph.outputs)}"
        )
    given = {str(value.name): value for value in (*graph.inputs, *graph.outputs)}
    for state in states:
        for name in (state.input, state.output):
            _check_value(given[name], state.dtype, state.shape)


def _check_value(value: ir.Value, dtype: str, shape: Iterable[object]) -> None:
    assert value.dtype is not None
    assert value.shape is not None
    found = [d if isinstance(d, int) else str(d) for d in value.shape]
    if str(value.dtype.numpy()) != dtype or len(found) != len(list(shape)) or any(
        isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(found, shape, strict=True)
    ):  # fmt: skip
        raise InvariantError(f"{value.name!r}: expected {dtype} {list(shape)}, found {value.dtype} {found}")
