"""Products with constant weights, joined: a sum of them is one sweep over the weights, and so are those of one operand.

Gemm and MatMul become `Product` nodes with inputs [operand, ...] or [operand, ..., start], and these attributes:
`weights`, a matrix (K, N) for every operand; `bias` (N,); `starts`, whether the last input is what the sum starts from;
`columns`, how the N columns are shared out among the outputs; `grids`, what each matrix is in int8, or None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from rnnedge_export.codegen._nodes.constant_folding import Grid
from rnnedge_export.codegen._nodes.node import Array, Node

PRODUCT = "Product"


def join_products(
    nodes: Iterable[Node], constants: Mapping[str, Array], results: Iterable[str], grids: Mapping[str, Grid]
) -> list[Node]:
    """The same graph with its products joined."""
    found = [_product(node, constants, grids) or node for node in nodes]
    uses = Counter(name for node in found for name in node.inputs)
    uses.update(results)
    return _alike(_summed(found, uses, constants))


def _product(node: Node, constants: Mapping[str, Array], grids: Mapping[str, Grid]) -> Node | None:
    """A Gemm or MatMul over a constant matrix as a Product."""
    if node.op not in ("Gemm", "MatMul") or node.inputs[0] in constants:
        return None
    weights = constants.get(node.inputs[1])
    if weights is None or weights.ndim != 2 or weights.dtype != np.float32:
        return None
    grid = grids.get(node.inputs[1])
    bias, start = None, ""
    if node.op == "Gemm":
        alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
        if node.attribute("transA", 0):
            return None
        grid = grid if alpha == 1 and not node.attribute("transB", 0) else None
        weights = (weights.T if node.attribute("transB", 0) else weights) * np.float32(alpha)
        if node.has(2):
            known = constants.get(node.inputs[2])
            start = "" if known is not None else node.inputs[2]
            if start and beta != 1:
                return None
            bias = None if known is None else _row(known * np.float32(beta), weights.shape[1])
            if known is not None and bias is None:
                return None
    return _made([node], [node.inputs[0]], [weights], [grid], bias, start, node.outputs, [weights.shape[1]])


def _made(
    nodes: list[Node],
    operands: list[str],
    weights: list[Array],
    grids: list[Grid | None],
    bias: Array | None,
    start: str,
    outputs: tuple[str, ...],
    columns: list[int],
) -> Node:
    attributes = {
        "weights": weights,
        "grids": grids,
        "bias": np.zeros(sum(columns), np.float32) if bias is None else bias,
        "starts": bool(start),
        "columns": columns,
    }
    inputs = (*operands, *([start] if start else []))
    return Node(PRODUCT, nodes[0].name, inputs, outputs, attributes, _origin(nodes))


def _origin(nodes: list[Node]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for node in nodes for one in node.origin))


def _row(array: Array, columns: int) -> Array | None:
    """`array` where it is the same for every row."""
    if array.size not in (1, columns) or (array.ndim and array.shape[-1] not in (1, columns)):
        return None
    return np.broadcast_to(array.ravel(), columns).astype(np.float32)


def _summed(nodes: list[Node], uses: Counter[str], constants: Mapping[str, Array]) -> list[Node]:
    """A product that starts from another one, or that a constant row is added to, becomes one with it."""
    made: dict[str, Node] = {}
    gone: set[int] = set()
    result: list[Node] = []
    for node in nodes:
        if node.op == PRODUCT and node.attributes["starts"]:
            first = made.get(node.inputs[-1])
            if first is not None and uses[node.inputs[-1]] == 1:
                gone.add(id(first))
                node = _sum(first, node)
        elif node.op == "Add":
            for k in (0, 1):
                first, row = made.get(node.inputs[k]), constants.get(node.inputs[1 - k])
                if first is None or row is None or uses[node.inputs[k]] != 1 or first.attributes["starts"]:
                    continue
                bias = _row(row, len(first.attributes["bias"])) if row.dtype == np.float32 else None
                if bias is not None:
                    gone.add(id(first))
                    a = {**first.attributes, "bias": first.attributes["bias"] + bias}
                    node = Node(PRODUCT, first.name, first.inputs, node.outputs, a, _origin([first, node]))
                    break
        if node.op == PRODUCT:
            made[node.outputs[0]] = node
        result.append(node)
    return [node for node in result if id(node) not in gone]


def _sum(first: Node, then: Node) -> Node:
    a, b = first.attributes, then.attributes
    starts = bool(a["starts"])
    operands = [*(first.inputs[:-1] if starts else first.inputs), *then.inputs[:-1]]
    start = first.inputs[-1] if starts else ""
    weights = [*a["weights"], *b["weights"]]
    grids = [*a["grids"], *b["grids"]]
    return _made([then, first], operands, weights, grids, a["bias"] + b["bias"], start, then.outputs, b["columns"])


def _alike(nodes: list[Node]) -> list[Node]:
    """Products of the same operands become one, which stands where the first of them stood."""
    groups: dict[Any, list[Node]] = {}
    for node in nodes:
        if node.op == PRODUCT and not node.attributes["starts"]:
            groups.setdefault(node.inputs, []).append(node)
    result: list[Node] = []
    for node in nodes:
        group = groups.get(node.inputs, [node]) if node.op == PRODUCT and not node.attributes["starts"] else [node]
        if group[0] is node:
            result.append(node if len(group) == 1 else _side_by_side(group))
    return result


def _side_by_side(group: list[Node]) -> Node:
    first = group[0]
    count = len(first.attributes["weights"])
    weights = [np.concatenate([node.attributes["weights"][k] for node in group], axis=1) for k in range(count)]
    bias = np.concatenate([node.attributes["bias"] for node in group])
    outputs = tuple(node.outputs[0] for node in group)
    grids = [_joined([node.attributes["grids"][k] for node in group]) for k in range(count)]
    columns = [len(node.attributes["bias"]) for node in group]
    return _made(group, list(first.inputs), weights, grids, bias, "", outputs, columns)


def _joined(grids: list[Grid | None]) -> Grid | None:
    """Matrices side by side."""
    known = [grid for grid in grids if grid is not None]
    if len(known) < len(grids):
        return None
    return Grid(np.concatenate([grid.q for grid in known], axis=1), np.concatenate([grid.scale for grid in known]))
