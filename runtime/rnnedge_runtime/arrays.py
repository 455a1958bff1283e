"""Arrays that a user hands in: whatever numpy makes an array of numbers of, and one error for whatever it does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnedge_runtime.arguments import shown
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError

MOST_BYTES = 1 << 32
"""An array that is handed in has at most; what it is worked on in is several times as large."""

# What numpy itself makes an array of, and nobody means as one.
_NEVER = (str, bytes, bytearray, dict, set, frozenset, type(None))
# The kinds of numbers that each kind of dtype can take without another meaning.
_TAKES = {"f": "fiu", "i": "iu", "u": "iu", "b": "b"}


def array_of(value: object, place: str) -> Array:
    """`value` as a plain array of numbers; without a copy, where it is one.

    A tensor that needs a gradient is read without it. Raises `InputError` for text, objects, ragged lists, masked
    values, and whatever fails to become an array.
    """
    if type(value) is not np.ndarray and isinstance(value, _NEVER):
        raise InputError(f"{place}: expected an array of numbers, found {shown(value)}")
    try:
        # A tensor of PyTorch: one that needs a gradient refuses to give its values.
        plain: Any = value.detach() if getattr(value, "requires_grad", False) is True else value  # type: ignore[attr-defined]
        array = np.asarray(plain)
    # A sparse tensor, one on another device, a foreign object: each has its own type of error.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{place}: expected an array of numbers, found {shown(value)} ({reason[:120]})") from error
    if array.dtype.kind not in "biufc":
        raise InputError(f"{place}: expected an array of numbers, found {_kind(value, array)}")
    if array.nbytes > MOST_BYTES:
        # As large as it says, though a view may repeat one number.
        raise InputError(f"{place}: expected at most {MOST_BYTES:,} bytes, found {array.nbytes:,}; hand in pieces")
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray and np.ma.is_masked(value):
        raise InputError(f"{place}: expected numbers, found masked ones; say what they are with frames.filled(number)")
    return array


def cast(array: Array, dtype: np.dtype[Any], place: str) -> Array:
    """A copy of `array` in `dtype`, in which every number is still the same up to rounding.

    Raises `InputError` for a number that the dtype does not hold, and for numbers of another kind: fractions where
    counts are, truth values where numbers are.
    """
    if array.dtype.kind not in _TAKES[dtype.kind]:
        raise InputError(f"{place}: expected numbers of {dtype}, found {array.dtype}")
    if dtype.kind in "iu" and array.size:
        # Asked before the cast, which wraps them around.
        bounds, least, most = np.iinfo(dtype), int(array.min()), int(array.max())
        if least < bounds.min or most > bounds.max:
            beyond = least if least < bounds.min else most
            raise InputError(f"{place}: expected numbers of {dtype}, up to {bounds.max:,}, found {beyond}")
    with np.errstate(over="ignore"):
        result = array.astype(dtype)
    if dtype.kind == "f":
        lost = np.isfinite(array) & ~np.isfinite(result)
        if lost.any():
            raise InputError(
                f"{place}: expected numbers of {dtype}, up to {np.finfo(dtype).max:g}, found {array[lost][0]:g}"
            )
    return result


def _kind(value: object, array: Array) -> str:
    return shown(value) if array.dtype == object and not array.ndim else f"{array.dtype} of shape {array.shape}"
