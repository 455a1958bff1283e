"""Overlap-add as torch.nn.functional.fold writes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace
from rnnedge_export.graph.shaped_builder import ShapedBuilder, shape_of
from rnnedge_export.graph.symbolic_dims import same
from rnnedge_runtime.contract import Dim


@dataclass(frozen=True)
class _Axis:
    """How the blocks stand along one axis of the image, which is `size` long."""

    size: Dim
    kernel: int
    stride: int
    dilation: int
    front: int
    behind: int

    @property
    def reach(self) -> int:
        return (self.kernel - 1) * self.dilation + 1

    @property
    def blocks(self) -> Dim:
        """How many there are."""
        rest = self.front + self.behind - self.reach
        if isinstance(self.size, int):
            return (self.size + rest) // self.stride + 1
        return f"(({self.size}) + {rest})//{self.stride} + 1"

    def natural(self, blocks: Dim) -> Dim:
        """As far as the blocks reach."""
        rest = self.reach - self.front - self.behind
        return (
            (blocks - 1) * self.stride + rest if isinstance(blocks, int) else f"(({blocks}) - 1)*{self.stride} + {rest}"
        )


def col2im(node: ir.Node, builder: GraphBuilder) -> None:
    """ONNX operator specification, Col2Im-18: a transposed convolution with unit kernels.

    1. Blocks along one axis, the other of which is 1: one dimension.
    2. Blocks of two dimensions: they are brought to the grid that they make up.
    3. An image that is longer than its blocks reach ends with zeros.
    More dimensions, and sizes that are not known, are left as they are.
    """
    value = node.inputs[0]
    if value is None or value.shape is None or node.outputs[0].shape is None:
        return
    axes, (batch, rows, count) = _axes(node), shape_of(value)
    if axes is None or not isinstance(rows, int):
        return
    kernel = [axis.kernel for axis in axes]
    channels = rows // int(np.prod(kernel))
    write = ShapedBuilder(builder, node.outputs[0])
    used = [i for i, axis in enumerate(axes) if (axis.kernel, axis.size, axis.front, axis.behind) != (1, 1, 0, 0)]
    if len(used) > 1:
        grid = [axis.blocks for axis in axes]
        numbers = [0, 0, *(d if isinstance(d, int) else -1 for d in grid)]
        if numbers.count(-1) > 1:
            return
        value = write.op("Reshape", [batch, rows, *grid], value, builder.ints(*numbers))
    else:
        used = used or [len(axes) - 1]
        grid = [count]
    chosen = [axes[i] for i in used]
    sizes = [axis.natural(blocks) for axis, blocks in zip(chosen, grid, strict=True)]
    y = _transposed(value, chosen, channels, [batch, channels, *sizes], write)
    y = _filled(node, y, used, [axis.size for axis in chosen], sizes, write, builder)
    replace(node, builder, [write.unsqueezed(y, [2 + i for i in range(len(axes)) if i not in used])])


def _axes(node: ir.Node) -> list[_Axis] | None:
    blocks = None if node.inputs[2] is None else constant(node.inputs[2])
    if blocks is None or len(blocks) > 2:
        return None
    spatial = len(blocks)
    strides = list(node.attributes.get_ints("strides") or []) or [1] * spatial
    dilations = list(node.attributes.get_ints("dilations") or []) or [1] * spatial
    pads = list(node.attributes.get_ints("pads") or []) or [0] * 2 * spatial
    sizes = shape_of(node.outputs[0])[2:]
    return [
        _Axis(sizes[i], int(blocks[i]), strides[i], dilations[i], pads[i], pads[spatial + i]) for i in range(spatial)
    ]


def _transposed(value: ir.Value, axes: list[_Axis], channels: int, shape: list[Dim], write: ShapedBuilder) -> ir.Value:
    kernel = [axis.kernel for axis in axes]
    count = int(np.prod(kernel))
    unit = np.tile(np.eye(count, dtype=np.float32).reshape(count, 1, *kernel), (channels, *[1] * (1 + len(kernel))))
    options = {
        "dilations": [axis.dilation for axis in axes],
        "strides": [axis.stride for axis in axes],
        "pads": [*(axis.front for axis in axes), *(axis.behind for axis in axes)],
        "kernel_shape": kernel,
    }
    return write.op("ConvTranspose", shape, value, write.const(unit), group=channels, **options)


def _filled(
    node: ir.Node, y: ir.Value, used: list[int], wanted: list[Dim], sizes: list[Dim], write: ShapedBuilder,
    builder: GraphBuilder,
) -> ir.Value:  # fmt: skip
    """Case 3: the image's size is an input of the node."""
    for i, (place, size, natural) in enumerate(zip(used, wanted, sizes, strict=True)):
        if same(size, natural):
            continue
        axis = 2 + i
        whole = builder.op("Slice", node.inputs[1], builder.ints(place), builder.ints(place + 1), builder.ints(0))
        extra = builder.op("Sub", whole, builder.op("Shape", y, start=axis, end=axis + 1))
        amounts = builder.op("Concat", builder.ints(0), extra, axis=0)
        shape = [*shape_of(y)[:axis], size, *shape_of(y)[axis + 1 :]]
        y = write.op("Pad", shape, y, amounts, None, builder.ints(axis))
    return y
