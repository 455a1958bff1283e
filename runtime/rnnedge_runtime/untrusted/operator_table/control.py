"""Graphs that a node runs: `Scan` only. The work of `If` and `Loop` cannot be bounded by reading."""

from __future__ import annotations

from rnnedge_runtime.untrusted.operator_table.attributes import AXES, Graph, Integer, Integers
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.table import ANY, Row, rows


def _scan(node: Node) -> None:
    """A Scan has its scanned inputs, and its body takes and gives as many values as the node."""
    body, scanned = node.get("body"), node.get("num_scan_inputs")
    if body.inputs != len(node.inputs):
        node.refuse(f"{len(node.inputs)} inputs of its body", body.inputs)
    if body.outputs != len(node.outputs):
        node.refuse(f"{len(node.outputs)} outputs of its body", body.outputs)
    if not 1 <= scanned <= len(node.inputs):
        node.refuse(f"1 to {len(node.inputs)} scanned inputs", scanned)


rows(
    "Scan",
    Row(
        (1, ANY),
        (1, ANY),
        attributes={
            "body": Graph(required=True),
            "num_scan_inputs": Integer(0, ANY, required=True),
            "scan_input_axes": AXES,
            "scan_input_directions": Integers(0, 1, ANY),
            "scan_output_axes": AXES,
            "scan_output_directions": Integers(0, 1, ANY),
        },
        # What its body gives, is known to whoever walks through that.
        result=lambda node: (None,) * len(node.outputs),
        check=_scan,
    ),
)
