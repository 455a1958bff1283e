"""What an ONNX file says of itself, metadata and signature, read without onnxruntime and without onnx.

Only the few fields that are wanted are looked at; field numbers are those of onnx.proto. The file's checksum has been
compared, so a message that cannot be read is one that rnnedge never wrote.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rnnedge_runtime.engine import TensorInfo
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.protobuf_reader import Grammar, Message, Reader

_DTYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64"}
_DEPTH = 8


@dataclass(frozen=True)
class Signature:
    """`metadata_props`, and the graph's inputs and outputs."""

    metadata: dict[str, str]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def read_signature(data: bytes, name: str) -> Signature:
    """Read serialized ONNX; raises `ModelRefused` where it is none, naming the file `name`."""
    try:
        model = Reader(data, sys.maxsize, _DEPTH, skips=True).read(_MODEL)
    except ModelRefused as error:
        raise ModelRefused(f"{name}: expected an ONNX file, found other bytes ({error}); export it again") from error
    graph = model.get("graph", {})
    ports = (tuple(map(_info, graph.get(side, ()))) for side in ("input", "output"))
    entries = model.get("metadata_props", ())
    return Signature({entry.get("key", ""): entry.get("value", "") for entry in entries}, *ports)


def _grammar(name: str, *fields: tuple[int, str, str | Grammar, bool]) -> Grammar:
    grammar = Grammar(name)
    for field in fields:
        grammar.add(*field)
    return grammar


_DIM = _grammar("Dimension", (1, "dim_value", "int", False), (2, "dim_param", "text", False))
_SHAPE = _grammar("TensorShapeProto", (1, "dim", _DIM, True))
_TENSOR = _grammar("Tensor", (1, "elem_type", "int", False), (2, "shape", _SHAPE, False))
_TYPE = _grammar("TypeProto", (1, "tensor_type", _TENSOR, False))
_VALUE = _grammar("ValueInfoProto", (1, "name", "text", False), (2, "type", _TYPE, False))
_GRAPH = _grammar("GraphProto", (11, "input", _VALUE, True), (12, "output", _VALUE, True))
_ENTRY = _grammar("StringStringEntryProto", (1, "key", "text", False), (2, "value", "text", False))
_MODEL = _grammar("ModelProto", (7, "graph", _GRAPH, False), (14, "metadata_props", _ENTRY, True))


def _info(value: Message) -> TensorInfo:
    tensor = value.get("type", {}).get("tensor_type", {})
    kind = tensor.get("elem_type")
    dims = tensor.get("shape", {}).get("dim", ())
    sizes = tuple(dim.get("dim_value", dim.get("dim_param") or None) for dim in dims)
    return TensorInfo(value.get("name", ""), "no tensor" if kind is None else _DTYPES.get(kind, str(kind)), sizes)
