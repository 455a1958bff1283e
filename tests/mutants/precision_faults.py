"""Faults of fewer bits: grids, scales, ranges, and what becomes of layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
from injection import Injection, fault

from rnnedge_export.precision import grids, products, shrink, storage
from rnnedge_export.precision import native_lstm as lstm
from rnnedge_export.precision.grids import Narrow


@fault("precision", "bf16")
def bf16_truncated(injection: Injection) -> None:
    """bf16 weights are cut off, not rounded to the nearest."""

    def truncated(original: Any, builder: Any, weight: Any, precision: str) -> Any:
        bits = weight.array.view(np.uint32) & np.uint32(0xFFFF0000)
        return original(builder, _Weight(weight, bits.view(np.float32)), precision)

    _store_half(injection, truncated)


@fault("precision", "float16")
def float16_by_way_of_bf16(injection: Injection) -> None:
    """float16 weights went through bf16 on their way."""

    def twice(original: Any, builder: Any, weight: Any, precision: str) -> Any:
        array = weight.array.astype(storage.HALVES["bf16"]).astype(np.float32)
        return original(builder, _Weight(weight, array), precision)

    _store_half(injection, twice)


class _Weight:
    """A weight with other numbers."""

    def __init__(self, weight: Any, array: Any) -> None:
        self.value, self.array = weight.value, array


def _store_half(injection: Injection, change: Any) -> None:
    from rnnedge_export.precision import apply

    injection.around(apply, "store_half", change)


def _on_grid(injection: Injection, round_: Any, levels_of: Any = lambda levels: levels) -> None:
    """Other rounding, or other levels, of every integer grid."""

    def other(original: Any, w: Any, scale: Any, levels: int) -> Narrow:
        most = levels_of(levels)
        return Narrow(np.clip(round_(w / scale), -most, most).astype(np.int8), scale, w.shape)

    injection.around(grids, "_on_grid", other)


@fault("precision", "int8")
def int8_rounded_down(injection: Injection) -> None:
    """int8 weights are rounded down, not to the nearest."""
    _on_grid(injection, np.floor)


@fault("precision", "int8, lstm")
def lstm_weights_rounded_down(injection: Injection) -> None:
    """The weights of a native int8 LSTM are rounded down."""
    _on_grid(injection, np.floor)


@fault("precision", "int4")
def int4_rounded_towards_zero(injection: Injection) -> None:
    """int4 weights are rounded towards zero."""
    _on_grid(injection, np.trunc)


@fault("precision", "int8")
def scale_of_128_levels(injection: Injection) -> None:
    """A scale is made for 128 levels, and the weights are rounded to 127."""
    injection.around(grids, "_scale", lambda original, largest, levels: original(largest, levels + 1))


@fault("precision", "int8")
def scale_written_for_128_levels(injection: Injection) -> None:
    """The scale in the file is 127/128 of the one that the weights were rounded by."""

    def other(original: Any, w: Any, scale: Any, levels: int) -> Narrow:
        found = original(w, scale, levels)
        return replace(found, scale=found.scale * np.float32(levels / (levels + 1)))

    injection.around(grids, "_on_grid", other)


@fault("precision", "int8")
def a_quarter_of_the_levels(injection: Injection) -> None:
    """31 levels are used where there are 127."""
    injection.around(grids, "_scale", lambda original, largest, levels: original(largest, max(levels // 4, 1)))


@fault("precision", "int8, scan")
def levels_cut_off(injection: Injection) -> None:
    """The largest weights are cut off at half of the range."""
    _on_grid(injection, np.rint, lambda levels: levels // 2)


@fault("precision", "int8")
def one_scale_for_all_rows(injection: Injection) -> None:
    """Rows of a matrix that have scales of their own share the largest of them."""

    def shared(original: Any, w: Any, axis: int) -> Narrow:
        loud = original(w, axis)
        scale = np.full_like(loud.scale, loud.scale.max())
        return grids._on_grid(w, scale, grids.LEVELS8)

    injection.around(storage, "per_axis", shared)


@fault("precision", "int8")
def widened_again(injection: Injection) -> None:
    """A file of int8 has its weights in float32."""
    _widened(injection)


@fault("precision", "float16")
def halves_widened_again(injection: Injection) -> None:
    """A file of float16 has its weights in float32."""
    _widened(injection)


def _widened(injection: Injection) -> None:
    def fold(model: ir.Model) -> int:
        from rnnedge_export.capture.constants import fold_constants

        before = len(model.graph)
        fold_constants(model)
        return before - len(model.graph)

    def folded(original: Any, graph: ir.Model, *arguments: Any) -> Any:
        changes = original(graph, *arguments)
        fold(graph)
        return changes

    injection.around(shrink, "narrow", folded)


@fault("precision", "int8")
def layer_left_wide(injection: Injection) -> None:
    """A layer that was to be int8 stays float32, and the file says that it is int8."""
    from rnnedge_export.precision import apply

    def some(weights: Any) -> Any:
        return [weight for weight in weights if "head" not in weight.layer]

    injection.result(apply, "weights_of", some)


@fault("precision", "int8")
def layer_narrower_than_asked(injection: Injection) -> None:
    """A layer that was to stay float32 is int8 too."""
    from rnnedge_export.precision import apply

    injection.around(apply.Plan, "of", lambda original, self, layer: "int4")


@fault("precision", "int8, calibrated")
def range_of_activations_halved(injection: Injection) -> None:
    """The range of activations is half of the one that was observed."""
    injection.result(
        shrink, "observe", lambda found: {name: (low / 2, high / 2) for name, (low, high) in found.items()}
    )


@fault("precision", "int8, step")
def proven_range_too_narrow(injection: Injection) -> None:
    """What lies in -1 ... 1 is rounded to levels of -0.5 ... 0.5."""
    injection.around(
        products, "_affine", lambda original, builder, range_: original(builder, (range_[0] / 2, range_[1] / 2))
    )


@fault("precision", "int4")
def zero_of_int4_off_by_one(injection: Injection) -> None:
    """int4 weights are stored around 7, and read around 8."""
    injection.value(products, "_ZERO4", 7, (products, "_by_blocks"))


@fault("precision", "int4")
def scales_of_blocks_in_another_order(injection: Injection) -> None:
    """The scale of a block is that of the next one."""

    def turned(original: Any, builder: Any, product: Any, x: Any, narrow: Narrow, bits: int) -> Any:
        scale = np.roll(narrow.scale.reshape(-1), 1).reshape(narrow.scale.shape)
        return original(builder, product, x, replace(narrow, scale=scale), bits)

    injection.around(products, "_by_blocks", turned)


@fault("precision", "int4")
def halves_of_a_byte_swapped(injection: Injection) -> None:
    """Two int4 weights of a byte change places."""

    def swapped(original: Any, builder: Any, product: Any, x: Any, narrow: Narrow, bits: int) -> Any:
        q = narrow.q.copy()
        q[..., 0::2], q[..., 1::2] = narrow.q[..., 1::2], narrow.q[..., 0::2]
        return original(builder, product, x, replace(narrow, q=q), bits)

    injection.around(products, "_by_blocks", swapped)


@fault("precision", "int8, step")
def bias_lost_in_a_product(injection: Injection) -> None:
    """An integer product forgets the bias."""
    injection.around(
        products,
        "_by_range",
        lambda original, builder, product, *more: original(builder, replace(product, bias=None), *more),
    )


@fault("precision", "int8, lstm")
def scale_of_the_other_matrix(injection: Injection) -> None:
    """W and R of an int8 LSTM have one scale, that of W."""
    kept: list[Any] = []

    def first(original: Any, w: Any) -> Narrow:
        found = original(w)
        kept.append(found.scale)
        return grids._on_grid(w, kept[0], grids.LEVELS7)

    injection.around(lstm, "per_tensor", first)
