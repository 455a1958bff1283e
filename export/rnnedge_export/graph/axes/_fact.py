"""What the axis pass knows of a value: it is another one with its axes in another order, and unit axes put in between.

That covers a Transpose, an Unsqueeze, and every chain of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder

Order = tuple["int | None", ...]


@dataclass(frozen=True)
class AxisFact:
    """Axis k of `value` is axis `order[k]` of `base`; None: an axis of size 1, which `base` lacks.

    Every axis of `base` stands in `order` once. Where the number of axes is unknown, `order` is None, and `value` is
    `base`.
    """

    value: ir.Value
    base: ir.Value
    order: Order | None

    @property
    def rank(self) -> int | None:
        """The number of axes of `value`."""
        return None if self.order is None else len(self.order)

    @property
    def units(self) -> tuple[int, ...]:
        """The axes of `value` that `base` lacks, ascending."""
        return tuple(axis for axis, source in enumerate(self.order or ()) if source is None)

    @property
    def moves(self) -> bool:
        """Whether axes of `base` stand in another order."""
        return moves(self.order or ())

    @property
    def plain(self) -> bool:
        """Whether `value` is `base`."""
        return not self.units and not self.moves


def known(value: ir.Value) -> AxisFact:
    """The fact of a value of which nothing else is known."""
    return AxisFact(value, value, None if value.shape is None else tuple(range(len(value.shape))))


def moves(order: Sequence[int | None]) -> bool:
    """Whether the axes that `order` takes are out of order."""
    taken = [source for source in order if source is not None]
    return taken != sorted(taken)


def with_units(rank: int, units: Collection[int]) -> Order:
    """The order of `rank` axes of which `units` are of size 1 and not on the base."""
    sources = iter(range(rank))
    return tuple(None if axis in units else next(sources) for axis in range(rank))


def without(order: Order, axes: Collection[int]) -> Order:
    """The order of a value that loses `axes`, which are unit axes."""
    return tuple(source for axis, source in enumerate(order) if axis not in axes)


def arrange(builder: GraphBuilder, base: ir.Value, order: Sequence[int | None]) -> ir.Value:
    """Write the value whose axis k is axis `order[k]` of `base`, a unit axis for None."""
    taken = [source for source in order if source is not None]
    if moves(order):
        base = builder.op("Transpose", base, perm=taken)
    units = [axis for axis, source in enumerate(order) if source is None]
    return builder.op("Unsqueeze", base, builder.ints(*units)) if units else base
