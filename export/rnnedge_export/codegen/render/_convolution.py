"""Convolutions."""

from __future__ import annotations

from collections.abc import Callable

from rnnedge_export.codegen._ir.convolution import DepthwiseConvolution, Nest, OverlapAdd
from rnnedge_export.codegen._ir.statements import Statement
from rnnedge_export.codegen.render._addresses import Addresses
from rnnedge_export.codegen.render._gemm import gemm
from rnnedge_export.codegen.render._text import Code, turns


def nest(code: Code, one: Nest, at: Addresses, write: Callable[[Code, Statement, Addresses], None]) -> None:
    """Loops around statements."""
    with code.loops([turns(variable, count) for variable, count in one.loops]):
        for statement in one.body:
            write(code, statement, at)


def depthwise(code: Code, one: DepthwiseConvolution, at: Addresses) -> None:
    """Every place by itself, vectors along the channels."""
    shape, image = one.shape, one.image
    line = one.wide * one.channels
    x = at.pointer(
        image.buffer,
        image.offset,
        f"b * {image.batch}",
        f"h * {shape.strides[0] * image.row}",
        f"w * {shape.strides[1] * image.column}",
    )
    y = at.pointer(one.target, 0, f"b * {one.high * line}", f"h * {line}", f"w * {one.channels}")
    steps = f"{shape.dilations[0] * image.row}, {shape.dilations[1] * image.column}, {image.channel}"
    with code.loops([turns("b", one.batch), turns("h", one.high), turns("w", one.wide)]):
        code.line(
            f"depthwise({shape.kernel[0]}, {shape.kernel[1]}, {one.channels}, {x}, {steps}, "
            f"{at.pointer(one.weights)}, {at.pointer(one.bias)}, {y});"
        )


def overlap_add(code: Code, one: OverlapAdd, at: Addresses) -> None:
    """The kernels of every row of the image, and their sum where they overlap."""
    shape, line = one.shape, one.out_wide * one.channels
    y = at.pointer(
        one.target,
        one.first,
        f"b * {one.out_high * line}",
        f"h * {shape.strides[0] * line}",
        f"w * {shape.strides[1] * one.channels}",
    )
    steps = f"{shape.dilations[0] * line}, {shape.dilations[1] * one.channels}"
    with code.loops([turns("b", one.batch), turns("h", one.high)]):
        gemm(code, one.product, at)
        with code.block(turns("w", one.wide)):
            x = at.pointer(one.kernels, 0, f"w * {one.size}")
            code.line(f"overlap_add({shape.kernel[0]}, {shape.kernel[1]}, {one.each}, {x}, {y}, {steps});")
