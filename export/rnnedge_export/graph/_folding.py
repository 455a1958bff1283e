"""The few operations that are computed in numpy while compiling when all their inputs are constant.

Only what prepares weights: moving, cutting, joining and adding. Each takes the inputs (None where an optional one is
missing), the attributes and the number of outputs, and returns the outputs; semantics are those of ONNX opset 18.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Fold = Callable[[Sequence[Any], Mapping[str, Any], int], list[Array]]


def _transpose(arrays: Sequence[Any], attributes: Mapping[str, Any], _: int) -> list[Array]:
    return [np.transpose(arrays[0], attributes.get("perm"))]


def _squeeze(arrays: Sequence[Any], _attributes: Mapping[str, Any], _: int) -> list[Array]:
    return [np.squeeze(arrays[0], tuple(arrays[1]) if len(arrays) > 1 else None)]


def _unsqueeze(arrays: Sequence[Any], _attributes: Mapping[str, Any], _: int) -> list[Array]:
    return [np.expand_dims(arrays[0], tuple(int(a) for a in arrays[1]))]


def _concat(arrays: Sequence[Any], attributes: Mapping[str, Any], _: int) -> list[Array]:
    return [np.concatenate(arrays, attributes["axis"])]


def _split(arrays: Sequence[Any], attributes: Mapping[str, Any], outputs: int) -> list[Array]:
    places = np.cumsum(arrays[1])[:-1] if len(arrays) > 1 else outputs
    return np.split(arrays[0], places, attributes.get("axis", 0))


def _add(arrays: Sequence[Any], _attributes: Mapping[str, Any], _: int) -> list[Array]:
    return [np.add(*arrays)]


FOLDS: Mapping[str, Fold] = {
    "Add": _add,
    "Concat": _concat,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
