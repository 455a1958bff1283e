"""The rule for Reshape to a constant shape.

Axes of size 1 do not change the order of elements, so every literal 1 of the target may leave, whatever the input's
axes were: Reshape(F, target) = Unsqueeze(Reshape(b, target without its ones), places of the ones).

1. An entry 0 copies the size at the same place of F. On the base it stays 0 where the place is the same, becomes the
   number where the graph states it, and -1 where it does not; two of those have no rule.
2. Where the target then says just what the base is, entry by entry with at most one -1, nothing is written.
3. `allowzero`, a target that is not constant, and axes that moved have no rule.
"""

from __future__ import annotations

from rnnedge_export.graph.axes._fact import AxisFact, Order, with_units
from rnnedge_export.graph.axes._site import Site, constant_ints


def reshape(site: Site) -> list[AxisFact] | None:
    """See the module: every 1 of the target leaves."""
    x, target = site.inputs[0], constant_ints(site.inputs[1])
    if x is None or x.order is None or x.moves or target is None or site.node.attributes.get_int("allowzero", False):
        return None
    units = [k for k, size in enumerate(target) if size == 1 or (size == 0 and k in x.units)]
    entries: list[int] = []
    for k, size in enumerate(target):
        if k not in units:
            entries.append(size or _copied(x, x.order, k, len(entries)))
    if entries.count(-1) > 1:
        return None
    order = with_units(len(target), units)
    if _says(x, entries):
        return [site.fact(site.node.outputs[0], x.base, order)]
    return site.succeed([x.base, site.builder.ints(*entries)], order)


def _copied(x: AxisFact, order: Order, source: int, place: int) -> int:
    """The entry at `place` on the base that copies axis `source` of F (case 1)."""
    if order[source] == place:
        return 0
    size = None if x.value.shape is None else x.value.shape[source]
    return size if isinstance(size, int) else -1


def _says(x: AxisFact, entries: list[int]) -> bool:
    """Case 2."""
    if x.value.shape is None:
        return False
    sizes = [size for k, size in enumerate(x.value.shape) if k not in x.units]
    return len(sizes) == len(entries) and all(
        entry in (0, -1) or entry == size for entry, size in zip(entries, sizes, strict=True)
    )
