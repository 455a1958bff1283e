"""What an ONNX file says of itself, metadata and signature, read without onnxruntime and without onnx.

Only the few fields that are wanted are looked at; field numbers are those of onnx.proto. The file's seal has been
checked, so a message that cannot be read is one that rnnedge never wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rnnedge_runtime.contract import TensorInfo
from rnnedge_runtime.errors import ModelRefused

_DTYPES = {1: "float32", 2: "uint8", 3: "int8", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64"}
Value = int | memoryview


@dataclass(frozen=True)
class Signature:
    """`metadata_props`, and the graph's inputs and outputs."""

    metadata: dict[str, str]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def read_signature(data: bytes, name: str) -> Signature:
    """Read serialized ONNX; raises `ModelRefused` where it is none, naming the file `name`."""
    try:
        return _signature(memoryview(data))
    except (IndexError, ValueError, TypeError) as error:
        raise ModelRefused(f"{name}: expected an ONNX file, found other bytes ({error}); export it again") from error


def _signature(data: memoryview) -> Signature:
    metadata: dict[str, str] = {}
    ports: dict[int, list[TensorInfo]] = {11: [], 12: []}
    for field, value in _fields(data):
        if field == 14:
            entry = dict(_fields(_message(value)))
            metadata[_text(entry.get(1, b""))] = _text(entry.get(2, b""))
        elif field == 7:
            for inner, port in _fields(_message(value)):
                if inner in ports:
                    ports[inner].append(_info(_message(port)))
    return Signature(metadata, tuple(ports[11]), tuple(ports[12]))


def _info(value: memoryview) -> TensorInfo:
    """ValueInfoProto: name 1, type 2 -> tensor_type 1 -> elem_type 1, shape 2 -> dim 1 -> dim_value 1, dim_param 2."""
    own = dict(_fields(value))
    tensor = dict(_fields(_message(dict(_fields(_message(own[2]))).get(1, memoryview(b"")))))
    dims: list[int | str | None] = []
    for field, dim in _fields(_message(tensor.get(2, memoryview(b"")))):
        if field == 1:
            found = dict(_fields(_message(dim)))
            size = found.get(1, found.get(2))
            dims.append(size if size is None or isinstance(size, int) else _text(size) or None)
    kind = tensor.get(1)
    dtype = _DTYPES.get(kind, str(kind)) if isinstance(kind, int) else "no tensor"
    return TensorInfo(_text(own[1]), dtype, tuple(dims))


def _fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Field numbers and values of one message; see the protobuf specification, "Encoding"."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == 0:
            number, at = _varint(data, at)
            yield tag >> 3, number
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > len(data):
            raise ValueError("cut short")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number without end")


def _message(value: object) -> memoryview:
    if not isinstance(value, memoryview):
        raise TypeError("a number in place of a message")
    return value


def _text(value: object) -> str:
    if isinstance(value, int):
        raise TypeError("a number in place of a text")
    return bytes(value).decode()  # type: ignore[call-overload, no-any-return]
