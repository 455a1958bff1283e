"""One rule per family of operators: how it takes a batch in front of its axes.

A rule changes its node in place; one that returns False gives values without a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.operators import Kind, of_kind
from rnnedge_export.onnx_files.batching._site import Site, moved

Rule = Callable[[Site], bool | None]
RULES: dict[str, Rule] = {}
_AXIS_OF = {"ArgMax": 0, "ArgMin": 0, "Gather": 0, "Split": 0}


def rule(*operators: str) -> Callable[[Rule], Rule]:
    """Register a rule for operators."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(operators, function))
        return function

    return register


@rule(*of_kind(Kind.POINTWISE))
def pointwise(_: Site) -> None:
    """As it is."""


@rule(*of_kind(Kind.BROADCASTING), "Expand")
def broadcasting(site: Site) -> None:
    """Operands with a batch and fewer axes than the result get units after the batch."""
    rank, expand = site.out_rank(), site.node.op_type == "Expand"
    for index in range(1 if expand else len(site.node.inputs)):
        missing = rank - site.rank(index)
        if site.has_batch(index) and missing > 0:
            site.put(index, site.op("Unsqueeze", site.input(index), site.builder.ints(*range(1, missing + 1))))
    if expand:
        site.put(1, site.op("Concat", site.builder.ints(1), site.input(1), axis=0))


@rule(*of_kind(Kind.ALONG_AXIS), *of_kind(Kind.ARGUMENT), *of_kind(Kind.TRAILING))
def along_axis(site: Site) -> None:
    """Its attribute `axis` moves."""
    axis = site.node.attributes.get_int("axis", _AXIS_OF.get(site.node.op_type, -1))
    site.node.attributes.add(ir.AttrInt64("axis", moved([axis])[0]))


@rule(*of_kind(Kind.REDUCTION))
def reduction(site: Site) -> None:
    """Its axes move; all of them are those of one sequence."""
    axes = site.numbers(1)
    if not axes and site.node.attributes.get_int("noop_with_empty_axes", 0) == 1:
        return
    site.put(1, site.builder.ints(*(moved(axes) if axes else range(1, site.rank(0) + 1))))


@rule("CumSum")
def cumulative(site: Site) -> None:
    """Its axis moves."""
    (axis,) = site.numbers(1) or [0]
    site.put(1, site.builder.const(np.array(moved([axis])[0], np.int64)))


@rule("Squeeze", "Unsqueeze")
def units(site: Site) -> None:
    """Its axes move; a Squeeze without any takes the units of one sequence."""
    axes = site.numbers(1)
    if axes is None:
        axes = [axis for axis, size in enumerate(site.shape(0)) if size == 1]
    site.put(1, site.builder.ints(*moved(axes)))


@rule("Transpose")
def transpose(site: Site) -> None:
    """The batch stays in front."""
    order = list(site.node.attributes.get_ints("perm") or reversed(range(site.rank(0))))
    site.node.attributes.add(ir.AttrInt64s("perm", [0, *moved(order)]))


@rule("Reshape")
def reshape(site: Site) -> None:
    """The batch is copied; later zeros still copy their own axes."""
    if site.node.attributes.get_int("allowzero", 0):
        site.refuse("allowzero")
    site.put(1, site.op("Concat", site.builder.ints(0), site.input(1), axis=0))


@rule("Flatten")
def flatten(site: Site) -> None:
    """A Reshape to two axes of fixed or open size."""
    axis = site.node.attributes.get_int("axis", 1)
    sizes = [0, 0, -1] if axis == 1 else [0, -1, prod(site.shape(0)[axis:])]
    site.become(site.op("Reshape", site.input(0), site.builder.ints(*sizes)))


@rule("Concat")
def concat(site: Site) -> None:
    """Its axis moves; parts without a batch are expanded to it."""
    along_axis(site)
    first = next(i for i in range(len(site.node.inputs)) if site.has_batch(i))
    for index in range(len(site.node.inputs)):
        if not site.has_batch(index):
            units = site.builder.ints(*[1] * site.rank(index))
            sizes = site.op("Concat", site.batch(first), units, axis=0)
            one = site.op("Unsqueeze", site.input(index), site.builder.ints(0))
            site.put(index, site.op("Expand", one, sizes))


@rule("Split")
def split(site: Site) -> None:
    """Its axis moves."""
    along_axis(site)


@rule("Slice")
def slice_(site: Site) -> None:
    """Its axes move."""
    axes = site.numbers(3)
    count = len(site.numbers(1) or [])
    site.put(3, site.builder.ints(*moved(list(range(count)) if axes is None else axes)))


@rule("Pad")
def pad(site: Site) -> None:
    """Its axes move; without any, the amounts are those of all axes of one sequence."""
    axes = site.numbers(3)
    site.put(3, site.builder.ints(*moved(list(range(site.rank(0))) if axes is None else axes)))


