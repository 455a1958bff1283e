"""Convolutions, plain and transposed, in one dimension or two; channels stand last in memory."""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.convolution import DepthwiseConvolution, Geometry, Image, Nest, OverlapAdd, Pair
from rnnedge_export.codegen._ir.gemm import Place, Taps
from rnnedge_export.codegen._ir.tensors import NOTHING, Array, Tensor, View, affine, plain
from rnnedge_export.codegen._nodes.limits import check_elements
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._gemm import gemm, packed
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable

# Batch, channels, height, width from the slowest to the fastest.
_CHANNELS_LAST = (0, 2, 3, 1)


def _geometry(node: Node, weights: Array) -> Geometry:
    rank = weights.ndim - 2
    if rank not in (1, 2):
        node.refuse(f"of {rank} dimensions: expected 1 or 2")
    node.only("auto_pad", "NOTSET", "VALID")
    kernel = tuple(node.attribute("kernel_shape", weights.shape[2:]))
    if kernel != weights.shape[2:]:
        node.refuse(f"kernel_shape {kernel}: expected that of the weights, {weights.shape[2:]}")
    pads = list(node.attribute("pads", [0] * 2 * rank))
    if node.attribute("auto_pad", "NOTSET") == "VALID":
        pads = [0] * 2 * rank
    if min(pads) < 0:
        node.refuse(f"pads {pads}: expected none below 0")

    def pair(values: list[int] | tuple[int, ...], one: int) -> Pair:
        return (one, int(values[0])) if rank == 1 else (int(values[0]), int(values[1]))

    strides, dilations = (pair(node.attribute(name, [1] * rank), 1) for name in ("strides", "dilations"))
    group = int(node.attribute("group", 1))
    return Geometry(pair(kernel, 1), strides, dilations, pair(pads[:rank], 0), pair(pads[rank:], 0), group)


def _weights(scope: SymbolTable, node: Node) -> tuple[Array, Array | None]:
    """Constant weights on four axes as float32, and the bias."""
    weights = scope.array(node, 1, "weights")
    if weights.dtype != np.float32:
        node.refuse(f"weights of {weights.dtype}: expected float32")
    return weights, scope.array(node, 2, "bias") if node.has(2) else None


def _image(tensor: Tensor) -> Tensor:
    """On four axes."""
    return tensor if len(tensor.shape) == 4 else tensor.rearranged(lambda index: np.expand_dims(index, 2))


def _back(view: View, rank: int) -> Tensor:
    return plain(view if rank == 4 else View(view.buffer, view.index.squeeze(2)))


@rule("Conv")
def convolution(scope: SymbolTable, node: Node) -> Result:
    """y[b, m, h, w] = bias[m] + sum of x[b, c, h s + i d, w s + j d] W[m, c, i, j]."""
    weights, bias = _weights(scope, node)
    shape = _geometry(node, weights)
    value = scope.input(node, 0)
    rank = len(value.shape)
    kernels = weights if rank == 4 else weights[:, :, None]
    image = _padded(scope, node, _image(value), shape)
    batch, _, high, wide = image.index.shape
    out_high, out_wide = (
        (length - span) // stride + 1
        for length, span, stride in zip((high, wide), shape.spans, shape.strides, strict=True)
    )
    if out_high < 1 or out_wide < 1:
        node.refuse(f"an input of {high} x {wide} is less than the kernel covers")
    made = len(kernels)
    target = scope.program.new((batch, made, out_high, out_wide), order=_CHANNELS_LAST)
    start = np.zeros(made, np.float32) if bias is None else bias
    if shape.group == made == kernels.shape[0] and kernels.shape[1] == 1 and made == image.index.shape[1]:
        _by_channel(scope, image, target, kernels, start, shape)
    else:
        _by_group(scope, image, target, kernels, start, shape)
    return [_back(target, rank)]


def _padded(scope: SymbolTable, node: Node, tensor: Tensor, shape: Geometry) -> View:
    """The image with its padding, in memory; where it stands affine already, no copy is made."""
    view = tensor.view or scope.program.materialized(tensor)
    if any((*shape.before, *shape.after)):
        widths = [(0, 0), (0, 0), *zip(shape.before, shape.after, strict=True)]
        check_elements(node, tuple(n + sum(pair) for n, pair in zip(view.index.shape, widths, strict=True)))
        view = View(view.buffer, np.pad(view.index, widths, constant_values=NOTHING))
    if affine(view.index) is not None:
        return view
    copy = scope.program.new(view.index.shape, order=_CHANNELS_LAST)
    scope.program.copy(view, copy)
    return copy


