"""What integers that follow from the lengths of values come to, such as how many frames a network pads or keeps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.cpu_session import session
from rnnedge_export.graph.operators import taken_by
from rnnedge_export.graph.symbolic_dims import size
from rnnedge_runtime.contract import Array

_OPERATORS = frozenset(taken_by("lengths"))


class LengthValues:
    """Evaluates integers of one graph for any batch and length, from the dims of its values; nothing else is run."""

    def __init__(self, model: ir.Model, more: Collection[str] = ()) -> None:
        """Nothing is computed yet; the graph may lose nodes later, but not change. `more`: operators that make many."""
        self._model, self._operators = model, _OPERATORS | set(more)
        self._names: dict[str, ir.Value] = {}
        self._sessions: dict[ir.Value, tuple[Any, list[ir.Node]] | None] = {}

    def named(self, name: str, batch: int, time: int) -> Array | None:
        """As `at`, of the value with this name."""
        if not self._names:
            self._names = {str(value.name): value for node in self._model.graph for value in node.outputs}
        value = self._names.get(name)
        return None if value is None else self.at(value, batch, time)

    def at(self, value: ir.Value, batch: int, time: int) -> Array | None:
        """`value` for `batch` sequences of `time` frames; None if it follows from more than lengths."""
        fixed = ir.convenience.get_const_tensor(value)
        if fixed is not None:
            return fixed.numpy()
        if value not in self._sessions:
            self._sessions[value] = self._session(value)
        known = self._sessions[value]
        if known is None:
            return None
        running, shapes = known
        given = [_read(node, batch, time) for node in shapes]
        feeds = {f"shape_{i}": array for i, array in enumerate(given) if array is not None}
        if len(feeds) < len(shapes):
            return None
        found: Array = running.run(None, feeds)[0]
        return found

    def _session(self, value: ir.Value) -> tuple[Any, list[ir.Node]] | None:
        nodes = _leading_to(value, self._operators)
        shapes = [node for node in nodes or () if node.op_type == "Shape"]
        if not shapes or nodes is None:
            return None
        copies: dict[ir.Value, ir.Value] = {}
        for i, node in enumerate(shapes):
            copies[node.outputs[0]] = ir.Value(
                name=f"shape_{i}", type=ir.TensorType(ir.DataType.INT64), shape=ir.Shape([None])
            )
        inputs = list(copies.values())
        constants = _constants(nodes, copies)
        copies |= constants
        made = [_copied(node, copies) for node in nodes if node.op_type != "Shape"]
        out = copies[value]
        out.type = ir.TensorType(value.dtype or ir.DataType.INT64)
        graph = ir.Graph(inputs, [out], nodes=made, initializers=list(constants.values()),
                         opset_imports=dict(self._model.opset_imports), name="lengths")  # fmt: skip
        return session(ir.to_proto(ir.Model(graph, ir_version=self._model.ir_version))), shapes


def _constants(nodes: Sequence[ir.Node], known: Mapping[ir.Value, ir.Value]) -> dict[ir.Value, ir.Value]:
    """A copy of every constant that the nodes read."""
    found: dict[ir.Value, ir.Value] = {}
    for node in nodes:
        for given in () if node.op_type == "Shape" else node.inputs:
            tensor = None if given is None or given in known else ir.convenience.get_const_tensor(given)
            if given is not None and tensor is not None and given not in found:
                found[given] = ir.Value(name=f"constant_{len(found)}", const_value=tensor)
    return found


def _copied(node: ir.Node, copies: dict[ir.Value, ir.Value]) -> ir.Node:
    inputs = [None if value is None else copies[value] for value in node.inputs]
    copy = ir.Node("", node.op_type, inputs, list(node.attributes.values()))
    copy.outputs[0].name = f"value_{len(copies)}"
    copies[node.outputs[0]] = copy.outputs[0]
    return copy


def _leading_to(value: ir.Value, operators: Collection[str]) -> list[ir.Node] | None:
    """The nodes that compute `value` from shapes and constants, in order; None if others are needed."""
    found: dict[ir.Node, None] = {}

    def visit(value: ir.Value) -> bool:
        node = value.producer()
        if ir.convenience.get_const_tensor(value) is not None or node in found:
            return True
        if node is None or node.domain or (node.op_type != "Shape" and node.op_type not in operators):
            return False
        if node.op_type != "Shape" and not all(visit(given) for given in node.inputs if given is not None):
            return False
        found[node] = None
        return True

    return list(found) if visit(value) else None


def _read(node: ir.Node, batch: int, time: int) -> Array | None:
    """What a Shape node gives."""
    value = node.inputs[0]
    if value is None or value.shape is None:
        return None
    part = list(value.shape)[node.attributes.get_int("start", 0) : node.attributes.get_int("end", len(value.shape))]
    found = [size(d if isinstance(d, int) else str(d), batch, time) for d in part]
    return None if None in found else np.maximum(np.array(found, np.int64), 0)
