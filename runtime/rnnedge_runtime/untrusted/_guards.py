"""Nodes that stand in front of others in an untrusted file, where a kernel would end the process.

Most of what ends a process can be read off the file, and is refused by `operator_table`. The rest is known only when
the graph runs: what a divisor is, how many frames are left after a cut. For these the file is changed in memory, before
onnxruntime sees it; what it computes stays the same.

1. Quotients and remainders of int32 and int64 whose divisor may be -1: the divisor is 1 in its place, and the quotient
   is the negative dividend. (The least number by -1 is a trap of the processor; 0 is an error of onnxruntime.)
2. Recurrent nodes whose input or weights may be empty: a `Reshape` to its own shape, with one size that onnxruntime
   computes from the number of elements; where one of the other sizes is 0, that is an error of the run.
3. `InstanceNormalization` reads the first number of every channel: the same `Reshape`, with the batch as the size that
   onnxruntime computes.
4. `ReverseSequence` trusts in two axes: a `Reshape` to at least that many.
5. Convolutions get none: their weights are constant and not empty, or compared with `kernel_shape` in the run. One that
   is computed and has neither is refused, as a kernel of 0 taps runs forever.

Source: onnxruntime 1.32, element_wise_ops.cc and reshape_helper.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnedge_runtime.protobuf_reader import Message
from rnnedge_runtime.untrusted._scope import GUARD, Scope
from rnnedge_runtime.untrusted._sizes import DTYPES
from rnnedge_runtime.untrusted.operator_table import Node

_INT, _TENSOR = 2, 4
# More than any tensor has: ONNX cuts the end of a Slice to what there is.
_MOST_AXES = 1 << 16
_RECURRENT = ("GRU", "LSTM", "RNN", "com.microsoft::DynamicQuantizeLSTM")


class Guards:
    """Makes the guards of one file, each with names of its own."""

    def __init__(self) -> None:
        """None are made yet."""
        self._made = 0

    def __bool__(self) -> bool:
        """Whether the file is changed."""
        return self._made > 0

    def before(self, node: Node, message: Message, scope: Scope) -> list[Message]:
        """What stands in the place of a node: itself, or several that begin with its guards."""
        if node.operator in ("Div", "Mod") and node.type(1) in ("int32", "int64"):
            divisor = node.constant(1)
            if divisor is None or (divisor == -1).any():
                return self._divide(node, message)
        if node.operator in ("Conv", "ConvTranspose") and not scope.has_elements(node.inputs[1]):
            self._convolve(node)
        if node.operator == "InstanceNormalization" and not scope.has_elements(node.inputs[0]):
            return self._as_it_is(node, message, [-1])
        if node.operator == "ReverseSequence":
            return self._as_it_is(node, message, [0, 0])
        if node.operator in _RECURRENT:
            return self._recur(node, message, scope)
        return [message]

    @staticmethod
    def _convolve(node: Node) -> None:
        """onnxruntime never ends where a kernel has a size of 0; it compares the weights with the attribute."""
        if node.constant(1) is not None or node.get("kernel_shape") is None:
            node.refuse("weights that are constant and not empty, or a kernel_shape", repr(node.inputs[1][:60]))

    def _name(self) -> str:
        self._made += 1
        return f"{GUARD}{self._made}"

    def _divide(self, node: Node, message: Message) -> list[Message]:
        dividend, divisor = node.inputs
        minus, is_minus, one, safe = (self._name() for _ in range(4))
        dtype = np.dtype(node.type(1))
        nodes = [
            _constant(minus, np.array(-1, dtype)),
            _constant(one, np.array(1, dtype)),
            _node("Equal", [divisor, minus], is_minus),
            _node("Where", [is_minus, one, divisor], safe),
        ]
        if node.operator == "Mod":
            # What is left of a division by 1 is what is left of one by -1: nothing.
            return [*nodes, {**message, "input": [dividend, safe]}]
        negative, quotient = self._name(), self._name()
        return [
            *nodes,
            _node("Neg", [dividend], negative),
            {**message, "input": [dividend, safe], "output": [quotient]},
            _node("Where", [is_minus, negative, quotient], node.outputs[0]),
        ]

    def _recur(self, node: Node, message: Message, scope: Scope) -> list[Message]:
        """X (time, batch, inputs) and W (directions, rows, inputs); onnxruntime compares the two numbers of inputs."""
        nodes: list[Message] = []
        inputs = list(node.inputs)
        for k, sizes in ((0, [0, 0, -1]), (1, [0, -1, 0])):
            if not scope.has_elements(inputs[k]):
                shape, same = self._name(), self._name()
                nodes += [_constant(shape, np.array(sizes, np.int64)), _node("Reshape", [inputs[k], shape], same)]
                inputs[k] = same
        return [*nodes, {**message, "input": inputs}] if nodes else [message]

    def _as_it_is(self, node: Node, message: Message, first: list[int]) -> list[Message]:
        """Input 0 in its own shape; its `first` sizes as `Reshape` has them: 0 as it is, -1 what is left."""
        sizes, begin, end, rest, start, shape, same = (self._name() for _ in range(7))
        return [
            _node("Shape", [node.inputs[0]], sizes),
            _constant(begin, np.array([len(first)], np.int64)),
            _constant(end, np.array([_MOST_AXES], np.int64)),
            _node("Slice", [sizes, begin, end], rest),
            _constant(start, np.array(first, np.int64)),
            _node("Concat", [start, rest], shape, {"name": "axis", "i": 0, "type": _INT}),
            _node("Reshape", [node.inputs[0], shape], same),
            {**message, "input": [same, *node.inputs[1:]]},
        ]


def _node(operator: str, inputs: Sequence[str], output: str, *attributes: Message) -> Message:
    return {"input": inputs, "output": [output], "op_type": operator, "attribute": list(attributes)}


def _constant(name: str, array: np.ndarray[Any, Any]) -> Message:
    kind = next(kind for kind, dtype in DTYPES.items() if dtype == array.dtype)
    tensor: Message = {"dims": list(array.shape), "data_type": kind, "raw_data": array.tobytes()}
    return _node("Constant", (), name, {"name": "value", "t": tensor, "type": _TENSOR})