def _by_group(scope: SymbolTable, view: View, target: View, kernels: Array, bias: Array, shape: Geometry) -> None:
    program, image = scope.program, _placed(view)
    batch, made, out_high, out_wide = target.index.shape
    deep, wide = kernels.shape[1], made // shape.group
    many = (batch, out_high) != (1, 1)
    line = out_wide * made
    read = (("b", batch, image.batch), ("h", out_high, shape.strides[0] * image.row)) if many else ()
    written = (("b", batch, out_high * line), ("h", out_high, line)) if many else ()
    counts = (*shape.kernel, deep)
    steps = (shape.dilations[0] * image.row, shape.dilations[1] * image.column, image.channel)
    calls = []
    for group in range(shape.group):
        own = slice(group * wide, (group + 1) * wide)
        matrix = packed(program, kernels[own].transpose(2, 3, 1, 0).reshape(-1, wide), bias[own])
        first = image.offset + group * deep * image.channel
        taps = Taps(image.buffer, first, shape.strides[1] * image.column, counts, steps, read)
        program.count()
        calls.append(gemm(matrix, out_wide, (taps,), None, Place(target.buffer, group * wide, made, written)))
    program.emit(Nest((("b", batch), ("h", out_high)) if many else (), tuple(calls)))


def _placed(view: View) -> Image:
    offset, steps = affine(view.index) or (0, (0, 0, 0, 0))
    return Image(view.buffer, offset, *steps)


def _by_channel(scope: SymbolTable, view: View, target: View, kernels: Array, bias: Array, shape: Geometry) -> None:
    """Every channel by itself: vectors along the channels."""
    batch, made, high, wide = target.index.shape
    weights = scope.program.weights.floats(kernels.transpose(2, 3, 1, 0))
    start = scope.program.weights.floats(bias)
    sizes = (batch, made, high, wide)
    scope.program.emit(DepthwiseConvolution(shape, _placed(view), *sizes, weights, start, target.buffer))


@rule("ConvTranspose")
def transposed(scope: SymbolTable, node: Node) -> Result:
    """Every input frame gives a kernel of output frames, which overlap and add up."""
    weights, bias = _weights(scope, node)
    shape = _geometry(node, weights)
    rank = weights.ndim - 2
    extra = list(node.attribute("output_padding", [0] * rank))
    if "output_shape" in node.attributes:
        node.refuse("output_shape: expected pads")
    more = (0, int(extra[0])) if rank == 1 else (int(extra[0]), int(extra[1]))
    value = scope.input(node, 0)
    kernels = weights if rank == 2 else weights[:, :, None]
    image = scope.program.materialized(_image(value))
    batch, _, high, wide = image.index.shape
    span = [
        (length - 1) * stride + covered + past
        for length, stride, covered, past in zip((high, wide), shape.strides, shape.spans, more, strict=True)
    ]
    made = kernels.shape[1] * shape.group
    check_elements(node, (batch, made, span[0], span[1]))
    target = scope.program.new((batch, made, span[0], span[1]), order=_CHANNELS_LAST)
    start = np.zeros(made, np.float32) if bias is None else bias
    scope.program.store(
        scope.program.constant(start[None, :, None, None]).rearranged(
            lambda index: np.broadcast_to(index, target.index.shape)
        ),
        target,
    )
    for group in range(shape.group):
        _overlap(scope, image, target, kernels, shape, group)
    ends = [length - past for length, past in zip(span, shape.after, strict=True)]
    cut = target.index[:, :, shape.before[0] : ends[0], shape.before[1] : ends[1]]
    return [_back(View(target.buffer, cut), rank + 2)]


def _overlap(scope: SymbolTable, view: View, target: View, kernels: Array, shape: Geometry, group: int) -> None:
    """Add what the channels of one group give."""
    program, image = scope.program, _placed(view)
    batch, _, high, wide = view.index.shape
    _, made, out_high, out_wide = target.index.shape
    deep, each = kernels.shape[0] // shape.group, kernels.shape[1]
    own = kernels[group * deep : (group + 1) * deep].transpose(0, 2, 3, 1).reshape(deep, -1)
    matrix = packed(program, own, np.zeros(own.shape[1], np.float32))
    around = (("b", batch, image.batch), ("h", high, image.row))
    first = image.offset + group * deep * image.channel
    taps = Taps(image.buffer, first, image.column, (1, 1, deep), (0, 0, image.channel), around)
    given = program.buffer(wide * own.shape[1])
    product = gemm(matrix, wide, (taps,), None, Place(given, 0, own.shape[1]))
    into = (target.buffer, out_high, out_wide, made, group * each, each)
    program.emit(OverlapAdd(shape, product, given, batch, high, wide, *into))
