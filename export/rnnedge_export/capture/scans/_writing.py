"""A recurrence of two sequences written into a captured graph, frame by frame."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.fx import Node

from rnnedge_export.capture.loops import aten, new_node, shape_of
from rnnedge_export.capture.scans._samples import Samples


def apply(at: Node, target: Any, *args: Any, **kwargs: Any) -> Node:
    """An operator in front of `at`."""
    return new_node(at, target, args, kwargs, same=False)


def constant(samples: Samples, at: Node, value: Tensor) -> Node:
    """A tensor of its own, in front of `at`."""
    root = samples.unrolled.module
    name = f"scan_constant_{sum(1 for each in root._buffers if each.startswith('scan_constant_'))}"
    root.register_buffer(name, value)
    with root.graph.inserting_before(at):
        node = root.graph.get_attr(name)
    node.meta["val"] = samples.fake(value)
    return node


def affine_loop(at: Node, a: Node | None, b: Node, axis: int, length: int) -> Node:
    """y_t = a_t y_(t-1) + b_t along `axis` of b, from 0; a of the same rank, or the same for all frames; None: 1."""
    changes = a is not None and len(shape_of(a)) == len(shape_of(b)) and shape_of(a)[axis] == length
    if a is not None and not changes and len(shape_of(a)) == len(shape_of(b)):
        a = apply(at, aten.select.int, a, axis, 0)
    y = apply(at, aten.zeros_like.default, apply(at, aten.select.int, b, axis, 0))
    rows = []
    for t in range(length):
        if a is not None:
            y = apply(at, aten.mul.Tensor, y, apply(at, aten.select.int, a, axis, t) if changes else a)
        y = apply(at, aten.add.Tensor, y, apply(at, aten.select.int, b, axis, t))
        rows.append(y)
    return apply(at, aten.stack.default, rows, axis)


def turning_loop(at: Node, real: Node, imag: Node, u: Node, axis: int, length: int) -> tuple[Node, Node]:
    """x_t = (real + i imag) x_(t-1) + u_t for a real u: the parts of x, along `axis`."""
    zero = apply(at, aten.mul.Tensor, apply(at, aten.zeros_like.default, apply(at, aten.select.int, u, axis, 0)), real)
    x, y, rows = zero, zero, list[tuple[Node, Node]]()
    for t in range(length):
        frame = apply(at, aten.select.int, u, axis, t)
        products = [apply(at, aten.mul.Tensor, a, b) for a, b in ((x, real), (y, imag), (x, imag), (y, real))]
        x = apply(at, aten.add.Tensor, apply(at, aten.sub.Tensor, *products[:2]), frame)
        y = apply(at, aten.add.Tensor, *products[2:])
        rows.append((x, y))
    first, second = zip(*rows, strict=True)
    return apply(at, aten.stack.default, list(first), axis), apply(at, aten.stack.default, list(second), axis)
