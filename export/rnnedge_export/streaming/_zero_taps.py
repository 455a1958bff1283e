"""Kernels that a mask has cut: taps of zeros over padding behind, which no frame is worth waiting for.

A convolution of 21 taps that is padded with 10 on both sides, and of whose kernel the last 10 are zero, is causal: it
is one of 11 taps with 10 frames of padding in front.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.streaming.facts import constant


def without_zero_taps(node: ir.Node, builder: GraphBuilder) -> None:
    """Change a convolution in place, along every axis by as many taps as lie over padding."""
    kernel = constant(node.inputs[1])
    if kernel is None or node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return
    spatial = kernel.ndim - 2
    pads = list(node.attributes.get_ints("pads") or [0] * 2 * spatial)
    dilations = list(node.attributes.get_ints("dilations") or [1] * spatial)
    kept = kernel
    for axis in range(spatial):
        taps = np.flatnonzero(kept.any(axis=tuple(i for i in range(kept.ndim) if i != axis + 2)))
        zeros = kept.shape[axis + 2] - 1 - int(taps[-1]) if len(taps) else 0
        fewer = min(zeros, pads[axis + spatial] // dilations[axis])
        pads[axis + spatial] -= fewer * dilations[axis]
        kept = kept.take(range(kept.shape[axis + 2] - fewer), axis + 2)
    if kept.shape == kernel.shape:
        return
    node.replace_input_with(1, builder.const(np.ascontiguousarray(kept), "kernel"))
    node.attributes["pads"] = ir.AttrInt64s("pads", pads)
    node.attributes["kernel_shape"] = ir.AttrInt64s("kernel_shape", kept.shape[2:])
