"""Operators without a streaming rule, written with others that have one: one file per family."""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.graph.decompositions._col2im import col2im
from rnnedge_export.graph.decompositions._dft import dft, stft
from rnnedge_export.graph.decompositions._einsum import einsum
from rnnedge_export.graph.decompositions._gather_nd import gather_nd

DECOMPOSITIONS = {"Col2Im": col2im, "DFT": dft, "Einsum": einsum, "GatherND": gather_nd, "STFT": stft}


def lower(model: ir.Model) -> None:
    """Rewrite every such operator of `model`, in place; one that its file does not cover stays, and is refused."""
    builder = GraphBuilder(model)
    for node in list(model.graph):
        if node.domain == "" and node.op_type in DECOMPOSITIONS:
            builder.place = node.name or node.op_type
            DECOMPOSITIONS[node.op_type](node, builder)


__all__ = ["lower"]
