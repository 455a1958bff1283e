"""Element-wise loops: nests over strided accesses. Two become one if each turn only meets its own elements."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_export.codegen._ir.expressions import Expression
from rnnedge_export.codegen._ir.tensors import Buffer, Span, View


@dataclass(frozen=True, eq=False)
class Access:
    """Element `offset + i0*strides[0] + i1*strides[1] + ...` of a buffer."""

    buffer: Buffer
    offset: int
    strides: tuple[int, ...]

    def span(self, extents: tuple[int, ...]) -> Span:
        """All elements in a loop of these extents."""
        return Span(self.buffer, self.offset, tuple(zip(extents, self.strides, strict=True)))

    def same(self, other: Access) -> bool:
        """Whether both are the same element in every turn of the loop."""
        return self.offset == other.offset and self.strides == other.strides


@dataclass(frozen=True, eq=False)
class Assignment:
    """One number: `write` becomes what `expression` makes of `reads`."""

    write: Access
    expression: Expression
    reads: tuple[Access, ...] = ()


@dataclass(frozen=True, eq=False)
class Loop:
    """`assignments` for every index within `extents`; no turn needs what another one writes."""

    extents: tuple[int, ...]
    assignments: tuple[Assignment, ...]

    def __post_init__(self) -> None:
        """Every turn stays inside every buffer."""
        self.touched()

    @property
    def writes(self) -> tuple[Access, ...]:
        """One element for each assignment."""
        return tuple(one.write for one in self.assignments)

    @property
    def reads(self) -> tuple[Access, ...]:
        """Those of all assignments."""
        return tuple(access for one in self.assignments for access in one.reads)

    def touched(self) -> tuple[Span, ...]:
        """All that it reads and writes."""
        return tuple(access.span(self.extents) for access in (*self.reads, *self.writes))

    def joined(self, after: Loop) -> Loop | None:
        """Both in one nest, where every element that one writes and the other touches is of the same turn."""
        if self.extents != after.extents:
            return None
        for one, others in ((self.writes, (*after.reads, *after.writes)), (after.writes, self.reads)):
            for access in one:
                for other in others:
                    if access.buffer is other.buffer and not (access.same(other) and injective(self.extents, access)):
                        return None
        return Loop(self.extents, self.assignments + after.assignments)


def injective(extents: tuple[int, ...], access: Access) -> bool:
    """Whether every turn has an element of its own."""
    reach = 1
    for stride, extent in sorted((abs(s), e) for s, e in zip(access.strides, extents, strict=True)):
        if stride < reach:
            return False
        reach = stride * extent
    return True


def nest(shape: tuple[int, ...], views: list[View]) -> tuple[tuple[int, ...], list[Access]]:
    """Extents and accesses of a loop over `shape`, along the first view's memory, with as few axes as possible.

    Every view has to be affine.
    """
    found = [view.strides() for view in views]
    spans = [one for one in found if one is not None]
    assert len(spans) == len(views)
    axes = sorted((a for a in range(len(shape)) if shape[a] > 1), key=lambda a: -abs(spans[0][1][a]))
    extents: list[int] = []
    strides: list[list[int]] = []
    for axis in axes:
        here = [span[1][axis] for span in spans]
        if extents and all(slow == fast * shape[axis] for slow, fast in zip(strides[-1], here, strict=True)):
            extents[-1] *= shape[axis]
            strides[-1] = here
        else:
            extents.append(shape[axis])
            strides.append(here)
    accesses = [
        Access(view.buffer, span[0], tuple(step[k] for step in strides))
        for k, (view, span) in enumerate(zip(views, spans, strict=True))
    ]
    return tuple(extents), accesses
