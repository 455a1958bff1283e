"""Fourier transforms of a fixed number of points as products with a constant matrix, which folds windows in.

An edge device's onnxruntime runs DFT and STFT by generic kernels; at the sizes of audio frames a matrix is faster, and
time goes through it as through any layer.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder, constant, replace
from rnnedge_export.graph.shaped_builder import ShapedBuilder, shape_of
from rnnedge_runtime.contract import Array


def dft(node: ir.Node, builder: GraphBuilder) -> None:
    """ONNX operator specification, DFT-17 and DFT-20: a fixed axis that is not the stream's, with a fixed size.

    1. Real input has a last axis of 1, complex input of 2; onesided keeps the first half of the bins.
    2. Inverse and onesided is left as it is.
    """
    value = node.inputs[0]
    if value is None or value.shape is None:
        return
    shape = shape_of(value)
    axis = _axis(node, len(shape))
    inverse, onesided = (bool(node.attributes.get_int(name, 0)) for name in ("inverse", "onesided"))
    points, parts = shape[axis] if axis is not None else None, shape[-1]
    if axis is None or not isinstance(points, int) or not isinstance(parts, int) or (inverse and onesided):
        return
    length = _number(node, 1)
    if len(node.inputs) > 1 and node.inputs[1] is not None and length is None:
        return
    matrix = _matrix(points, length or points, parts, inverse, onesided)
    write = ShapedBuilder(builder, node.outputs[0])
    last = len(shape) - 1
    order = [i for i in range(last) if i != axis] + [axis, last]
    x = write.tail(write.transposed(value, order), last - 1, [points * parts])
    y = write.op("MatMul", [*shape_of(x)[:-1], matrix.shape[1]], x, write.const(matrix))
    y = write.tail(y, last - 1, [matrix.shape[1] // 2, 2])
    replace(node, builder, [write.transposed(y, [order.index(i) for i in range(len(shape))])])


def stft(node: ir.Node, builder: GraphBuilder) -> None:
    """ONNX operator specification, STFT-17, of real signals (batch, time, 1) with a fixed step and window.

    A convolution over time whose kernels are the windowed cosines and sines.
    """
    signal = node.inputs[0]
    step, window, length = _number(node, 1), _array(node, 2), _number(node, 3)
    if signal is None or signal.shape is None or step is None or shape_of(signal)[-1] != 1:
        return
    points = length or (len(window) if window is not None else None)
    if points is None or (len(node.inputs) > 2 and node.inputs[2] is not None and window is None):
        return
    onesided = bool(node.attributes.get_int("onesided", 1))
    matrix = _matrix(points, points, 1, False, onesided)
    if window is not None:
        matrix = matrix * window[:, None].astype(np.float32) + np.float32(0)
    write = ShapedBuilder(builder, node.outputs[0])
    (batch, time, _), bins = shape_of(signal), matrix.shape[1]
    kernel = write.const(np.ascontiguousarray(matrix.T[:, None]))
    x = write.transposed(signal, [0, 2, 1])
    frames = f"(({time}) - {points})//{step} + 1"
    y = write.op("Conv", [batch, bins, frames], x, kernel, kernel_shape=[points], strides=[step])
    y = write.tail(write.transposed(y, [0, 2, 1]), 2, [bins // 2, 2])
    y.shape = ir.Shape([batch, frames, bins // 2, 2])
    replace(node, builder, [y])


def _matrix(points: int, length: int, parts: int, inverse: bool, onesided: bool) -> Array:
    """(points * parts, bins * 2): real and imaginary parts side by side, in float64 until the end."""
    bins = length // 2 + 1 if onesided else length
    used = np.arange(min(points, length))
    cosine, sine = _on_circle(np.outer(used, np.arange(bins)), length)
    sine = sine if inverse else -sine
    turned = np.zeros((points, parts, bins, 2))
    turned[used, 0] = np.stack([cosine, sine], -1)
    if parts == 2:
        turned[used, 1] = np.stack([-sine, cosine], -1)
    # Adding 0 makes +0 of -0, whose products would sum up to -0.
    scaled = turned / (length if inverse else 1) + 0.0
    return np.ascontiguousarray(scaled.reshape(points * parts, bins * 2).astype(np.float32))


def _on_circle(steps: Array, length: int) -> tuple[Array, Array]:
    """(cosine, sine) of 2 pi steps / length; at whole quarters exactly 0 or 1.

    So the imaginary parts of the lowest and the highest bin are 0, as those of torch are, and their phase 0 or pi.
    """
    steps = steps % length
    quarters, rest = np.divmod(4 * steps, length)
    angle = 2 * np.pi / length * steps
    ends = np.array([1.0, 0.0, -1.0, 0.0])
    cosine = np.where(rest == 0, ends[quarters], np.cos(angle))
    return cosine, np.where(rest == 0, ends[(quarters + 3) % 4], np.sin(angle))


def _axis(node: ir.Node, ndim: int) -> int | None:
    """DFT-20 has it as an input, -2 where that is absent; earlier it is an attribute, 1 by default."""
    graph = node.graph
    if graph is not None and int(graph.opset_imports.get("", 0)) < 20:
        return node.attributes.get_int("axis", 1) % ndim
    given = -2 if len(node.inputs) < 3 or node.inputs[2] is None else _number(node, 2)
    return None if given is None else given % ndim


def _number(node: ir.Node, index: int) -> int | None:
    array = _array(node, index)
    return None if array is None or array.size != 1 else int(array.reshape(-1)[0])


def _array(node: ir.Node, index: int) -> Array | None:
    value = node.inputs[index] if index < len(node.inputs) else None
    return None if value is None else constant(value)
