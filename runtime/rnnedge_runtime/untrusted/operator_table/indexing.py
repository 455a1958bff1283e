"""Elements picked by numbers, and numbers of elements."""

from __future__ import annotations

from rnnedge_runtime.contract import Array
from rnnedge_runtime.untrusted.operator_table.attributes import AXIS, FLAG, MOST_AXES, Integer, Word
from rnnedge_runtime.untrusted.operator_table.node import Node, Shape
from rnnedge_runtime.untrusted.operator_table.shapes import Dim, axis_in, fits, integers
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, rows


def _batch_dims(node: Node) -> None:
    """ONNX: batch_dims is less than the rank of the data and than that of the indices."""
    batch_dims = node.get("batch_dims", 0)
    for k in (0, 1):
        rank = node.rank(k)
        if rank is not None and batch_dims >= rank:
            node.refuse(f"batch_dims of less than {rank}, the axes of input {k}", batch_dims)


_REDUCTIONS = Word(("none", "add", "mul", "max", "min"))


def _within(node: Node, places: Array | None, length: Dim) -> None:
    """Constant places are on an axis of `length`, counted from its front or from its end."""
    if places is None or length is None or not places.size:
        return
    if places.min() < -length or places.max() >= length:
        node.refuse(f"places of {-length} to {length - 1}", f"{places.min()} to {places.max()}")


def _gather(node: Node) -> Shapes:
    data, places = node.shape(0), node.shape(1)
    if data is None or places is None:
        return (None,)
    axis = axis_in(node, node.get("axis", 0), len(data))
    _within(node, node.constant(1), data[axis])
    return ((*data[:axis], *places, *data[axis + 1 :]),)


def _elements(node: Node) -> Shapes:
    """Places have the axes of the data, and are no longer along all but one of them."""
    data, places = node.shape(0), node.shape(1)
    if data is None or places is None:
        return (places,)
    axis = axis_in(node, node.get("axis", 0), len(data))
    if len(places) != len(data):
        node.refuse(f"{len(data)} axes of places", len(places))
    for k, (length, count) in enumerate(zip(data, places, strict=True)):
        if k != axis and length is not None and count is not None and count > length:
            node.refuse(f"at most {length} places along axis {k}", count)
    _within(node, node.constant(1), data[axis])
    return (places,)


def _slices(node: Node) -> Shapes:
    """GatherND: the last axis of the places counts axes of the data, after those of the batch."""
    data, places, batch = node.shape(0), node.shape(1), node.get("batch_dims", 0)
    if data is None or places is None or not places or places[-1] is None:
        return (None,)
    _same_batch(node, data, places, batch)
    depth = places[-1]
    if not 1 <= depth <= len(data) - batch:
        node.refuse(f"places of 1 to {len(data) - batch} axes", depth)
    constant = node.constant(1)
    for k in range(depth):
        _within(node, None if constant is None else constant[..., k], data[batch + k])
    return ((*places[:-1], *data[batch + depth :]),)


def _same_batch(node: Node, data: Shape, places: Shape, batch: int) -> None:
    for k in range(batch):
        if None not in (data[k], places[k]) and data[k] != places[k]:
            node.refuse(f"a batch of {data[k]} along axis {k}", places[k])


def _scattered(node: Node) -> Shapes:
    """ScatterND: an update for each of the places, which count axes of the data from the front."""
    data, places = node.shape(0), node.shape(1)
    if data is None or places is None or not places or places[-1] is None:
        return (data,)
    depth, constant = places[-1], node.constant(1)
    if not 1 <= depth <= len(data):
        node.refuse(f"places of 1 to {len(data)} axes", depth)
    for k in range(depth):
        _within(node, None if constant is None else constant[..., k], data[k])
    fits(node, node.shape(2), (*places[:-1], *data[depth:]), "updates")
    return (data,)


def _put(node: Node) -> Shapes:
    """ScatterElements: places as in GatherElements, and an update for each."""
    places = _elements(node)[0]
    if places is not None:
        fits(node, node.shape(2), places, "updates")
    return (node.shape(0),)


def _reversed(node: Node) -> Shapes:
    """A length for each sequence, of 1 to all frames."""
    x, lengths, batch = node.shape(0), node.constant(1), node.get("batch_axis", 1)
    if batch == node.get("time_axis", 0) or (x is not None and len(x) < 2):
        node.refuse("axes of batch and time", (x, batch))
    if x is None:
        return (None,)
    fits(node, node.shape(1), (x[batch],), "lengths")
    frames = x[1 - batch]
    if lengths is not None and lengths.size and (lengths.min() < 1 or (frames is not None and lengths.max() > frames)):
        node.refuse("lengths of 1 to the frames", lengths.ravel()[:8].tolist())
    return (x,)


def _top(node: Node) -> Shapes:
    """As many as a constant says, of those that are there."""
    x, count = node.shape(0), integers(node, 1)
    if count is not None and (len(count) != 1 or count[0] < 1):
        node.refuse("one count above 0", count)
    if x is None:
        return (None, None)
    axis = axis_in(node, node.get("axis", -1), len(x))
    length, kept = x[axis], None if count is None else count[0]
    if length is not None and kept is not None and kept > length:
        node.refuse(f"a count of 1 to {length}", kept)
    found = (*x[:axis], kept, *x[axis + 1 :])
    return (found, found)


def _largest(node: Node) -> Shapes:
    x = node.shape(0)
    if x is None:
        return (None,)
    axis = axis_in(node, node.get("axis", 0), len(x))
    if x[axis] == 0:
        node.refuse(f"numbers along axis {axis}", x)
    return ((*x[:axis], *((1,) if node.get("keepdims", 1) else ()), *x[axis + 1 :]),)


rows("Gather", Row((2, 2), attributes={"axis": AXIS}, shapes=_gather))
rows("GatherElements", Row((2, 2), attributes={"axis": AXIS}, shapes=_elements))
rows("GatherND", Row((2, 2), attributes={"batch_dims": Integer(0, MOST_AXES - 1)}, check=_batch_dims, shapes=_slices))
rows(
    "ArgMax ArgMin",
    Row(
        (1, 1),
        attributes={"axis": AXIS, "keepdims": FLAG, "select_last_index": FLAG},
        result="int64",
        shapes=_largest,
    ),
)
rows("ScatterND", Row((3, 3), attributes={"reduction": _REDUCTIONS}, shapes=_scattered))
rows("ScatterElements", Row((3, 3), attributes={"axis": AXIS, "reduction": _REDUCTIONS}, shapes=_put))
rows(
    "ReverseSequence",
    Row((2, 2), attributes={"batch_axis": Integer(0, 1), "time_axis": Integer(0, 1)}, shapes=_reversed),
)
rows(
    "TopK",
    Row(
        (2, 2),
        (2, 2),
        attributes={"axis": AXIS, "largest": FLAG, "sorted": FLAG},
        result=lambda node: (node.type(0), "int64"),
        shapes=_top,
    ),
)
