"""An If without a choice, and one with a choice.

1. If the condition is the same for every batch, length and value that was tried, one branch is left.
2. Else both are computed, and Where chooses, if they give tensors. A file that does something else then is refused by
   its proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, replace
from rnnedge_export.onnx_files._leading import run_leading
from rnnedge_export.streaming.facts import constant
from rnnedge_runtime.errors import ModelRefused


def settle_branches(model: ir.Model, feeds: Iterable[Mapping[str, Any]], name: str) -> None:
    """Put the branch that is taken in the place of every If of the main graph, in place; those inside it too.

    Raises `ModelRefused` for a condition that changes; `name`: of the file.
    """
    given = list(feeds)
    while True:
        node = next((node for node in model.graph if node.op_type == "If" and not node.domain), None)
        if node is None:
            return
        _inline(node, _taken(model, node, given, name))


def choose_branches(model: ir.Model) -> None:
    """Case 2, for every If of the main graph of a file that is called step by step, in place."""
    while True:
        node = next((node for node in model.graph if node.op_type == "If" and not node.domain), None)
        if node is None:
            return
        builder, graph = GraphBuilder(model), node.graph
        assert isinstance(graph, ir.Graph) and node.inputs[0] is not None
        results = [_moved(node, node.attributes[name].as_graph(), builder) for name in ("then_branch", "else_branch")]
        chosen = [builder.op("Where", node.inputs[0], one, other) for one, other in zip(*results, strict=True)]
        replace(node, builder, chosen)


def _moved(node: ir.Node, branch: ir.Graph, builder: GraphBuilder) -> list[ir.Value]:
    """The nodes of a branch in front of the If, under names of their own, and what they give."""
    graph = node.graph
    assert isinstance(graph, ir.Graph)
    results = list(branch.outputs)
    for value in list(branch.initializers.values()):
        del branch.initializers[str(value.name)]
        value.name = builder.fresh(str(value.name))
        graph.register_initializer(value)
    inner = list(branch)
    branch.outputs.clear()
    branch.remove(inner)
    for each in inner:
        for value in each.outputs:
            value.name = builder.fresh(str(value.name))
    graph.insert_before(node, inner)
    return results


def _taken(model: ir.Model, node: ir.Node, given: list[Mapping[str, Any]], name: str) -> ir.Graph:
    condition = node.inputs[0]
    assert condition is not None
    array = constant(condition)
    runs = None if array is not None else run_leading(model, condition, [condition], given)
    values = {bool(array)} if array is not None else {bool(np.all(run[1])) for run in runs or ()}
    if len(values) != 1:
        reason = "its condition depends on the frames" if values else "its condition cannot be computed by itself"
        raise ModelRefused(
            f"{name}: {node.name or node.outputs[0].name} (If): cannot stream: {reason}; compute both branches and "
            "choose with Where"
        )
    return node.attributes["then_branch" if values == {True} else "else_branch"].as_graph()


def _inline(node: ir.Node, branch: ir.Graph) -> None:
    graph = node.graph
    assert isinstance(graph, ir.Graph)
    results = list(branch.outputs)
    for value in list(branch.initializers.values()):
        del branch.initializers[str(value.name)]
        graph.register_initializer(value)
    inner = list(branch)
    branch.outputs.clear()
    branch.remove(inner)
    graph.insert_before(node, inner)
    for old, new in zip(node.outputs, results, strict=True):
        copy = ir.Node("", "Identity", [new])
        copy.outputs[0].name, copy.outputs[0].type = old.name, old.type
        old.name = f"{old.name}_of_if"
        graph.insert_before(node, copy)
        ir.convenience.replace_all_uses_with(old, copy.outputs[0], replace_graph_outputs=True)
    graph.remove(node, safe=True)
