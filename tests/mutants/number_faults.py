"""Faults of numbers that are no weights, of layers, of counts of frames, of edges and floors."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from graph_edits import each, insert_before
from injection import Injection, fault

from rnnedge_export.graph.builder import constant


@fault("precision", "int8, step")
def bias_in_half(injection: Injection) -> None:
    """A bias is rounded to float16."""
    _bias(injection, "_by_range")


@fault("precision", "int4")
def bias_of_blocks_in_half(injection: Injection) -> None:
    """A bias of a product of blocks is rounded to float16."""
    _bias(injection, "_by_blocks")


def _bias(injection: Injection, function: str) -> None:
    injection.source(
        f"precision.products:{function}",
        'builder.const(product.bias, "bias")',
        'builder.const(product.bias.astype(np.float16).astype(np.float32), "bias")',
    )


@fault("precision", "head in float32")
def layers_ignored(injection: Injection) -> None:
    """A layer that is to be wider is as narrow as the rest."""
    injection.source("precision.apply:Plan.of", "self.layers.get(layer, self.default)", "self.default")


@fault("precision", "budget")
def budget_of_a_hundred(injection: Injection) -> None:
    """The budget of the error is a hundred times as large."""
    injection.source("precision.budget:search", "> budget or", "> 100 * budget or")


@fault("precision", "int8, calibrated")
def recordings_ignored(injection: Injection) -> None:
    """Ranges of activations are not taken from the recordings."""
    injection.source("passes:narrow_weights", "calibrate = bool(work.recordings)", "calibrate = False")


@fault("precision", "int8, calibrated")
def four_frames_of_a_recording(injection: Injection) -> None:
    """Ranges of activations are taken from four frames."""
    injection.source(
        "passes:narrow_weights",
        "work.recordings,\n        calibrate",
        "[{name: array[:4] for name, array in work.recordings[0].items()}],\n        calibrate",
    )


@fault("precision", "int8")
def scales_of_rows(injection: Injection) -> None:
    """What is widened at load has a scale for each row, and not for each channel."""
    injection.source("precision.products:_widened", "axis=1", "axis=0")


@fault("streaming", "pools with padding")
def average_padded_with_ones(injection: Injection) -> None:
    """Padding of an average is one."""
    injection.source("streaming._window:average_pool", "window(node, facts, 0.0)", "window(node, facts, 1.0)")


@fault("streaming", "pools with padding")
def maximum_padded_with_zeros(injection: Injection) -> None:
    """Padding of a maximum is zero."""
    injection.source("streaming._window:max_pool", "-np.inf", "0.0")


@fault("streaming", "frame numbers")
def frame_number_wraps(injection: Injection) -> None:
    """The number of a frame is 0 again after 16,384."""
    _counted(injection, '"Mod"', "16384")


@fault("streaming", "frame numbers")
def frame_number_stops(injection: Injection) -> None:
    """The number of a frame stops at a million."""
    _counted(injection, '"Min"', "1 << 20")


def _counted(injection: Injection, operator: str, by: str) -> None:
    old = 'insert(node, facts, "Add", state, frames)'
    new = f"insert(node, facts, {operator}, {old}, builder.ints({by}))"
    injection.source("streaming._cumulative:count_frames", f"after = {old}", f"after = {new}")


@fault("capture", "edges")
def at_or_above(injection: Injection) -> None:
    """Above an edge is at or above it."""
    injection.captured(lambda model: each(model, "Greater", lambda node: _become(node, "GreaterOrEqual")))


@fault("capture", "edges")
def above(injection: Injection) -> None:
    """At or above an edge is above it."""
    injection.captured(lambda model: each(model, "GreaterOrEqual", lambda node: _become(node, "Greater")))


@fault("capture", "edges")
def last_of_equal_maxima(injection: Injection) -> None:
    """Of equal maxima the last one is taken."""
    injection.captured(lambda model: each(model, "ArgMax", _last))


@fault("capture", "edges")
def last_of_equal_minima(injection: Injection) -> None:
    """Of equal minima the last one is taken."""
    injection.captured(lambda model: each(model, "ArgMin", _last))


@fault("capture", "edges")
def halves_up(injection: Injection) -> None:
    """Halves are rounded up, and not to even numbers."""

    def edit(node: ir.Node) -> None:
        node.replace_input_with(0, insert_before(node, "Add", node.inputs[0], np.float32(0.5).reshape(1)))
        node.op_type = "Floor"

    injection.captured(lambda model: each(model, "Round", edit))


@fault("capture", "edges")
def floor_of_a_level(injection: Injection) -> None:
    """The floor under the argument of a logarithm is a hundredth of it."""
    _number(injection, "Add", 1e-10, 1e-12)


@fault("capture", "edges")
def floor_of_an_inverse(injection: Injection) -> None:
    """The floor under a divisor is a tenth of it."""
    _number(injection, "Add", 1e-8, 1e-9)


def _become(node: ir.Node, kind: str) -> None:
    node.op_type = kind


def _last(node: ir.Node) -> None:
    node.attributes["select_last_index"] = ir.AttrInt64("select_last_index", 1)


def _number(injection: Injection, kind: str, old: float, new: float) -> None:
    """What `kind` adds."""

    def edit(model: ir.Model) -> int:
        found = 0
        for node in model.graph:
            array = constant(node.inputs[1]) if node.op_type == kind else None
            if (
                array is not None
                and array.size == 1
                and np.isclose(float(array.reshape(-1)[0]), old, rtol=1e-3, atol=0)
            ):
                value = ir.Value(name=f"{node.name}_floor", const_value=ir.tensor(np.full_like(array, new)))
                value.type, value.shape = node.inputs[1].type, node.inputs[1].shape
                model.graph.register_initializer(value)
                node.replace_input_with(1, value)
                found += 1
        return found

    injection.captured(edit)
