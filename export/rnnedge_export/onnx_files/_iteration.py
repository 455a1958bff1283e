"""What the body of a Loop makes of the number of its iteration."""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.streaming.facts import constant

_SHAPED = {"Unsqueeze": 1, "Reshape": 1, "Squeeze": 0}


class Iteration:
    """The number of the iteration in one Loop: the body's own, and counters that the loop carries."""

    def __init__(self, node: ir.Node) -> None:
        """`node`: the Loop."""
        self._node, self._body = node, node.attributes["body"].as_graph()

    def rank(self, value: ir.Value) -> int | None:
        """0 or 1 where `value` is that number, a scalar or a vector of one; else None."""
        inputs = list(self._body.inputs)
        if value in inputs:
            place = inputs.index(value)
            return 0 if place == 0 or (place > 1 and self.is_counter(place - 2)) else None
        node = value.producer()
        if node is None or node.graph is not self._body or not node.inputs or node.inputs[0] is None:
            return None
        rank = self.rank(node.inputs[0])
        return rank if rank is None or node.op_type in ("Identity", "Cast") else _SHAPED.get(node.op_type)

    def is_next(self, value: ir.Value) -> bool:
        """Whether it is that number and one more."""
        node = value.producer()
        while node is not None and node.op_type in ("Identity", "Cast", *_SHAPED) and node.inputs[0] is not None:
            node = node.inputs[0].producer()
        if node is None or node.op_type != "Add":
            return False
        sides = [(a, b) for a, b in (node.inputs, node.inputs[::-1]) if a is not None and b is not None]
        return any(self.rank(a) is not None and is_number(b, 1) for a, b in sides)

    def is_counter(self, place: int) -> bool:
        """Whether carried value `place` begins with 0 and grows by one with each iteration."""
        value, node = self._body.inputs[2 + place], self._body.outputs[1 + place].producer()
        while node is not None and node.op_type == "Identity" and node.inputs[0] is not None:
            node = node.inputs[0].producer()
        if node is None or node.op_type != "Add" or not is_number(self._node.inputs[2 + place], 0):
            return False
        a, b = node.inputs
        return (a is value and is_number(b, 1)) or (b is value and is_number(a, 1))

    def frame(self, inner: ir.Node) -> tuple[ir.Value, int, bool] | None:
        """(sequence, axis, whether the axis stays) of a node that takes one frame of a value outside; else None."""
        if inner.op_type not in ("Gather", "Slice", "SequenceAt") or len(inner.inputs) < 2:
            return None
        sequence, index = inner.inputs[0], inner.inputs[1]
        if sequence is None or index is None or sequence.graph is self._body or constant(sequence) is not None:
            return None
        rank = self.rank(index)
        if rank is None:
            return None
        if inner.op_type == "SequenceAt":
            return _split(sequence)
        if inner.op_type == "Gather":
            axis = inner.attributes.get_int("axis", 0)
            return (sequence, axis, rank == 1) if axis >= 0 else None
        axes, end = constant(inner.inputs[3]) if len(inner.inputs) > 3 else None, inner.inputs[2]
        one_frame = end is not None and self.is_next(end) and axes is not None and axes.size == 1 and axes[0] >= 0
        return (sequence, int(axes[0]), True) if one_frame and axes is not None else None


def _split(parts: ir.Value) -> tuple[ir.Value, int, bool] | None:
    """Frames of a sequence that is split into single ones."""
    node = parts.producer()
    if node is None or node.op_type != "SplitToSequence" or node.inputs[0] is None:
        return None
    split = node.inputs[1] if len(node.inputs) > 1 else None
    axis, keeps = node.attributes.get_int("axis", 0), node.attributes.get_int("keepdims", 1) == 1
    return (node.inputs[0], axis, keeps) if (split is None or is_number(split, 1)) and axis >= 0 else None


def is_number(value: ir.Value | None, number: int) -> bool:
    """Whether a value is this constant, as a scalar or a vector of one."""
    array = constant(value)
    return array is not None and array.size == 1 and bool(array.reshape(-1)[0] == number)
