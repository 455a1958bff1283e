"""What depends on nothing but constants, computed by ONNX's reference implementation while the code is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

from rnnedge_export.native.node import Node
from rnnedge_export.native.values import Array
from rnnedge_runtime.errors import ModelRefused


def fixed(node: Node, constants: Mapping[str, Array]) -> bool:
    """Whether a node can be computed now."""
    return all(name in constants for name in node.inputs if name) and node.op not in ("Shape", "Range")


def computed(node: Node, constants: Mapping[str, Array], opset: int) -> dict[str, Array]:
    """The outputs of such a node by name."""
    domain, _, op = node.op.rpartition("::")
    proto = onnx.helper.make_node(op, node.inputs, node.outputs, domain=domain, **node.attributes)
    try:
        evaluator = ReferenceEvaluator(proto, opsets={"": opset})
        found = evaluator.run(None, {name: constants[name] for name in node.inputs if name})
    except Exception as error:
        raise ModelRefused(f"native engine: {node.op} {node.name!r}: not computed: {error}") from error
    return {name: np.asarray(value) for name, value in zip(node.outputs, found, strict=True)}


@dataclass(frozen=True, eq=False)
class Grid:
    """A constant matrix (K, N) that is int8 in the file: `q`, and a scale (N,) of every column."""

    q: Array
    scale: Array


def folded(nodes: Iterable[Node], constants: dict[str, Array], opset: int) -> tuple[list[Node], dict[str, Grid]]:
    """The nodes that are left, and which constants are int8 in the file; `constants` gets what the other nodes give."""
    left: list[Node] = []
    casts: dict[str, Array] = {}
    grids: dict[str, Grid] = {}
    for node in nodes:
        if not fixed(node, constants):
            left.append(node)
            continue
        constants.update(computed(node, constants, opset))
        first = constants[node.inputs[0]] if node.inputs else np.zeros(())
        if node.op == "Cast" and first.dtype == np.int8 and first.ndim == 2:
            casts[node.outputs[0]] = first
        elif node.op == "Mul" and node.inputs[0] in casts:
            q, scale = casts[node.inputs[0]], constants[node.inputs[1]]
            if scale.shape == (1, q.shape[1]) and scale.dtype == np.float32:
                grids[node.outputs[0]] = Grid(q, scale.reshape(-1))
    return left, grids
