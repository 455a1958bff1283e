"""Arrays in JSON: {"dtype", "shape", "data"}, data being base64 of little-endian bytes in C order."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np

from rnnedge_runtime._json_fields import choice, expect, integer, number
from rnnedge_runtime.arrays import cast
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ContractError, InputError

DTYPES = ("float32", "float16", "float64", "int64", "int32", "bool")


def initial_of(fields: Any, dtype: str, shape: tuple[int | str, ...], place: str) -> float | Array:
    """A number that the state can hold, or an array of its shape with batch 1."""
    if not isinstance(fields, dict):
        value = number(fields, place)
        if dtype.startswith("float"):
            _cast(np.asarray(value), dtype, place)
        else:
            expect(value.is_integer(), place, f"a number of {dtype}", value)
            _cast(np.asarray(int(value)), "int64" if dtype == "bool" else dtype, place)
        return value
    array = decode(fields)
    one = tuple(d if isinstance(d, int) else int(d.partition("*")[0]) if "*" in d else 1 for d in shape)
    fits = array.ndim == len(one) and all(size in (1, full) for size, full in zip(array.shape, one, strict=True))
    expect(fits, place, f"an array of shape {one}", array.shape)
    return _read_only(_cast(array, dtype, place))


def _cast(array: Array, dtype: str, place: str) -> Array:
    try:
        return cast(array, np.dtype(dtype), f"contract.{place}")
    except InputError as error:
        raise ContractError(str(error)) from None


def _read_only(array: Array) -> Array:
    """What every stream of a model shares, its owner cannot change by accident."""
    array.setflags(write=False)
    return array


def initial_as_json(initial: float | Array) -> Any:
    """The opposite of `initial_of`."""
    return encode(initial) if isinstance(initial, np.ndarray) else initial


def encode(array: Array) -> dict[str, Any]:
    """An array as JSON data."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    data = base64.b64encode(little.tobytes()).decode()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}


def decode(fields: dict[str, Any]) -> Array:
    """The array of JSON data; it cannot be changed."""
    dtype = np.dtype(choice(fields["dtype"], DTYPES, "array dtype"))
    shape = [integer(d, 0, "array shape") for d in fields["shape"]]
    try:
        data = base64.b64decode(fields["data"], validate=True)
    except binascii.Error as error:
        raise ContractError(f"contract: array data is not base64 ({error})") from None
    array = np.frombuffer(data, dtype.newbyteorder("<")).reshape(shape).astype(dtype)
    if dtype.kind == "b":
        # A byte that is neither is a truth value to numpy, and something else to other code.
        expect(not (array.view(np.uint8) > 1).any(), "array data", "bytes 0 and 1 for truth values", "another")
    return _read_only(array)