@rule("Gather")
def gather(site: Site) -> None:
    """From data with a batch its axis moves; indices with a batch look into a constant table along axis 0."""
    if site.has_batch(0) and not site.has_batch(1):
        along_axis(site)
    elif site.has_batch(0) or site.node.attributes.get_int("axis", 0) != 0:
        site.refuse("it gathers by computed indices")


@rule("MatMul")
def matmul(site: Site) -> None:
    """As it is for matrices and vectors; stacks of matrices are aligned."""
    left, right = site.rank(0), site.rank(1)
    if site.has_batch(1) and right == 1:
        site.put(1, site.op("Unsqueeze", site.input(1), site.builder.ints(2)))
        site.after(0, lambda value: site.op("Squeeze", value, site.builder.ints(-1)))
        right = 2
    if site.has_batch(0) and (left == 1 and (right > 2 or site.has_batch(1))):
        site.put(0, site.op("Unsqueeze", site.input(0), site.builder.ints(1)))
        site.after(0, lambda value: site.op("Squeeze", value, site.builder.ints(-2)))
        left = 2
    most = max(left, right)
    for index, rank in ((0, left), (1, right)):
        if site.has_batch(index) and 1 < rank < most:
            site.put(index, site.op("Unsqueeze", site.input(index), site.builder.ints(*range(1, most - rank + 1))))


@rule("Gemm")
def gemm(site: Site) -> None:
    """A product of the batch with a constant matrix, and its sum."""
    attributes = site.node.attributes
    biased = len(site.node.inputs) > 2 and site.node.inputs[2] is not None
    if site.has_batch(1) or (biased and site.has_batch(2)):
        site.refuse("its matrix is computed from the frames")
    a, b = site.input(0), site.input(1)
    if attributes.get_int("transA", 0):
        a = site.op("Transpose", a, perm=[0, 2, 1])
    if attributes.get_int("transB", 0):
        b = site.op("Transpose", b, perm=[1, 0])
    result = _scaled(site, site.op("MatMul", a, b), "alpha")
    site.become(site.op("Add", result, _scaled(site, site.input(2), "beta")) if biased else result)


def _scaled(site: Site, value: ir.Value, factor: str) -> ir.Value:
    scale = site.node.attributes.get_float(factor, 1.0)
    return value if scale == 1 else site.op("Mul", value, site.builder.const(np.array(scale, np.float32)))


@rule("Conv", "ConvTranspose", "AveragePool", "MaxPool", "LpPool", "GlobalAveragePool", "GlobalMaxPool",
      "BatchNormalization", "InstanceNormalization", "GroupNormalization", "Resize")  # fmt: skip
def own_batch(site: Site) -> None:
    """An operator with a batch of its own, which is 1: the batch takes its place."""
    if any(site.has_batch(index) for index in range(1, len(site.node.inputs))):
        site.refuse("its weights are computed from the frames")
    if site.shape(0)[0] != 1:
        site.refuse(f"it works on {site.shape(0)[0]} at a time")
    site.put(0, site.op("Squeeze", site.input(0), site.builder.ints(1)))
    site.after(0, lambda value: site.op("Unsqueeze", value, site.builder.ints(1)))


@rule("RNN", "GRU", "LSTM")
def recurrent(site: Site) -> None:
    """A recurrence over one sequence: the batch takes the place of its own batch of 1."""
    if any(site.has_batch(index) for index in range(1, len(site.node.inputs))):
        site.refuse("its weights or its initial state are computed from the frames")
    layout = site.node.attributes.get_int("layout", 0)
    if site.shape(0)[0 if layout else 1] != 1:
        site.refuse(f"it runs over {site.shape(0)[0 if layout else 1]} sequences at a time")
    x = site.op("Squeeze", site.input(0), site.builder.ints(1 if layout else 2))
    site.put(0, x if layout else site.op("Transpose", x, perm=[1, 0, 2]))
    for index in range(len(site.node.outputs)):
        rank = 3 if index else 4
        at = 0 if layout else rank - 2
        order = [at, *(axis for axis in range(rank) if axis != at)]
        site.after(index, lambda value, order=order, at=at: site.op(  # type: ignore[misc]
            "Unsqueeze", site.op("Transpose", value, perm=order), site.builder.ints(at + 1)
        ))  # fmt: skip


@rule("Tile")
def tile(site: Site) -> None:
    """The batch once."""
    site.put(1, site.op("Concat", site.builder.ints(1), site.input(1), axis=0))


@rule("Shape")
def shape(site: Site) -> bool:
    """The shape of one sequence."""
    attributes = site.node.attributes
    start, end = attributes.get_int("start", 0), attributes.get("end")
    attributes.add(ir.AttrInt64("start", moved([start])[0]))
    if end is not None:
        attributes.add(ir.AttrInt64("end", moved([end.as_int()])[0]))
    return False
