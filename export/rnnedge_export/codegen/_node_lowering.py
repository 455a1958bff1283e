"""The nodes of a graph into a program, one after the other, each by the rule of its operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rnnedge_export.codegen._ir.tensors import FLOAT, Tensor, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen._type_variables import type_variables
from rnnedge_export.codegen.lower._registry import Result, rule_for, takes_integers
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_runtime.errors import RnnEdgeError


def lower_nodes(
    nodes: Iterable[Node], scope: SymbolTable, shapes: Mapping[str, tuple[int, ...]], results: Iterable[str]
) -> None:
    """Append the statements of all nodes, and define what they compute.

    `shapes` are those of all values by name; `results` are names that are read afterwards. Raises `ModelRefused`,
    naming the node that no rule can write.
    """
    nodes = list(nodes)
    uses = Counter(name for node in nodes for name in node.inputs)
    uses.update(name for name in results for _ in range(2))
    for node in nodes:
        scope.program.origin = node.origin
        for name, value in zip(node.outputs, _lowered(node, scope), strict=False):
            if not name:
                continue
            if value.shape != shapes[name]:
                node.refuse(f"output {name[:60]!r}: expected the shape {shapes[name]}, found {value.shape}")
            # What is computed is computed once.
            if isinstance(value, Tensor) and value.view is None and value.views and uses[name] > 1:
                value = plain(scope.program.materialized(value))
            scope.define(name, value)


def _lowered(node: Node, scope: SymbolTable) -> Result:
    lower = rule_for(node.op)
    if lower is None:
        node.refuse_unknown()
    if not takes_integers(node.op):
        _check_floats(node, scope)
    _check_one_type(node, scope)
    try:
        found = lower(scope, node)
    except RnnEdgeError:
        raise
    # What does not fit fails in a dozen ways in numpy and here; none of them is a program.
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        node.refuse(f"shapes, attributes and constants do not fit each other ({reason[0]})", error)
    unread = node.unread()
    if unread:
        node.refuse(f"attribute {unread[0]!r} is not supported")
    return found


def _check_floats(node: Node, scope: SymbolTable) -> None:
    for name in filter(None, node.inputs):
        if scope.known(name) is None and scope.tensor(name).kind != FLOAT:
            node.refuse("of whole numbers is not supported")


def _check_one_type(node: Node, scope: SymbolTable) -> None:
    """Refuse floats next to whole numbers where ONNX has one type for several inputs."""
    of_type: dict[str, bool] = {}
    for name, variable in zip(node.inputs, type_variables(node.op, scope.opset), strict=False):
        if name and of_type.setdefault(variable, _is_float(name, scope)) != _is_float(name, scope):
            node.refuse(f"input {name[:60]!r}: floats next to whole numbers, expected one type")


def _is_float(name: str, scope: SymbolTable) -> bool:
    constant = scope.known(name)
    return scope.tensor(name).kind == FLOAT if constant is None else constant.dtype.kind == "f"
