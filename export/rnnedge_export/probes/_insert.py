"""Offline graph -> the same graph with inner values of its recurrences as further outputs, (time, batch, unit) each.

1. A native recurrence that shows what is asked for stays; its per-frame output becomes a tap. One that hides it is
   written as Scan, with the equations of `forms/cells.py`, whose gates are stacked next to its output.
2. A Scan of the source has a tap for every state that has a batch axis. Its body is the user's, and has no gates that
   are known.
3. Final states are read from the stacked ones, which any form can stream.
4. A recurrence over another axis than time, backwards, or over sequences that are no longer apart, has no tap.
5. Taps are called `tap.LAYER.VALUE`, the layer as the states and precisions of the file call it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass, ShapeInferencePass, TopologicalSortPass

from rnnedge_export.capture import Captured
from rnnedge_export.forms import scan
from rnnedge_export.forms.attributes import is_native, read
from rnnedge_export.forms.cells import Memory
from rnnedge_export.forms.inline import is_scan, read_scan
from rnnedge_export.forms.recurrence import Result, Task, rewrite
from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.probes._selection import needs_scan, values_of
from rnnedge_export.streaming.recurrent import STATE_NAMES, layer_name
from rnnedge_runtime.contract import Tap
from rnnedge_runtime.errors import ModelRefused


@dataclass(frozen=True)
class Tapped:
    """A captured graph with taps after its outputs; `rewritten`: some recurrence was written as Scan for them."""

    captured: Captured
    taps: tuple[Tap, ...]
    rewritten: bool


def insert_taps(captured: Captured, asked: Sequence[str], form: str | None = None) -> Tapped:
    """Add the outputs that `asked` ("gates", "state") names to a copy of the graph.

    Raises `ModelRefused` where the network has no such value, or where `form` is "native" and would hide one.
    """
    model, places = captured.model.clone(), dict(captured.places)
    inserting = Inserting(model, places, tuple(asked), form)
    for node in list(model.graph):
        if is_native(node) and over_time(node):
            inserting.native(node)
        elif is_scan(node) and "state" in asked:
            inserting.scan(node)
    if not inserting.taps:
        raise ModelRefused(f"taps: the network has no {' and no '.join(asked)} to show{_remedy(model, asked)}")
    RemoveUnusedNodesPass()(model)
    TopologicalSortPass()(model)
    return Tapped(replace(captured, model=model, places=places), tuple(inserting.taps), inserting.rewritten)


def over_time(node: ir.Node) -> bool:
    """Whether a native recurrence runs forwards over a length that is open, on sequences that are apart."""
    spec = read(node)
    dims = spec.x.shape
    apart = dims is not None and str(dims[1 - spec.time_axis]) == "batch"
    return spec.length is None and apart and not any(d.reverse for d in spec.directions) and spec.sequence_lens is None


def tapped_states(node: ir.Node) -> list[int]:
    """The states of a Scan of which there are taps: float32, sequences in front."""
    shapes = [value.shape for value in read_scan(node).states]
    return [
        index
        for index, (value, shape) in enumerate(zip(read_scan(node).states, shapes, strict=True))
        if value.dtype == ir.DataType.FLOAT and shape is not None and len(shape) > 1 and str(shape[0]) == "batch"
    ]


def scan_values(node: ir.Node) -> dict[int, str]:
    """What the tapped states of a Scan are called: "hidden" if there is one, else "state0", "state1"."""
    found = tapped_states(node)
    return {index: "hidden" if len(found) == 1 else f"state{index}" for index in found}


def unique(name: str, taken: Sequence[str]) -> str:
    """A second use of one module is called `name#1`, as its states are."""
    count = sum(other == name or other.startswith(f"{name}#") for other in dict.fromkeys(taken))
    return f"{name}#{count}" if count else name


class Inserting:
    """One run over one graph."""

    def __init__(self, model: ir.Model, places: dict[str, str], asked: tuple[str, ...], form: str | None) -> None:
        self.model, self.places, self.asked, self.form = model, places, asked, form
        self.builder = GraphBuilder(model)
        self.taps: list[Tap] = []
        self.rewritten = False

    def native(self, node: ir.Node) -> None:
        """Case 1."""
        kind = node.op_type
        wanted = values_of(kind, self.asked)
        if not wanted:
            return
        layer = layer_name(node, self.places)
        if not needs_scan(kind, self.asked):
            spec = read(node)
            self.builder.place = layer
            y = self._squeezed(node.outputs[0], spec.layout + 1, [spec.time_axis, 1 - spec.time_axis, spec.layout + 2])
            self._add(layer, kind, {"hidden": y}, wanted)
            return
        if self.form == "native":
            hidden = ", ".join(value.replace("_", " ") for value in wanted if value != "hidden")
            raise ModelRefused(
                f"{layer} ({kind}): taps: the native operator hides the {hidden}; expected form scan, unrolled or "
                "step, or none, which chooses one"
            )
        self._as_scan(node, layer, wanted)

    def _as_scan(self, node: ir.Node, layer: str, wanted: Mapping[str, str]) -> None:
        kind, spec = node.op_type, read(node)
        # Weights are named by the place, and precisions find their layer by that.
        node.name = self.builder.place = layer
        names = tuple(name for name in wanted if name != "hidden")
        made: dict[str, ir.Value] = {}
        before = set(self.model.graph)

        def run(builder: GraphBuilder, task: Task) -> Result:
            extra = () if "cell" in names or kind != "LSTM" else ("cell",)
            result = scan.run(builder, replace(task, reads_y=True, taps=(*names, *extra)))
            assert result.y is not None
            made.update(zip((*names, *extra), result.taps, strict=True))
            made["hidden"] = builder.op("Squeeze", result.y, builder.ints(spec.layout + 1))
            if spec.layout:
                made["hidden"] = builder.op("Transpose", made["hidden"], perm=[1, 0, 2])
            last = [self._last(made[name]) for name in ("hidden", "cell")[: len(result.memory.values)]]
            return Result(result.y, Memory(*last))

        rewrite(node, self.builder, run)
        self.rewritten = True
        assert spec.x.shape is not None
        _state_shapes(
            [n for n in self.model.graph if n not in before], spec.x.shape[spec.time_axis], spec.hidden_size, spec.dtype
        )
        ShapeInferencePass()(self.model)
        (loop,) = (n for n in self.model.graph if n not in before and n.op_type == "Scan")
        loop.name = self.builder.fresh(f"{layer}/Scan")
        loop.metadata_props[STATE_NAMES] = "h c" if kind == "LSTM" else "h"
        self.places[loop.name] = layer
        self._add(layer, kind, made, wanted)

    def _last(self, rows: ir.Value) -> ir.Value:
        """The row of the last frame."""
        return self.builder.op("Gather", rows, self.builder.const(np.array(-1, np.int64)), axis=0)

    def scan(self, node: ir.Node) -> None:
        """Case 2."""
        values = scan_values(node)
        described = read_scan(node)
        if not values or any(track.backwards for track in (*described.inputs, *described.outputs)):
            return
        body, layer = described.body, self.places.get(node.name or "", "") or "scan"
        count, inner = len(described.outputs), self.builder.branch()
        made: dict[str, ir.Value] = {}
        scanned = described.inputs[0]
        assert scanned.value.shape is not None
        time = scanned.value.shape[scanned.axis]
        node.resize_outputs(len(node.outputs) + len(values))
        for place, (index, name) in enumerate(values.items(), len(node.outputs) - len(values)):
            state = described.states[index]
            copy = inner.op("Identity", body.outputs[index], hint=name)
            copy.type, copy.shape = ir.TensorType(ir.DataType.FLOAT), state.shape
            body.extend(inner.take())
            body.outputs.append(copy)
            rows = node.outputs[place]
            assert state.shape is not None
            rows.name, rows.type = self.builder.fresh(f"tapped/{layer}.{name}"), ir.TensorType(ir.DataType.FLOAT)
            rows.shape = ir.Shape([time, *state.shape])
            made[name] = rows
        for attribute in ("scan_output_axes", "scan_output_directions"):
            given = list(node.attributes.get_ints(attribute) or [0] * count)
            node.attributes[attribute] = ir.AttrInt64s(attribute, [*given, *[0] * len(values)])
        self._add(layer, "Scan", made, dict.fromkeys(made, "state"))

    def _squeezed(self, y: ir.Value, axis: int, order: list[int]) -> ir.Value:
        """Y of a native recurrence as (time, batch, unit)."""
        assert y.shape is not None
        dims = [d for i, d in enumerate(y.shape) if i != axis]
        value = self.builder.op("Squeeze", y, self.builder.ints(axis))
        value.type, value.shape = y.type, ir.Shape(dims)
        if order[0]:
            value = self.builder.op("Transpose", value, perm=[1, 0, 2])
            value.type, value.shape = y.type, ir.Shape([dims[1], dims[0], dims[2]])
        return value

    def _add(self, layer: str, cell: str, made: Mapping[str, ir.Value], wanted: Mapping[str, str]) -> None:
        """Each as an output by its name, through an Identity, because it may be read, or be an output, already."""
        layer = unique(layer, [tap.layer for tap in self.taps])
        for name, kind in wanted.items():
            source = made[name]
            value = self.builder.op("Identity", source)
            value.name, value.type, value.shape = f"tap.{layer}.{name}", source.type, source.shape
            self.taps.append(Tap(value.name, layer, cell, kind, name))
            self.model.graph.extend(self.builder.take())
            self.model.graph.outputs.append(value)


def _state_shapes(nodes: Sequence[ir.Node], time: int | ir.SymbolicDim, hidden: int, dtype: ir.DataType) -> None:
    """What inference cannot know of the nodes that stand for a recurrence: the batch within a Scan."""
    for node in nodes:
        if node.op_type == "Scan":
            states = len(node.inputs) - node.attributes.get_int("num_scan_inputs", 0)
            axes = list(node.attributes.get_ints("scan_output_axes") or [])
            for index, value in enumerate(node.outputs):
                batch, along = ir.SymbolicDim("batch"), index >= states
                dims: list[int | ir.SymbolicDim] = [batch, hidden]
                if along:
                    dims.insert(axes[index - states], time)
                value.type, value.shape = ir.TensorType(dtype), ir.Shape(dims)
        elif node.op_type == "ConstantOfShape":
            node.outputs[0].type, node.outputs[0].shape = ir.TensorType(dtype), ir.Shape(["batch", hidden])


def _remedy(model: ir.Model, asked: Sequence[str]) -> str:
    if "state" not in asked and any(is_scan(node) or node.op_type == "RNN" for node in model.graph):
        return "; ask for taps=('state',): an Elman cell has no gates, and those of a hand-written cell are not known"
    return "; taps are values of forward recurrences over time"
