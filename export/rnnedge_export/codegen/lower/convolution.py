"""Convolutions, plain and transposed, in one dimension or two; channels stand last in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge_export.codegen._ir.tensors import NOTHING, Array, Span, Tensor, View, affine, plain
from rnnedge_export.codegen._limits import check_elements
from rnnedge_export.codegen._node import Node
from rnnedge_export.codegen._registry import Result, rule
from rnnedge_export.codegen._symbol_table import Scope
from rnnedge_export.codegen.lower._gemm import Matrix, Place, Taps

# Batch, channels, height, width from the slowest to the fastest.
_CHANNELS_LAST = (0, 2, 3, 1)
Pair = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """The attributes of a convolution for height and width; of one dimension only the width counts."""

    kernel: Pair
    strides: Pair
    dilations: Pair
    before: Pair
    after: Pair
    group: int

    @property
    def spans(self) -> Pair:
        """What a kernel covers."""
        return self.dilations[0] * (self.kernel[0] - 1) + 1, self.dilations[1] * (self.kernel[1] - 1) + 1


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


def _weights(scope: Scope, node: Node) -> tuple[Array, Array | None]:
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
def convolution(scope: Scope, node: Node) -> Result:
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


def _padded(scope: Scope, node: Node, tensor: Tensor, shape: Geometry) -> View:
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


def _by_group(scope: Scope, image: View, target: View, kernels: Array, bias: Array, shape: Geometry) -> None:
    program = scope.program
    batch, made, out_high, out_wide = target.index.shape
    offset, (per_image, per_channel, per_row, per_column) = affine(image.index) or (0, (0, 0, 0, 0))
    deep, wide = kernels.shape[1], made // shape.group
    loops = (
        f"for (int b = 0; b < {batch}; b++) for (int h = 0; h < {out_high}; h++)" if (batch, out_high) != (1, 1) else ""
    )
    code, spans = "", list[Span]()
    for group in range(shape.group):
        own = kernels[group * wide : (group + 1) * wide]
        matrix = Matrix(program, own.transpose(2, 3, 1, 0).reshape(-1, wide), bias[group * wide : (group + 1) * wide])
        taps = Taps(
            image.buffer,
            offset + group * deep * per_channel,
            shape.strides[1] * per_column,
            (*shape.kernel, deep),
            (shape.dilations[0] * per_row, shape.dilations[1] * per_column, per_channel),
            (("b", batch, per_image), ("h", out_high, shape.strides[0] * per_row)) if loops else (),
        )
        line = out_wide * made
        around = (("b", batch, out_high * line), ("h", out_high, line)) if loops else ()
        program.count()
        text, touched = matrix.call(out_wide, [taps], None, Place(target.buffer, group * wide, made, around))
        code, spans = code + text, [*spans, *touched]
    program.emit(f"{loops} {{\n{code}}}" if loops else code, *spans)


def _by_channel(scope: Scope, image: View, target: View, kernels: Array, bias: Array, shape: Geometry) -> None:
    """Every channel by itself: vectors along the channels."""
    program = scope.program
    batch, made, out_high, out_wide = target.index.shape
    offset, (per_image, per_channel, per_row, per_column) = affine(image.index) or (0, (0, 0, 0, 0))
    weights = program.weights.floats(kernels.transpose(2, 3, 1, 0))
    start = program.weights.floats(bias)
    rows, columns = shape.kernel
    place = (
        f"{image.buffer.address} + {offset} + b * {per_image} + (h * {shape.strides[0]} + i * {shape.dilations[0]}) * "
        f"{per_row} + (w * {shape.strides[1]} + j * {shape.dilations[1]}) * {per_column}"
    )
    program.emit(
        f"for (int b = 0; b < {batch}; b++) for (int h = 0; h < {out_high}; h++) "
        f"for (int w = 0; w < {out_wide}; w++) {{\n"
        f"float *const y = {target.buffer.address} + ((b * {out_high} + h) * {out_wide} + w) * {made};\n"
        f"memcpy(y, {start.address}, {4 * made});\n"
        f"for (int i = 0; i < {rows}; i++) for (int j = 0; j < {columns}; j++) {{\n"
        f"const float *const x = {place}, *const k = {weights.address} + (i * {columns} + j) * {made};\n"
        f"INDEPENDENT\nfor (int c = 0; c < {made}; c++) y[c] += x[c * {per_channel}] * k[c];\n}}\n}}",
        Span(
            image.buffer,
            offset,
            (
                (batch, per_image),
                (out_high, shape.strides[0] * per_row),
                (rows, shape.dilations[0] * per_row),
                (out_wide, shape.strides[1] * per_column),
                (columns, shape.dilations[1] * per_column),
                (made, per_channel),
            ),
        ),
        Span(target.buffer, 0, ((batch * out_high * out_wide, made), (made, 1))),
        Span(weights, 0, ((rows * columns, made), (made, 1))),
        Span(start, 0, ((made, 1),)),
    )


@rule("ConvTranspose")
def transposed(scope: Scope, node: Node) -> Result:
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


def _overlap(scope: Scope, image: View, target: View, kernels: Array, shape: Geometry, group: int) -> None:
    """Add what the channels of one group give."""
    program = scope.program
    batch, _, high, wide = image.index.shape
    _, made, _, long = target.index.shape
    deep, each = kernels.shape[0] // shape.group, kernels.shape[1]
    rows, columns = shape.kernel
    own = kernels[group * deep : (group + 1) * deep].transpose(0, 2, 3, 1).reshape(deep, -1)
    matrix = Matrix(program, own, np.zeros(own.shape[1], np.float32))
    offset, (per_image, per_channel, per_row, per_column) = affine(image.index) or (0, (0, 0, 0, 0))
    first, around = offset + group * deep * per_channel, (("b", batch, per_image), ("h", high, per_row))
    taps = Taps(image.buffer, first, per_column, (1, 1, deep), (0, 0, per_channel), around)
    size = own.shape[1]
    given = program.buffer(wide * size)
    product, spans = matrix.call(wide, [taps], None, Place(given, 0, size))
    at = (
        f"((b * {target.index.shape[2]} + h * {shape.strides[0]} + i * {shape.dilations[0]}) * {long} + "
        f"w * {shape.strides[1]} + j * {shape.dilations[1]}) * {made} + {group * each}"
    )
    program.emit(
        f"for (int b = 0; b < {batch}; b++) for (int h = 0; h < {high}; h++) {{\n{product}"
        f"for (int w = 0; w < {wide}; w++) for (int i = 0; i < {rows}; i++) for (int j = 0; j < {columns}; j++) {{\n"
        f"float *const y = {target.buffer.address} + {at};\n"
        f"const float *const x = {given.address} + w * {size} + (i * {columns} + j) * {each};\n"
        f"INDEPENDENT\nfor (int c = 0; c < {each}; c++) y[c] += x[c];\n}}\n}}",
        *spans,
        Span(given, 0, ((wide, size), (rows * columns, each), (each, 1))),
        Span(
            target.buffer,
            group * each,
            (
                (batch, target.index.shape[2] * long * made),
                (high, shape.strides[0] * long * made),
                (rows, shape.dilations[0] * long * made),
                (wide, shape.strides[1] * made),
                (columns, shape.dilations[1] * made),
                (each, 1),
            ),
        ),
    )
