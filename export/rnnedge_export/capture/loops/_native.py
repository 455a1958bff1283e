"""Cells of torch.nn, and layers called frame by frame, as one native recurrence over the sequence."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Graph, Node

from rnnedge_export.capture.loops._unrolled import aten, shape_of
from rnnedge_export.graph.gate_order import GATES

_MODES: dict[Any, str] = {
    aten.lstm_cell.default: "LSTM",
    aten.gru_cell.default: "GRU",
    aten.rnn_tanh_cell.default: "RNN_TANH",
    aten.rnn_relu_cell.default: "RNN_RELU",
}


def _states(node: Node) -> list[Any]:
    given = node.args[1]
    return list(given) if isinstance(given, (list, tuple)) else [given]


CELLS: dict[Any, Callable[[Node], list[Any]]] = dict.fromkeys(_MODES, _states)
"""Operators of cells, and what gives their states among their arguments."""


@dataclass(frozen=True)
class Recurrence:
    """`sequence` (time, ...) of what the cell gives first; `finals`: its outputs after the last frame, in order."""

    sequence: Node
    finals: tuple[Node, ...]


def native_cell(graph: Graph, cell: Node, x: Node, initial: Sequence[Node]) -> Recurrence:
    """`cell` over x (time, batch, features) from `initial`, (batch, hidden) each."""
    call, mode = graph.call_function, _MODES[cell.target]
    weights: list[Any] = [*cell.args[2:4], *(cell.args[4:6] or (None, None))]
    w, r, b_w, b_r = (_in_order(graph, each, mode) for each in weights)
    if b_w is None or b_r is None:
        zeros = call(aten.full.default, ([shape_of(weights[0])[0]], 0.0))
        b_w, b_r = b_w or zeros, b_r or zeros
    b = call(aten.cat.default, ([b_w, b_r], 0))
    states = [call(aten.unsqueeze.default, (state, 0)) for state in initial]
    layer = (call(aten.unsqueeze.default, (each, 0)) for each in (w, r, b))
    y, *finals = _outputs(graph, (x, states[0], states[-1], *layer, mode))
    return Recurrence(y, tuple(call(aten.squeeze.dim, (each, 0)) for each in finals))


def native_layer(graph: Graph, layer: Node, x: Node, initial: Sequence[Node]) -> Recurrence:
    """A layer that is called with one frame (1, batch, features) each time, over x (time, 1, batch, features)."""
    call = graph.call_function
    frames = call(aten.squeeze.dim, (x, 1))
    y, *finals = _outputs(graph, (frames, initial[0], initial[-1], *layer.args[3:]))
    # As the layer gives them: y, h and c.
    return Recurrence(call(aten.unsqueeze.default, (y, 1)), (y, *finals))


def _outputs(graph: Graph, args: tuple[Any, ...]) -> list[Node]:
    outputs = graph.call_function(torch.ops.rnnedge.recurrence.default, args)
    return [graph.call_function(operator.getitem, (outputs, index)) for index in range(3)]


def _in_order(graph: Graph, weight: Node | None, mode: str) -> Node | None:
    """The gates of a weight in ONNX's order."""
    order = GATES[mode]
    if weight is None or len(order) == 1:
        return weight
    size = shape_of(weight)[0] // len(order)
    gates = [graph.call_function(aten.slice.Tensor, (weight, 0, i * size, (i + 1) * size)) for i in order]
    return graph.call_function(aten.cat.default, (gates, 0))
