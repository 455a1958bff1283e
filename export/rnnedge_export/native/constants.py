"""What depends on nothing but constants, computed by ONNX's reference implementation while the code is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def folded(nodes: Iterable[Node], constants: dict[str, Array], opset: int) -> list[Node]:
    """The nodes that are left; `constants` gets what the others give, such as weights that are narrow in the file."""
    left = []
    for node in nodes:
        if fixed(node, constants):
            constants.update(computed(node, constants, opset))
        else:
            left.append(node)
    return left
