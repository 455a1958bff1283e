"""What a program hands to a library by mistake: values of every kind that no function asked for."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any
from unittest.mock import Mock

import numpy as np
from hypothesis import strategies as st


class RaisingArray:
    """As a data frame does whose columns are no numbers; its shape may be right all the same."""

    shape, dtype, ndim = (2, 5), np.dtype("float32"), 2

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise RuntimeError("columns differ")


class RaisingMapping(Mapping[str, Any]):
    """A view of something that is gone."""

    def __getitem__(self, key: str) -> Any:
        raise LookupError(key)

    def __iter__(self) -> Iterator[str]:
        raise OSError("gone")

    def __len__(self) -> int:
        return 1


class PathOf:
    """A path that is `found`, or raises it."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def __fspath__(self) -> Any:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


class Unprintable:
    """Its text is an error."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Own(np.ndarray[Any, Any]):
    """A subclass of an array."""


def _closed() -> io.BytesIO:
    file = io.BytesIO(b"abc")
    file.close()
    return file


def _released() -> memoryview:
    view = memoryview(b"abc")
    view.release()
    return view


def _read_only() -> np.ndarray:
    array = np.zeros((2, 5), np.float64)
    array.setflags(write=False)
    return array


def _tensors() -> dict[str, Callable[[], Any]]:
    try:
        import torch
    except ImportError:
        return {}
    return {
        "tensor of another dtype that needs a gradient": lambda: torch.ones(
            2, 5, dtype=torch.float64, requires_grad=True
        ),
        "tensor without values": lambda: torch.ones(2, 5, device="meta"),
        "sparse tensor": lambda: torch.eye(5).to_sparse(),
        "tensor of bfloat16": lambda: torch.ones(2, 5, dtype=torch.bfloat16),
        "complex tensor": lambda: torch.ones(2, 5, dtype=torch.complex64),
        "conjugate tensor": lambda: torch.ones(2, 5, dtype=torch.complex64).conj(),
        "list of tensors": lambda: [torch.ones(5), torch.ones(4)],
        "tensor without dims": lambda: torch.tensor(3),
        "module": lambda: torch.nn.Linear(2, 3),
        "dtype of torch": lambda: torch.float32,
    }


MAKERS: dict[str, Callable[[], Any]] = {
    "ragged list": lambda: [[1], [2, 3]],
    "ragged floats": lambda: [[1.0, 2.0], 3.0],
    "list with None": lambda: [[1.0, None]],
    "list of text": lambda: ["a", "b"],
    "integers of any size": lambda: [[2**70] * 5],
    "nested list": lambda: [[[[[[1.0]]]]]],
    "generator": lambda: (k for k in range(3)),
    "range": lambda: range(3),
    "object": object,
    "without a text": Unprintable,
    "class": lambda: RaisingArray,
    "module": lambda: io,
    "ellipsis": lambda: ...,
    "array that raises": RaisingArray,
    "stand-in for an array": lambda: Mock(spec=np.ndarray),
    "mapping that raises": RaisingMapping,
    "dict with numbers for keys": lambda: {1: 2},
    "dict with None for a key": lambda: {None: np.zeros((2, 5), np.float32)},
    "dict with other names": lambda: {"other": np.zeros((2, 5), np.float32)},
    "ragged dict": lambda: {"x": [[1], [2, 3]]},
    "path of bytes": lambda: PathOf(b"a"),
    "path of a number": lambda: PathOf(3),
    "path that raises": lambda: PathOf(RuntimeError("no path")),
    "file that is closed": _closed,
    "file of text": lambda: io.StringIO("abc"),
    "view that is released": _released,
    "view with steps": lambda: memoryview(bytes(range(9)))[::2],
    "fraction": lambda: Fraction(1, 3),
    "decimal": lambda: Decimal("0.5"),
    "number of numpy without dims": lambda: np.array(3.5),
    "int8 of numpy": lambda: np.int8(-3),
    "truth value of numpy": lambda: np.bool_(True),
    "empty array": lambda: np.zeros((0,), np.float32),
    "array without frames": lambda: np.zeros((0, 4), np.float32),
    "doubles": lambda: np.zeros((2, 5)),
    "doubles that nobody may write": _read_only,
    "swapped bytes": lambda: np.zeros((2, 5), ">f8"),
    "half numbers": lambda: np.zeros((2, 5), np.float16),
    "bytes of an image": lambda: np.zeros((2, 5), np.uint8),
    "samples of 16 bits": lambda: np.zeros((2, 5), np.int16),
    "truth values": lambda: np.zeros((2, 5), bool),
    "complex array": lambda: np.zeros((2, 5), np.complex64),
    "array of objects": lambda: np.array([[None] * 5] * 2),
    "array of text": lambda: np.array([["a"] * 5] * 2),
    "array of dates": lambda: np.zeros((2, 5), "datetime64[s]"),
    "array of records": lambda: np.zeros(2, [("a", "f4"), ("b", "i4")]),
    "NaN in an array": lambda: np.full((2, 5), np.nan, np.float32),
    "infinities in an array": lambda: np.full((1, 5), -np.inf, np.float32),
    "masked array": lambda: np.ma.masked_array(np.zeros((2, 5), np.float32), mask=np.eye(2, 5, dtype=bool)),
    "masked": lambda: np.ma.masked,
    "matrix": lambda: np.zeros((2, 4), np.float32).view(Own),
    "many dims": lambda: np.zeros((1,) * 30, np.float32),
    "one number as a trillion frames": lambda: np.broadcast_to(np.float32(0), (1 << 40, 5)),
    "a trillion sequences": lambda: np.broadcast_to(np.float32(0), (1 << 40, 1, 5)),
    **_tensors(),
}

NUMBERS = (0, -1, 1 << 31, 1 << 53, 1 << 63, -(1 << 63), 10**400, 2.5, 1.0, 1e300, float("nan"), float("inf"), -0.0, 1j)
TEXTS = ("", "2", "abc", "a\0b", "\ud800", "x" * 5000, "../..", "nan", "-1")


def junk() -> st.SearchStrategy[Any]:
    """Values that are simple, and those of `MAKERS`, fresh ones each time."""
    simple = st.one_of(
        st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(TEXTS), st.binary(max_size=9),
        st.text(max_size=9), st.integers(max_value=-1), st.integers(min_value=1 << 31), st.floats(max_value=-1e-9),
    )  # fmt: skip
    nested = st.recursive(
        simple,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=4,
    )
    made = st.sampled_from(sorted(MAKERS)).map(lambda name: MAKERS[name]())
    return made | nested
