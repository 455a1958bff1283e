"""Blocks of a picture (N, C, H, W) that become channels, and back."""

from __future__ import annotations

from rnnedge_export.codegen._ir.tensors import Array, Index
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable


@rule("DepthToSpace")
def depth_to_space(scope: SymbolTable, node: Node) -> Result:
    """Channels of either mode, DCR or CRD, become blocks of a picture."""
    size, mode = node.attribute("blocksize"), node.attribute("mode", "DCR")
    node.only("mode", "DCR", "CRD")

    def spread(index: Index) -> Array:
        batch, channels, height, width = index.shape
        kept = channels // size**2
        if mode == "DCR":
            parts = index.reshape(batch, size, size, kept, height, width).transpose(0, 3, 4, 1, 5, 2)
        else:
            parts = index.reshape(batch, kept, size, size, height, width).transpose(0, 1, 4, 2, 5, 3)
        return parts.reshape(batch, kept, height * size, width * size)

    return [scope.input(node, 0).rearranged(spread)]


@rule("SpaceToDepth")
def space_to_depth(scope: SymbolTable, node: Node) -> Result:
    """Blocks of a picture become channels, the place in the block before the channel."""
    size = node.attribute("blocksize")

    def gathered(index: Index) -> Array:
        batch, channels, height, width = index.shape
        parts = index.reshape(batch, channels, height // size, size, width // size, size)
        return parts.transpose(0, 3, 5, 1, 2, 4).reshape(batch, -1, height // size, width // size)

    return [scope.input(node, 0).rearranged(gathered)]
