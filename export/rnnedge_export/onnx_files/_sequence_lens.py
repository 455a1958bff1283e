"""Lengths of sequences that a recurrence reads, and that are always the whole length: they say nothing.

Frameworks write them for padded batches. A stream has no padding, so a recurrence does without lengths that equal the
length of its input for every sequence that was tried; others stay, and are refused with their reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx_ir as ir

from rnnedge_export.onnx_files._leading import run_leading
from rnnedge_export.streaming.facts import constant
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused

Feeds = Callable[[int], Mapping[str, Any]]
"""Frames of a sequence -> inputs by name, for as many sequences as the file takes."""
_LENGTHS = (16, 23)


def drop_full_lengths(model: ir.Model, feeds: Feeds, declared: int | None, name: str) -> None:
    """Take full lengths away from every recurrence of the main graph, in place.

    `declared`: the length that the file was written for, which constant lengths repeat. `name`: of the file.
    Raises `ModelRefused` for constant lengths that are none.
    """
    for node in model.graph:
        if node.op_type in ("RNN", "GRU", "LSTM") and len(node.inputs) > 4 and node.inputs[4] is not None:
            lengths = constant(node.inputs[4])
            if lengths is not None and not (lengths == declared).all():
                raise ModelRefused(
                    f"{name}: {node.name or node.outputs[0].name} ({node.op_type}): it reads the sequence lengths "
                    f"{lengths.tolist()}, and a stream has no padding; take the input sequence_lens out of it"
                )
            if lengths is not None or _always_full(model, node, feeds):
                node.replace_input_with(4, None)


def _always_full(model: ir.Model, node: ir.Node, feeds: Feeds) -> bool:
    """Found by running what leads to the recurrence."""
    x, lengths = node.inputs[0], node.inputs[4]
    assert x is not None and lengths is not None
    axis = 1 if node.attributes.get_int("layout", 0) else 0
    runs = run_leading(model, x, [lengths], map(feeds, _LENGTHS))
    return runs is not None and all(_full(shape, found, axis) for shape, found in runs)


def _full(shape: Array, lengths: Array, axis: int) -> bool:
    return bool((lengths == shape[axis]).all())
