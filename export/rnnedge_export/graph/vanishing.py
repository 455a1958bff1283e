"""Values that are nothing but products with sigmoids, sums of them among them: as small as those, and as wrong.

A residual next to them, or a bias, hides their errors; of `silu(q) @ silu(k) @ silu(v)` nothing hides them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx_ir as ir

_PRODUCTS = {"Einsum", "MatMul", "Mul"}
_SUMS = {"Add", "Concat", "Max", "Min", "Sub", "Sum", "Where"}
# Of the first input; a convolution and a Gemm that add no bias.
_FIRST = {
    "Abs", "Clip", "Conv", "CumSum", "Div", "Expand", "Gather", "Gemm", "Identity", "Neg", "Pad", "ReduceMax",
    "ReduceMean", "ReduceSum", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze",
}  # fmt: skip


def vanishing(nodes: Iterable[ir.Node]) -> set[ir.Value]:
    """Of the nodes of a graph in order, and of the bodies of its scans, whose states are taken to start from 0."""
    found: set[ir.Value] = set()
    for node in nodes:
        if node.op_type == "Scan":
            _of_scan(node, found)
        elif _vanishes(node, found):
            found.update(node.outputs)
    return found


def _vanishes(node: ir.Node, found: set[ir.Value]) -> bool:
    given = [value for value in node.inputs if value is not None]
    if node.op_type == "Sigmoid":
        return True
    if node.op_type in _PRODUCTS:
        return any(value in found for value in given)
    if node.op_type in _SUMS:
        return all(value in found for value in (given[1:] if node.op_type == "Where" else given))
    biased = node.op_type in ("Conv", "Gemm") and len(given) > 2
    return node.op_type in _FIRST and not biased and bool(given) and given[0] in found


def _of_scan(node: ir.Node, found: set[ir.Value]) -> None:
    """A state vanishes if it does after an iteration that it and the frames vanish before."""
    body, given = scan_inputs(node)
    states = len(node.inputs) - node.attributes.get_int("num_scan_inputs", 0)
    outside = {each for each in body.inputs[states:] if given[each] in found} | found
    kept = set(body.inputs[:states])
    while True:
        inside = outside | kept
        for each in body:
            if _vanishes(each, inside):
                inside.update(each.outputs)
        left = {each for each, after in zip(body.inputs, body.outputs[:states], strict=False) if after in inside}
        if left & kept == kept:
            break
        kept &= left
    found |= inside
    found.update(outer for outer, inner in zip(node.outputs, body.outputs, strict=True) if inner in inside)


def scan_inputs(node: ir.Node) -> tuple[ir.Graph, Mapping[ir.Value, ir.Value | None]]:
    """The body of a scan, and what each of its inputs is given."""
    body = node.attributes["body"].as_graph()
    return body, dict(zip(body.inputs, node.inputs, strict=True))
