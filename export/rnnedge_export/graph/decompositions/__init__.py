"""Operators without a streaming rule, written with others that have one: one file per family."""

from __future__ import annotations

import onnx_ir as ir

from rnnedge_export.forms.tape import Tape
from rnnedge_export.lowering.einsum import einsum
from rnnedge_export.lowering.overlap_add import col2im
from rnnedge_export.lowering.spectrum import dft, stft

_LOWERED = {"Col2Im": col2im, "DFT": dft, "Einsum": einsum, "STFT": stft}


def lower(model: ir.Model) -> None:
    """Rewrite every such operator of `model`, in place; one that its file does not cover stays, and is refused."""
    tape = Tape(model)
    for node in list(model.graph):
        if node.domain == "" and node.op_type in _LOWERED:
            tape.place = node.name or node.op_type
            _LOWERED[node.op_type](node, tape)


__all__ = ["lower"]
