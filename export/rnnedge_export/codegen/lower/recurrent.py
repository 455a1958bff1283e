"""RNN, GRU and LSTM nodes: over the frames of a step, or along another axis within a frame, such as frequency bands.

Source: ONNX operator specification, RNN, GRU and LSTM, with its letters. The projection X W of all frames is one
product; then every frame is a product with R and one loop over the units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rnnedge_export.codegen._ir.gemm import Gemm, PackedMatrix, Place, Taps, flat
from rnnedge_export.codegen._ir.recurrence import GATES, Recurrence
from rnnedge_export.codegen._ir.tensors import FLOAT, Array, Buffer, Memory, View, affine, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._gemm import gemm, of_frames, packed
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable

_ACTIVATIONS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}


@dataclass(frozen=True, eq=False)
class Layer:
    """One node: sizes, and where its sequence, its results and its last cell states stand."""

    scope: SymbolTable
    kind: str
    frames: int
    batch: int
    hidden: int
    directions: int
    sequence: Taps
    frame_step: int
    result: View
    hiddens: View
    cells: View | None
    function: str
    clip: float
    peepholes: Array | None
    reset_first: bool

    @property
    def width(self) -> int:
        """Columns of the gates."""
        return GATES[self.kind] * self.hidden


@rule("RNN", "GRU", "LSTM")
def recurrent(scope: SymbolTable, node: Node) -> Result:
    """All directions, initial states, peepholes, clip and either reset; the default activations or ReLU, no lengths."""
    direction = node.attribute("direction", "forward")
    weights, recurrences = scope.array(node, 1, "W"), scope.array(node, 2, "R")
    directions, hidden = len(weights), int(node.attribute("hidden_size", recurrences.shape[-1]))
    function = _checked(node, directions)
    value = scope.input(node, 0)
    frames, batch, features = value.shape
    view = scope.program.materialized(value)
    found = affine(view.index)
    assert found is not None
    offset, (frame_step, row, step) = found
    bias = scope.array(node, 3, "B") if node.has(3) else np.zeros((directions, 2 * GATES[node.op] * hidden), np.float32)
    layer = Layer(
        scope,
        node.op,
        frames,
        batch,
        hidden,
        directions,
        flat(view.buffer, offset, row, step, features),
        frame_step,
        scope.program.new((frames, directions, batch, hidden)),
        _state(scope, node, 5, (directions, batch, hidden)),
        _state(scope, node, 6, (directions, batch, hidden), own=True) if node.op == "LSTM" else None,
        function,
        float(node.attribute("clip", float("inf"))),
        _peepholes(scope, node, (directions, 3 * hidden)),
        node.op == "GRU" and not node.attribute("linear_before_reset", 0),
    )
    for d in range(directions):
        backward = direction == "reverse" or d == 1
        _one_direction(layer, d, backward, weights[d], recurrences[d], bias[d])
    ends = [0 if direction == "reverse" or d == 1 else frames - 1 for d in range(directions)]
    last = np.stack([layer.result.index[end, d] for d, end in enumerate(ends)])
    results = [plain(layer.result), plain(View(layer.result.buffer, last))]
    return results if layer.cells is None else [*results, plain(layer.cells)]


def _checked(node: Node, directions: int) -> str:
    """Refuse what the loops do not do; returns the function of an RNN."""
    node.only("layout", 0)
    node.only("input_forget", 0)
    usual = _ACTIVATIONS[node.op] * directions
    given = [one.decode() if isinstance(one, bytes) else one for one in node.attribute("activations", usual)]
    plain_relu = node.op == "RNN" and given == ["Relu"] * directions
    if given != usual and not plain_relu:
        node.refuse(f"activations {given}: expected {usual}")
    if node.op == "GRU":
        node.only("linear_before_reset", 0, 1)
    if node.has(4):
        node.refuse("sequence_lens: expected none")
    return "rectified" if plain_relu else "tangent"


def _peepholes(scope: SymbolTable, node: Node, shape: tuple[int, ...]) -> Array | None:
    """Weights of the cells in the gates i, o and f."""
    if not node.has(7):
        return None
    found = scope.array(node, 7, "P")
    if found.shape != shape:
        node.refuse(f"P of shape {found.shape}: expected {shape}")
    return found


def _state(scope: SymbolTable, node: Node, k: int, shape: tuple[int, ...], *, own: bool = False) -> View:
    """An initial state, packed; zeros if there is none. `own`: in a buffer that may be written."""
    value = scope.input(node, k) if node.has(k) else scope.program.constant(np.zeros(shape, np.float32))
    if value.shape != shape:
        node.refuse(f"initial state of shape {value.shape}: expected {shape}")
    return scope.program.materialized(value, packed=True, fresh=own)


def _projection(layer: Layer, into: PackedMatrix, projected: Buffer) -> Gemm:
    """One product of the rows of all frames where they stand evenly apart, which reads weights once for many rows."""
    taps, batch = layer.sequence, layer.batch
    if batch == 1 or layer.frame_step == batch * taps.row:
        rows = replace(taps, row=layer.frame_step if batch == 1 else taps.row)
        return gemm(into, layer.frames * batch, (rows,), None, Place(projected, 0, layer.width))
    rows = replace(taps, loops=(("t", layer.frames, layer.frame_step),))
    place = Place(projected, 0, layer.width, (("t", layer.frames, batch * layer.width),))
    return gemm(into, batch, (rows,), None, place)


def _one_direction(layer: Layer, d: int, backward: bool, w: Array, r: Array, bias: Array) -> None:
    program, hidden, width, batch = layer.scope.program, layer.hidden, layer.width, layer.batch
    of_input, of_state = bias[:width].copy(), bias[width:].copy()
    apart = 2 * hidden if layer.kind == "GRU" and not layer.reset_first else width
    of_input[:apart] += of_state[:apart]
    of_state[:apart] = 0
    projected, gates = program.buffer(layer.frames * batch * width), program.buffer(batch * width)
    into = packed(program, w.T, of_input, split=w.shape[1])
    own = 2 * hidden if layer.reset_first else width
    along = of_frames(packed(program, r[:own].T, of_state[:own], split=hidden), layer.frames)
    project = _projection(layer, into, projected)
    # Where a frame's states and projections stand.
    taps = flat(Buffer(Memory.LOCAL, "h", batch * hidden, FLOAT), 0, hidden, 1, hidden)
    start = None if layer.kind == "GRU" else Place(Buffer(Memory.LOCAL, "x", batch * width, FLOAT), 0, width)
    advance = gemm(along, batch, (taps,), start, Place(gates, 0, width))
    cells = None
    if layer.cells is not None:
        cells = layer.cells.buffer, int(layer.cells.index[d, 0, 0])
    candidate = reset = weights = None
    if layer.reset_first:
        reset = program.buffer(batch * hidden)
        matrix = of_frames(packed(program, r[own:].T, np.zeros(hidden, np.float32), split=hidden), layer.frames)
        candidate = gemm(matrix, batch, (flat(reset, 0, hidden, 1, hidden),), None, Place(gates, own, width))
    if layer.kind == "LSTM" and (layer.peepholes is not None or np.isfinite(layer.clip)):
        given = np.zeros(3 * hidden, np.float32) if layer.peepholes is None else layer.peepholes[d]
        weights = program.weights.floats(given)
    sizes = (layer.frames, batch, hidden, layer.directions, d)
    states = (layer.hiddens.buffer, int(layer.hiddens.index[d, 0, 0])), cells
    program.emit(
        Recurrence(
            layer.kind,
            layer.function,
            backward,
            *sizes,
            project,
            projected,
            advance,
            gates,
            *states,
            layer.result.buffer,
            layer.clip,
            weights,
            candidate,
            reset,
        )
    )
