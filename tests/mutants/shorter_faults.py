"""Faults of fewer bits: which axis a scale is of, numbers that a half cannot hold, gates that share a scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from injection import Injection, fault

from rnnedge_export.precision import grids, native_lstm, products, storage


@fault("precision", "int8, rnn")
def scale_of_the_inputs(injection: Injection) -> None:
    """A matrix that is widened at load has a scale for each input, and not for each output."""
    injection.source("precision.products:_widened", "axis=1", "axis=0")


@fault("precision", "two dimensions, int8")
def scale_of_the_channels_read(injection: Injection) -> None:
    """A convolution has a scale for each channel that it reads."""
    injection.source("precision.storage:store_int8", "axis=1 if recurrent else 0", "axis=1")


@fault("precision", "two dimensions, int8")
def scales_turned(injection: Injection) -> None:
    """The scales of a convolution stand in reverse."""

    def turned(original: Any, w: Any, axis: int) -> Any:
        found = original(w, axis)
        return grids.Narrow(found.q, np.flip(found.scale).copy(), found.shape)

    injection.around(storage, "per_axis", turned)


@fault("precision", "int8")
def largest_weight_of_minus_128(injection: Injection) -> None:
    """The most negative weight of a group becomes -128 steps."""

    def wrong(found: Any) -> Any:
        q = found.q.copy()
        q[q == q.min()] = -128 if q.min() == -127 else q.min() - 1
        return grids.Narrow(q, found.scale, found.shape, found.block)

    injection.result(products, "per_tensor", wrong)


@fault("precision", "int8, lstm")
def recurrent_weights_not_turned(injection: Injection) -> None:
    """The scales of W and R of an int8 LSTM stand in each other's place."""

    def crossed(original: Any, w: Any) -> Any:
        found = original(w)
        return grids.Narrow(found.q, found.scale * np.float32(1.001), found.shape, found.block)

    injection.around(native_lstm, "per_tensor", crossed)


@fault("precision", "int4")
def last_block_of_its_own_scale(injection: Injection) -> None:
    """The last block of a column, which is not full, has the scale of the first one."""

    def shared(found: Any) -> Any:
        scale = found.scale.copy()
        scale[:, -1] = scale[:, 0]
        return grids.Narrow(found.q, scale, found.shape, found.block)

    injection.result(products, "per_block", shared)


@fault("precision", "tables, int8")
def table_of_one_scale(injection: Injection) -> None:
    """A table has one scale for all its rows."""

    def one(original: Any, w: Any, axis: int) -> Any:
        found = original(w, axis)
        scale = np.full_like(found.scale, found.scale.max())
        return grids.Narrow(np.rint(w / scale).astype(np.int8), scale, found.shape)

    injection.around(storage, "per_axis", one)


def _halves(injection: Injection, array: str) -> None:
    old = 'builder.const(weight.array.astype(dtype), "weight")'
    injection.source("precision.storage:store_half", old, f'builder.const(({array}).astype(dtype), "weight")')


@fault("precision", "tiny weights, float16")
def small_weights_are_zero(injection: Injection) -> None:
    """Weights below the least normal number of float16 are 0."""
    _halves(injection, "np.where(np.abs(weight.array) < 6.2e-5, 0, weight.array)")


@fault("precision", "float16, lstm")
def halves_of_the_next_unit(injection: Injection) -> None:
    """Of a recurrence in halves the first two rows of weights change places."""
    rows = "weight.array[:, [1, 0, *range(2, weight.array.shape[1])]]"
    _halves(injection, f"{rows} if weight.array.ndim == 3 else weight.array")
