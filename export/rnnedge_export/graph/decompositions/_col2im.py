"""Overlap-add as torch.nn.functional.fold writes it."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace
from rnnedge_export.graph.shaped_builder import ShapedBuilder, shape_of
from rnnedge_export.graph.symbolic_dims import PROBES, size


def col2im(node: ir.Node, builder: GraphBuilder) -> None:
    """ONNX operator specification, Col2Im-18, along one axis: a transposed convolution with unit kernels.

    Where the given length is not the natural one of the blocks, or blocks have two dimensions, it is left as it is.
    """
    value, blocks = node.inputs[0], constant(node.inputs[2]) if node.inputs[2] is not None else None
    if value is None or value.shape is None or node.outputs[0].shape is None or blocks is None:
        return
    if len(blocks) > 2 or min(blocks[:-1], default=1) != 1:
        return
    spatial = len(blocks)
    kernel = int(blocks[-1])
    stride = (list(node.attributes.get_ints("strides") or []) or [1] * spatial)[-1]
    dilation = (list(node.attributes.get_ints("dilations") or []) or [1] * spatial)[-1]
    pads = list(node.attributes.get_ints("pads") or []) or [0] * 2 * spatial
    front, behind = pads[spatial - 1], pads[-1]
    batch, rows, count = shape_of(value)
    natural = f"(({count}) - 1)*{stride} + {(kernel - 1) * dilation + 1 - front - behind}"
    wanted = shape_of(node.outputs[0])
    others = [p for i, p in enumerate(pads) if i not in (spatial - 1, 2 * spatial - 1)]
    if (
        not isinstance(rows, int)
        or any(others)
        or any(size(natural, b, t) != size(wanted[-1], b, t) for b, t in PROBES)
    ):
        return
    channels = rows // kernel
    unit = np.tile(np.eye(kernel, dtype=np.float32)[:, None], (channels, 1, 1))
    write = ShapedBuilder(builder, node.outputs[0])
    options = {"dilations": [dilation], "strides": [stride], "pads": [front, behind], "kernel_shape": [kernel]}
    y = write.op("ConvTranspose", [batch, channels, wanted[-1]], value, write.const(unit), group=channels, **options)
    replace(node, builder, [write.unsqueezed(y, [2]) if spatial == 2 else y])
