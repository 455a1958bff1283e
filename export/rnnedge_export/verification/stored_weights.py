"""The weights of a file as they are stored, and the numbers that they stand for; read from the graph alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from rnnedge_runtime.contract import Array

_HALVES: dict[int, str] = {onnx.TensorProto.FLOAT16: "float16", onnx.TensorProto.BFLOAT16: "bf16"}
# Where operators read their scales, and the least size of a bound that nothing reaches.
_SCALES = {"QuantizeLinear": (1,), "DequantizeLinear": (1,), "MatMulIntegerToFloat": (2, 3), "MatMulNBits": (2,),
           "DynamicQuantizeLSTM": (8, 10)}  # fmt: skip
_NEVER = 1e29
# How many levels a grid has on each side of zero, by what reads it.
_OF_PRODUCTS, _OF_BYTES, _OF_HALF_BYTES = 63, 127, 7


@dataclass(frozen=True, eq=False)
class Stored:
    """A weight: `wide` float32 is what it stands for; `precision` how it is stored.

    `levels`: of the grid on each side of zero, 0 of floats. `scale` broadcasts to the shape of `wide`, or is one for
    every `block` weights of a column, (columns, blocks). `outputs`: the axis each index of which has to have a scale of
    its own; None where that is a matter of what pays.
    """

    name: str
    precision: str
    wide: Array
    scale: Array | None = None
    levels: int = 0
    block: int = 0
    outputs: int | None = None

    @property
    def steps(self) -> Array:
        """The step of every weight."""
        assert self.scale is not None
        if not self.block:
            return np.broadcast_to(self.scale, self.wide.shape)
        return np.repeat(self.scale, self.block, axis=1).T[: len(self.wide)]


def stored_weights(data: bytes) -> list[Stored]:
    """Every constant of two or more axes of a file, once for each way in which it is read."""
    proto = onnx.load_from_string(data)
    arrays = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    kinds = {t.name: t.data_type for t in proto.graph.initializer}
    found: list[Stored] = []
    read: set[str] = set()
    readers = _Readers(proto.graph)
    for node in _nodes(proto.graph):
        for stored, names in _narrow(node, arrays, kinds, readers):
            found.append(stored)
            read.update(names)
    weights = _read_as_weights(proto.graph) - read
    found += [
        Stored(name, "float32", array)
        for name, array in arrays.items()
        if name in weights and array.dtype == np.float32 and array.ndim > 1
    ]
    return found


def plain_numbers(data: bytes) -> Iterator[tuple[str, Array]]:
    """Every constant in float32 that is no scale of a grid and no bound that is never reached, by name."""
    proto = onnx.load_from_string(data)
    kinds = {t.name: t.data_type for t in proto.graph.initializer}
    scales = set(_scales(proto.graph, kinds))
    for tensor in proto.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and tensor.name not in scales and not (np.abs(array) >= _NEVER).all():
            yield tensor.name, array


def _scales(graph: onnx.GraphProto, kinds: dict[str, int]) -> Iterator[str]:
    integers: set[str] = set()
    for node in _nodes(graph):
        if node.op_type == "Cast" and kinds.get(node.input[0]) == onnx.TensorProto.INT8:
            integers.update(node.output)
        yield from (node.input[k] for k in _SCALES.get(node.op_type, ()) if k < len(node.input))
        if node.op_type == "Mul" and integers.intersection(node.input):
            yield from node.input


def _read_as_weights(graph: onnx.GraphProto) -> set[str]:
    """Of a native recurrence W and R; biases and initial states stay as they are."""
    found: set[str] = set()
    for node in _nodes(graph):
        found.update(node.input[1:3] if node.op_type in ("RNN", "GRU", "LSTM") else node.input)
    return found


class _Readers:
    """What reads a value."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._nodes = list(_nodes(graph))

    def of(self, name: str) -> list[Any]:
        return [node for node in self._nodes if name in node.input]


def _nodes(graph: onnx.GraphProto) -> Iterator[Any]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


def _narrow(
    node: Any, arrays: dict[str, Array], kinds: dict[str, int], readers: _Readers
) -> Iterator[tuple[Stored, tuple[str, ...]]]:
    inputs = list(node.input)
    if node.op_type == "Cast" and kinds.get(inputs[0]) in _HALVES:
        array = arrays[inputs[0]]
        yield Stored(inputs[0], _HALVES[kinds[inputs[0]]], array.astype(np.float32)), (inputs[0],)
    elif node.op_type == "Cast" and kinds.get(inputs[0]) == onnx.TensorProto.INT8:
        for reader in readers.of(node.output[0]):
            scale = next((arrays[name] for name in reader.input if name in arrays), None)
            if reader.op_type == "Mul" and scale is not None:
                wide = arrays[inputs[0]].astype(np.float32) * scale
                outputs = _outputs_axis(reader.output[0], wide.ndim, readers)
                yield Stored(inputs[0], "int8", wide, scale, _OF_BYTES, outputs=outputs), (inputs[0],)
    elif node.op_type == "MatMulIntegerToFloat":
        scale = arrays[inputs[3]]
        wide = (arrays[inputs[1]].astype(np.float32) - _zero(inputs, 5, arrays)) * scale
        yield Stored(inputs[1], "int8", wide, scale, _OF_PRODUCTS), (inputs[1],)
    elif node.op_type == "DynamicQuantizeLSTM":
        for k, at in ((1, 8), (2, 10)):
            scale = arrays[inputs[at]].reshape(-1, 1, 1)
            zero = np.reshape(_zero(inputs, at + 1, arrays), (-1, 1, 1))
            wide = ((arrays[inputs[k]].astype(np.float32) - zero) * scale).transpose(0, 2, 1)
            yield Stored(inputs[k], "int8", wide, scale, _OF_PRODUCTS), (inputs[k],)
    elif node.op_type == "MatMulNBits" and not "".join(inputs[3:5]):
        yield _blocks(node, arrays[inputs[1]], arrays[inputs[2]]), (inputs[1],)


def _zero(inputs: list[str], place: int, arrays: dict[str, Array]) -> Array:
    given = inputs[place] if place < len(inputs) else ""
    return arrays[given].astype(np.float32) if given else np.zeros((), np.float32)


def _outputs_axis(name: str, axes: int, readers: _Readers) -> int:
    """The second of a native recurrence (W, R) and of a matrix on the right of a plain product; else the first."""
    for reader in readers.of(name):
        plain = reader.op_type in ("MatMul", "Gemm") and not reader.attribute
        if reader.op_type in ("RNN", "GRU", "LSTM") or (plain and axes == 2 and reader.input[1] == name):
            return 1
    return 0


def _blocks(node: Any, packed: Array, scales: Array) -> Stored:
    """onnxruntime, contrib operator MatMulNBits: (N, blocks, bytes), the low half of a byte first."""
    given = {a.name: a.i for a in node.attribute}
    rows, columns, bits = given["K"], given["N"], given["bits"]
    q = packed.astype(np.int16)
    if bits == 4:
        q = np.stack([q & 15, q >> 4], -1).reshape(*q.shape[:-1], -1)
    q = q - (8 if bits == 4 else 128)
    scale = scales.reshape(columns, -1)
    wide = (q * scale[..., None]).reshape(columns, -1).T[:rows].astype(np.float32)
    levels = _OF_HALF_BYTES if bits == 4 else _OF_BYTES
    return Stored(node.input[1], f"int{bits}", wide, scale, levels, given["block_size"])
