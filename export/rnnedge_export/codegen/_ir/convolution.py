"""Convolutions: of channels in groups, of every channel by itself, and transposed."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_export.codegen._ir.gemm import Gemm
from rnnedge_export.codegen._ir.statements import Checked, Statement
from rnnedge_export.codegen._ir.tensors import Buffer, Span

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


@dataclass(frozen=True)
class Image:
    """Numbers (batch, channel, row, column) in a buffer: how far apart they stand along each axis."""

    buffer: Buffer
    offset: int
    batch: int
    channel: int
    row: int
    column: int


@dataclass(frozen=True, eq=False)
class Nest:
    """Statements for every turn of the loops around them: variables and how many turns they take."""

    loops: tuple[tuple[str, int], ...]
    body: tuple[Statement, ...]

    def touched(self) -> tuple[Span, ...]:
        """All that they touch; each knows of the loops around it."""
        return tuple(span for one in self.body for span in one.touched())


@dataclass(frozen=True, eq=False)
class DepthwiseConvolution(Checked):
    """Every channel by itself: y[b, h, w, c] = bias[c] + sum of x[b, c, h s + i d, w s + j d] W[i, j, c]."""

    shape: Geometry
    image: Image
    batch: int
    channels: int
    high: int
    wide: int
    weights: Buffer
    bias: Buffer
    target: Buffer

    def touched(self) -> tuple[Span, ...]:
        """The image, the weights and the result."""
        shape, image = self.shape, self.image
        (rows, columns), made = shape.kernel, self.channels
        axes = (
            (self.batch, image.batch),
            (self.high, shape.strides[0] * image.row),
            (rows, shape.dilations[0] * image.row),
            (self.wide, shape.strides[1] * image.column),
            (columns, shape.dilations[1] * image.column),
            (made, image.channel),
        )
        return (
            Span(image.buffer, image.offset, axes),
            Span(self.target, 0, ((self.batch * self.high * self.wide, made), (made, 1))),
            Span(self.weights, 0, ((rows * columns, made), (made, 1))),
            Span(self.bias, 0, ((made, 1),)),
        )


@dataclass(frozen=True, eq=False)
class OverlapAdd(Checked):
    """What a transposed convolution adds to `target` (batch, out_high, out_wide, channels), for one group of channels.

    Every column of a row of the image gives a kernel of `each` channels, which begin with `first`: a row of
    `product`, which stands in `kernels`.
    """

    shape: Geometry
    product: Gemm
    kernels: Buffer
    batch: int
    high: int
    wide: int
    target: Buffer
    out_high: int
    out_wide: int
    channels: int
    first: int
    each: int

    @property
    def size(self) -> int:
        """Numbers of a kernel."""
        return self.shape.kernel[0] * self.shape.kernel[1] * self.each

    def touched(self) -> tuple[Span, ...]:
        """The image, the kernels that it gives, and the result."""
        shape, made, line = self.shape, self.channels, self.out_wide * self.channels
        (rows, columns) = shape.kernel
        axes = (
            (self.batch, self.out_high * line),
            (self.high, shape.strides[0] * line),
            (rows, shape.dilations[0] * line),
            (self.wide, shape.strides[1] * made),
            (columns, shape.dilations[1] * made),
            (self.each, 1),
        )
        return (
            *self.product.touched(),
            Span(self.kernels, 0, ((self.wide, self.size), (rows * columns, self.each), (self.each, 1))),
            Span(self.target, self.first, axes),
        )
