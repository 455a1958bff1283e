"""Inputs and outputs of an ONNX file: their shapes and dtypes, and inputs that get a constant value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from rnnedge_runtime.arrays import cast
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError, ModelRefused

CONSTANTS = "constants"
"""The key of the contract's provenance under which they are kept."""
_MOST_NOTED = 4096
_NUMPY = onnx.helper.tensor_dtype_to_np_dtype


def with_constants(proto: onnx.ModelProto, constants: Mapping[str, Any], name: str) -> onnx.ModelProto:
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


def _filled(shape: Sequence[int], value: Any, dtype: Any, place: str) -> Array:
    """One number everywhere, or an array of the input's shape, that its dtype can hold; 16000.0 is a whole number."""
    given = np.asarray(value)
    if given.ndim and (
        given.ndim != len(shape) or any(n not in (1, d) for n, d in zip(given.shape, shape, strict=True))
    ):
        raise ModelRefused(f"{place}: expected a number, or an array of shape {list(shape)}, found {list(given.shape)}")
    whole = np.dtype(dtype).kind in "iu" and given.dtype.kind == "f" and bool((given == np.floor(given)).all())
    try:
        held = cast(given.astype(np.int64) if whole else given, np.dtype(dtype), place)
    except InputError as error:
        raise ModelRefused(str(error)) from None
    return np.array(np.broadcast_to(held, shape))


def note_of(constants: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers and small arrays as plain data, for a contract's provenance."""
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    return {name: array.tolist() for name, array in arrays.items() if array.size <= _MOST_NOTED}


def note(constants: Mapping[str, Any]) -> str:
    """As text."""
    return json.dumps(note_of(constants))


def noted(contract: Contract) -> dict[str, Any]:
    """The constants with which the file of a contract was made."""
    try:
        return dict(json.loads(contract.provenance.get(CONSTANTS, "{}")))
    except (TypeError, ValueError, RecursionError):
        return {}


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
