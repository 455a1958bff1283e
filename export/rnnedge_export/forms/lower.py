"""Write every recurrence of a model in one form, in place.

| form     | native RNN, GRU, LSTM     | Scan                    |
|----------|---------------------------|-------------------------|
| native   | unchanged                 | unchanged               |
| scan     | Scan, projection hoisted  | unchanged               |
| unrolled | straight line of T frames | body T times            |
| step     | one frame                 | body once               |

1. T is what the graph states as the length of the recurrence, and `chunk` where it states none (1 in the step form).
   A recurrence over another axis of fixed length is written that many times, in `step` too.
2. A recurrence inside a body (Scan, Loop, If) is written in the same form, before the body is copied. Where its length
   is not stated it stays as it is: the chunk is a length of the outer graph only.
3. `finals` names recurrences of the main graph whose state is asked for after another frame than the last one.
   `only` names those that are written at all; without it, every one is.
4. Afterwards nodes and weights that nobody reads are gone, and types and shapes are inferred again.
5. Nodes written are valid in opset 18 and every later one; the model keeps its opset.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from rnnedge_export.forms import _step as step
from rnnedge_export.forms import _unrolled as unrolled
from rnnedge_export.forms import scan
from rnnedge_export.forms.attributes import is_native, read
from rnnedge_export.forms.inline import inline, is_scan, read_scan
from rnnedge_export.forms.recurrence import rewrite
from rnnedge_export.graph.builder import GraphBuilder, subgraphs
from rnnedge_export.graph.shape_inference import infer_shapes
from rnnedge_runtime.contract import FORMS, OPEN_FORMS
from rnnedge_runtime.errors import ModelRefused

_OLDEST_OPSET = 18


def lower(
    model: ir.Model,
    form: str,
    *,
    chunk: int | None = None,
    only: Collection[ir.Node] | None = None,
    finals: Mapping[ir.Node, ir.Value] = MappingProxyType({}),
) -> None:
    """Write every recurrence of `model` in `form`, in place.

    `chunk`: frames per call, needed by `unrolled`. `finals[node]` (not in `scan`): an int64 scalar of the main graph,
    the index from 0 of the last valid frame of a call; final states are those after it, outputs are not affected.

    Raises `ModelRefused` for an unknown form, an opset before 18, a missing chunk, or what the form excludes.
    """
    if form not in FORMS:
        raise ModelRefused(f"form {form!r}: expected one of {', '.join(FORMS)}")
    opset = model.opset_imports.get("", 0)
    if opset < _OLDEST_OPSET:
        raise ModelRefused(f"opset {opset}: expected {_OLDEST_OPSET} or later; convert the model first")
    if form == "unrolled" and (chunk is None or chunk < 1):
        raise ModelRefused(f"form 'unrolled': chunk is {chunk}; expected the number of frames per call, at least 1")
    if finals and form in OPEN_FORMS:
        raise ModelRefused(f"form {form!r}: finals given; expected them with a fixed number of frames only")
    if form == "native":
        return
    _lower_graph(model.graph, GraphBuilder(model), form, 1 if form == "step" else chunk, only, finals)
    RemoveUnusedNodesPass()(model)
    infer_shapes(model)


def _lower_graph(
    graph: ir.Graph,
    builder: GraphBuilder,
    form: str,
    chunk: int | None,
    only: Collection[ir.Node] | None,
    finals: Mapping[ir.Node, ir.Value],
) -> None:
    for node in list(graph):
        for inner in subgraphs(node):
            _lower_graph(inner, builder, form, None, None, {})
        if only is not None and node not in only:
            continue
        builder.place = node.name or node.op_type
        if is_native(node):
            if form == "scan":
                rewrite(node, builder, scan.run)
                continue
            length = read(node).length or chunk
            if length is None:
                continue
            if form == "step" and length == 1:
                rewrite(node, builder, step.run)
            else:
                rewrite(node, builder, unrolled.runner(length, finals.get(node)))
        elif is_scan(node) and form != "scan":
            length = read_scan(node).length or chunk
            if length is not None:
                inline(node, builder, length, finals.get(node))
