"""Faults of the forms: how the recurrent loop is written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import onnx_ir as ir
from graph_edits import each
from injection import Injection, fault

from rnnedge_export import passes
from rnnedge_export.forms import _step, _unrolled, _weights, cells, recurrence, scan
from rnnedge_export.forms.cells import Memory


@fault("form", "tagger, step")
def update_gate_inverted(injection: Injection) -> None:
    """h = h + z (n - h) in place of n + z (h - n)."""

    def inverted(original: Any, builder: Any, spec: Any, direction: Any, weights: Any, x: Any, h: Any) -> Any:
        after = original(builder, spec, direction, weights, x, h)
        n, z = after.gates["candidate"], after.gates["update_gate"]
        mixed = builder.op("Add", h, builder.op("Mul", z, builder.op("Sub", n, h)))
        return Memory(mixed, gates=after.gates)

    injection.around(cells, "_gru", inverted)


@fault("form", "lstm, step")
def input_and_forget_gate_swapped(injection: Injection) -> None:
    """c = i c + f g in place of f c + i g."""
    injection.around(cells, "_remember", lambda original, builder, f, c, i, g: original(builder, i, c, f, g))


@fault("form", "lstm, step")
def output_of_the_cell_before(injection: Injection) -> None:
    """The output gate opens over the cell state before the frame."""

    def before(original: Any, builder: Any, spec: Any, direction: Any, weights: Any, x: Any, memory: Any) -> Any:
        after = original(builder, spec, direction, weights, x, memory)
        if after.c is None:
            return after
        tanh = builder.op("Tanh", memory.c)
        return replace(after, h=builder.op("Mul", after.gates["output_gate"], tanh))

    injection.around(recurrence, "advance", before)


@fault("form", "tagger, scan")
def recurrent_bias_of_the_candidate_lost(injection: Injection) -> None:
    """The bias inside the product with the reset gate is left out."""

    def lost(weights: Any) -> Any:
        return replace(weights, groups=tuple(replace(group, r_b=None) for group in weights.groups))

    injection.result(recurrence, "prepare", lost)


@fault("form", "tagger, unrolled")
def chunk_in_reverse(injection: Injection) -> None:
    """The frames of a chunk are written out in reverse."""
    injection.around(
        _unrolled, "_stack_y", lambda original, builder, task, ys: original(builder, task, list(reversed(ys)))
    )


@fault("form", "tagger, unrolled")
def state_of_the_frame_before_the_last(injection: Injection) -> None:
    """The state that goes into the next chunk is that of the last frame but one."""
    kept: list[Any] = []

    def older(original: Any, self: Any, builder: Any, t: Any, x: Any, memory: Any) -> Any:
        y, after = original(self, builder, t, x, memory)
        kept.append(memory)
        return y, after

    injection.around(recurrence.Task, "frame", older)
    injection.around(
        _unrolled,
        "_run",
        lambda original, *arguments: replace(original(*arguments), memory=kept[-1]),
    )


@fault("form", "summary, unrolled")
def last_state_of_a_padded_chunk(injection: Injection) -> None:
    """The last frame of a sequence is taken for that of the chunk."""
    injection.result(passes, "streamify", lambda streaming: replace(streaming, finals={}))


@fault("form", "tagger, scan")
def scan_without_the_input_bias(injection: Injection) -> None:
    """The projection in front of the Scan has no bias."""

    def bare(original: Any, builder: Any, weights: Any, x: Any) -> Any:
        return original(builder, replace(weights, groups=tuple(replace(g, b=None) for g in weights.groups)), x)

    injection.around(scan, "project_sequence", bare)


@fault("form", "tagger, step")
def product_transposed(injection: Injection) -> None:
    """A square matrix is not transposed for row vectors."""

    def edit(node: ir.Node) -> None:
        weight = node.inputs[1]
        square = weight is not None and weight.shape is not None and len(set(weight.shape)) == 1
        if square:
            node.attributes["transB"] = ir.AttrInt64("transB", 1)

    injection.graph(passes, "write_form", lambda model: each(model, "Gemm", edit))


@fault("form", "lstm, step")
def tanh_of_the_candidate_as_sigmoid(injection: Injection) -> None:
    """The candidate of an LSTM goes through the activation of its gates."""

    def gates_only(original: Any, builder: Any, spec: Any, direction: Any) -> Any:
        f, _, h = original(builder, spec, direction)
        return [f, f, h]

    injection.around(cells, "_functions", gates_only)


@fault("form", "convolutions, step")
def dilation_lost_in_a_product(injection: Injection) -> None:
    """The taps of a dilated convolution that became a product are its last ones."""

    def edit(node: ir.Node) -> None:
        attribute = node.attributes.get("dilations")
        if attribute is not None:
            node.attributes["dilations"] = ir.AttrInt64s("dilations", [1] * len(attribute.as_ints()))

    injection.graph(passes, "streamify", lambda model: each(model, "Conv", edit))


__all__ = ["_step", "_weights"]
