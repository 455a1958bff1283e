"""Arithmetic of shapes in which dims may be unknown: what is known is compared, what is not is passed over.

Every function here that takes a node refuses it where known dims contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rnnedge_runtime.untrusted.operator_table.node import Node, Shape
from rnnedge_runtime.untrusted.operator_table.table import Shapes

Dim = int | None


def same(node: Node) -> Shapes:
    """The first output has the shape of the first input."""
    return (node.shape(0),)


def one(node: Node, dims: Iterable[Dim], what: str) -> Dim:
    """The dim that all of `dims` are; `what` is how the message calls it."""
    known = {dim for dim in dims if dim is not None}
    if len(known) > 1:
        node.refuse(f"{what} to be the same", sorted(known))
    return next(iter(known), None)


def fits(node: Node, found: Shape | None, expected: Shape, what: str) -> None:
    """`found` has the axes of `expected`, and its dims."""
    if found is not None and (
        len(found) != len(expected) or any(None not in (a, b) and a != b for a, b in zip(found, expected, strict=True))
    ):
        node.refuse(f"{what} of shape {shown(expected)}", shown(found))


def both(node: Node, found: Shape, claimed: Shape | None, what: str) -> Shape:
    """What is known of a shape that is computed and claimed."""
    if claimed is None:
        return found
    fits(node, claimed, found, what)
    return tuple(b if a is None else a for a, b in zip(found, claimed, strict=True))


def joined(node: Node, shapes: Iterable[Shape | None]) -> Shape | None:
    """What shapes are broadcast to."""
    known = list(shapes)
    if None in known:
        return None
    every = [shape for shape in known if shape is not None]
    rank = max(map(len, every), default=0)
    aligned = [(1,) * (rank - len(shape)) + shape for shape in every]
    return tuple(_broadcast(node, dims) for dims in zip(*aligned, strict=True))


def _broadcast(node: Node, dims: Sequence[Dim]) -> Dim:
    wide = one(node, [dim for dim in dims if dim != 1], "dims that are broadcast")
    return 1 if wide is None and None not in dims else wide


def onto(node: Node, shape: Shape | None, target: Shape | None, what: str) -> None:
    """`shape` can be broadcast to `target`, which stays as it is."""
    if shape is None or target is None:
        return
    aligned = target[len(target) - len(shape) :] if len(shape) <= len(target) else None
    if aligned is None or any(
        a not in (1, None) and b is not None and a != b for a, b in zip(shape, aligned, strict=True)
    ):
        node.refuse(f"{what} that is broadcast to {shown(target)}", shown(shape))


def axis_in(node: Node, axis: int, rank: int, what: str = "axis") -> int:
    """`axis` counted from the front."""
    if not -rank <= axis < rank:
        node.refuse(f"{what} within {rank} axes", axis)
    return axis % rank


def axes_in(node: Node, axes: Iterable[int], rank: int) -> tuple[int, ...]:
    """Axes counted from the front, each once."""
    found = tuple(axis_in(node, axis, rank, "axes") for axis in axes)
    if len(set(found)) < len(found):
        node.refuse("each axis once", list(found))
    return found


def integers(node: Node, k: int, attribute: str = "") -> list[int] | None:
    """The numbers of a constant input, or of the attribute that was in its place in older opsets; None: not known."""
    if attribute and attribute in node.attributes:
        return list(node.attributes[attribute])
    found = node.constant(k)
    if found is None:
        return None
    if found.dtype.kind not in "iu" or found.ndim > 1:
        node.refuse(f"integers in one row as input {k}", f"{found.dtype}{list(found.shape)}")
    return [int(number) for number in found.ravel()]


def times(dims: Iterable[Dim]) -> Dim:
    """Their product."""
    product = 1
    for dim in dims:
        if dim is None:
            return None
        product *= dim
    return product


def known_rank(node: Node, k: int, *ranks: int) -> Shape | None:
    """The shape of input `k`, which has one of these numbers of axes."""
    shape = node.shape(k)
    if shape is not None and len(shape) not in ranks:
        node.refuse(f"{' or '.join(map(str, ranks))} axes of input {k}", shown(shape))
    return shape


def shown(shape: Shape) -> str:
    """As a message says it."""
    return f"({', '.join('?' if dim is None else str(dim) for dim in shape)})"
