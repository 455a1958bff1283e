"""Sizes that a file states: of its tensors, and of what operators make out of constant targets."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, prod

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.protobuf_reader import Message
from rnnedge_runtime.untrusted.limits import Limits
from rnnedge_runtime.untrusted.operator_table import Node

# TensorProto.DataType -> numpy, little-endian as ONNX stores raw data. numpy has no bfloat16: it sees the bits.
_BFLOAT16 = 16
DTYPES = {
    kind: np.dtype(code)
    for kind, code in
    {1: "<f4", 2: "<u1", 3: "<i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "|b1", 10: "<f2", 11: "<f8", 12: "<u4",
     13: "<u8", _BFLOAT16: "<u2"}.items()
}  # fmt: skip


def check_dim(size: int, place: str, limits: Limits) -> None:
    """Raise `ModelRefused` for a negative or a very large dim."""
    if not 0 <= size <= limits.dim:
        raise ModelRefused(f"{place}: expected a dim of at most {limits.dim:,}, found {size}")


def check_tensor(tensor: Message, place: str, limits: Limits) -> None:
    """Raise `ModelRefused` unless the tensor holds the bytes of its dims, and no NaN."""
    kind = tensor.get("data_type", 0)
    if kind not in DTYPES:
        raise ModelRefused(f"{place}: expected a data type of rnnedge, found {kind}")
    dims = tensor.get("dims", [])
    for size in dims:
        check_dim(size, place, limits)
    data, dtype = tensor.get("raw_data", b""), DTYPES[kind]
    needed = prod(dims) * dtype.itemsize
    if len(data) != needed:
        raise ModelRefused(f"{place}: expected {needed:,} bytes for {dims} {dtype.name}, found {len(data):,}")
    if kind == _BFLOAT16:
        # The upper half of a float32: more than infinity, without the sign, is NaN.
        nan = bool(np.any(np.frombuffer(data, dtype) & 0x7FFF > 0x7F80))
    else:
        # NaN makes the maximum NaN.
        nan = dtype.kind == "f" and bool(np.isnan(np.frombuffer(data, dtype).max(initial=-np.inf)))
    if nan:
        raise ModelRefused(f"{place}: expected numbers, found NaN")


def tensor_array(tensor: Message) -> Array:
    """The numbers of a tensor that `check_tensor` has passed; not copied."""
    return np.frombuffer(tensor.get("raw_data", b""), DTYPES[tensor["data_type"]]).reshape(tensor.get("dims", ()))


def check_fill(node: Node, limits: Limits) -> None:
    """Raise `ModelRefused` for an operator that fills a tensor whose size is a constant of the file, and large.

    Sizes that are computed are bounded when the graph runs.
    """
    count = _FILLED.get(node.operator)
    found = count([node.constant(k) for k in range(len(node.inputs))]) if count else 0
    if found > limits.filled_elements:
        node.refuse(f"{node.operator} to fill at most {limits.filled_elements:,}", f"{found:,}")


def _target(index: int) -> Callable[[list[Array | None]], int]:
    """The product of one input: a shape, or how often something is repeated."""

    def count(inputs: list[Array | None]) -> int:
        array = inputs[index] if index < len(inputs) else None
        return 0 if array is None else prod(max(1, abs(int(size))) for size in array.flat)

    return count


def _range(inputs: list[Array | None]) -> int:
    start, limit, delta = (None if a is None or not a.size else a.flat[0] for a in [*inputs, None, None, None][:3])
    if start is None or limit is None or delta is None or not delta:
        return 0
    span = (float(limit) - float(start)) / float(delta)
    return ceil(min(span, 1e18)) if span > 0 else 0


def _pads(inputs: list[Array | None]) -> int:
    array = inputs[1] if len(inputs) > 1 else None
    return 0 if array is None else sum(abs(int(size)) for size in array.flat)


_FILLED: dict[str, Callable[[list[Array | None]], int]] = {
    "ConstantOfShape": _target(0),
    "Expand": _target(1),
    "Tile": _target(1),
    "Pad": _pads,
    "Resize": _target(3),
    "Range": _range,
}
