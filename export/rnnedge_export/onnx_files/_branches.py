"""An If whose condition is the same for every batch, length and value that was tried has one branch only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import onnx_ir as ir

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
