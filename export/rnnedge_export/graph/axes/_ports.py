"""The axis pass at the ports of a graph: unit axes that leave its signature, and time that goes in front.

ONNX recurrences run over axis 0. A module written batch-first transposes on the way into every recurrence and out of
it, and for a frame of a small network each transpose costs as much as a layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from rnnedge_export.graph._gemm_fusion import fuse_gemm
from rnnedge_export.graph.axes._fact import Order, arrange, with_units, without
from rnnedge_export.graph.axes._propagation import Propagation
from rnnedge_export.graph.shape_inference import infer_shapes
from rnnedge_runtime.errors import ModelRefused

_MOVES = ("Transpose", "Squeeze", "Unsqueeze")


def remove_unit_axes(model: ir.Model, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> None:
    """Remove one size-1 axis from each named graph input and output, in place; names stay.

    `inputs` and `outputs` map a name to the axis that it loses, counted from 0 on its present shape. With two empty
    maps the signature stays and only pairs of Unsqueeze and Squeeze inside the graph cancel. At last a MatMul of two
    axes followed by the addition of a constant becomes one Gemm.

    Raises `ModelRefused` for a name that the graph lacks, or an axis that is not stated to be of size 1.
    """
    infer_shapes(model)
    graph = model.graph
    for ports, chosen, side in ((graph.inputs, inputs, "input"), (graph.outputs, outputs, "output")):
        _check(list(ports), chosen, side)
    pass_ = Propagation(model, lazy=False)
    for index, value in enumerate(graph.inputs):
        if (axis := inputs.get(value.name or "")) is not None and value.shape is not None:
            pass_.replace_input(index, with_units(len(value.shape), [axis]))
    pass_.run()
    for index, value in enumerate(graph.outputs):
        _replace_output(pass_, index, outputs.get(value.name or ""))
    pass_.finish()
    fuse_gemm(model)
    RemoveUnusedNodesPass()(model)
    infer_shapes(model)


def _replace_output(pass_: Propagation, index: int, axis: int | None) -> None:
    """The output without its axis: the base where the fact says so, and through a Squeeze otherwise."""
    fact, shape = pass_.view(index), pass_.graph.outputs[index].shape
    if axis is None:
        new = pass_.full(fact)
    elif fact.order is not None and axis in fact.units:
        new = arrange(pass_.builder, fact.base, without(fact.order, [axis]))
    else:
        new = pass_.builder.op("Squeeze", pass_.full(fact), pass_.builder.ints(axis))
    left = None if shape is None else ir.Shape(dim for k, dim in enumerate(shape) if k != axis)
    pass_.replace_output(index, new, left)


def _check(ports: list[ir.Value], chosen: Mapping[str, int], side: str) -> None:
    shapes = {value.name: value.shape for value in ports}
    for name, axis in chosen.items():
        if name not in shapes:
            raise ModelRefused(f"graph {side} {name!r}: expected one of {', '.join(map(str, shapes))}")
        shape = shapes[name]
        if shape is None or not 0 <= axis < len(shape) or shape[axis] != 1:
            raise ModelRefused(f"graph {side} {name!r} of shape {shape}: expected size 1 on axis {axis}")


def move_time_axis(model: ir.Model, axes: Mapping[str, tuple[int, int]]) -> tuple[ir.Model, frozenset[str]]:
    """Swap batch and time of the ports of `model`; `axes` gives (batch, time) of each that may be swapped.

    Every such input is swapped, and every such output that comes out so. Returns the model to go on with and the names
    of the swapped ports: a changed clone where that has fewer nodes that only move axes, else `model` itself.
    """
    changed = model.clone()
    graph = changed.graph
    pass_ = Propagation(changed, lazy=True)
    swapped: set[str] = set()
    for index, value in enumerate(graph.inputs):
        name = value.name or ""
        if name in axes and value.shape is not None:
            swapped.add(name)
            pass_.replace_input(index, _swap(len(value.shape), *axes[name]))
    pass_.run()
    for index, value in enumerate(graph.outputs):
        name, shape = value.name or "", value.shape
        order = _swap(len(shape), *axes[name]) if name in axes and shape is not None else None
        fact = pass_.view(index, order)
        if order is not None and shape is not None and fact.plain:
            swapped.add(name)
            shape = ir.Shape(shape[source] for source in order if source is not None)
        else:
            fact = pass_.view(index)
        pass_.replace_output(index, pass_.full(fact), shape)
    pass_.finish()
    RemoveUnusedNodesPass()(changed)
    return (changed, frozenset(swapped)) if _moving(changed) < _moving(model) else (model, frozenset())


def _moving(model: ir.Model) -> int:
    return sum(node.op_type in _MOVES for node in model.graph)


def _swap(rank: int, batch: int, time: int) -> Order:
    order = list(range(rank))
    order[batch], order[time] = order[time], order[batch]
    return tuple(order)
