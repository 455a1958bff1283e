"""Inputs and outputs of an ONNX file: their shapes and dtypes, and inputs that get a constant value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from rnnedge_runtime.arrays import cast
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, ModelRefused

_NUMPY = onnx.helper.tensor_dtype_to_np_dtype


def with_constants(proto: onnx.ModelProto, constants: Mapping[str, float], name: str) -> onnx.ModelProto:
    """A copy in which some inputs have a value of their own."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(proto)
    graph = fixed.graph
    weights = {value.name for value in graph.initializer}
    ports = {port.name: port for port in graph.input if port.name not in weights}
    for key, value in constants.items():
        if key not in ports:
            raise ModelRefused(f"{name}: constant {key!r}: the inputs are {', '.join(ports)}")
        shape = [d if isinstance(d, int) else 1 for d in declared_shape(ports[key])]
        graph.initializer.append(
            numpy_helper.from_array(_filled(shape, value, dtype_of(ports[key]), f"{name}: {key}"), key)
        )
        del ports[key]
    del graph.input[:]
    graph.input.extend(ports.values())
    del graph.value_info[:]
    return fixed


def _filled(shape: Sequence[int], value: float, dtype: Any, place: str) -> Array:
    """An array of one number, which its dtype can hold; 16000.0 is a whole number too."""
    whole = np.dtype(dtype).kind in "iu" and float(value).is_integer()
    try:
        return np.full(shape, cast(np.asarray(int(value) if whole else value), np.dtype(dtype), place))
    except InputError as error:
        raise ModelRefused(str(error)) from None


def opened(proto: onnx.ModelProto, dims: Mapping[str, list[int | str]]) -> None:
    """Declare other shapes of the inputs, in place, and none of the outputs."""
    for port in proto.graph.input:
        if port.name in dims:
            port.type.tensor_type.shape.Clear()
            for dim in dims[port.name]:
                entry = port.type.tensor_type.shape.dim.add()
                if isinstance(dim, int):
                    entry.dim_value = dim
                else:
                    entry.dim_param = dim
    for port in proto.graph.output:
        port.type.tensor_type.ClearField("shape")


def declared_shape(port: onnx.ValueInfoProto) -> list[int | None]:
    """The shape that the file declares; None where an axis has no size."""
    dims = port.type.tensor_type.shape.dim
    return [d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in dims]


def dtype_of(port: onnx.ValueInfoProto) -> Any:
    """The numpy dtype of a port."""
    return _NUMPY(port.type.tensor_type.elem_type)
