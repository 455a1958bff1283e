"""Written graph -> the same graph with narrow weights, and the list of what became of each.

1. A layer has a precision of its own (`Plan`); those that the plan does not name have its default.
2. float16 and bf16 are ways of storing weights. int8 and int4 are integer products where the weight is multiplied from
   the right, and int8 in the file where it is read in any other way.
3. Afterwards the graph is read again: every product that was to change is an integer operator, and no weight that was
   to be narrow is left in float32. A difference is a defect of this pass and raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.options import PRECISIONS
from rnnedge_export.precision.bounds import Range, bounds_of
from rnnedge_export.precision.layers import Weight, check_layers, product_of, weights_of
from rnnedge_export.precision.native_lstm import OPERATOR, narrow_lstms
from rnnedge_export.precision.products import DOMAIN, Ranges, write_product
from rnnedge_export.precision.storage import HALVES, WIDENED, store_half, store_int8
from rnnedge_runtime.contract import State
from rnnedge_runtime.errors import ModelRefused

INTEGER_OPERATORS = ("MatMulIntegerToFloat", "MatMulNBits", OPERATOR)


@dataclass(frozen=True)
class Plan:
    """A precision for every layer: `default`, but for those that `layers` names."""

    default: str
    layers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `ModelRefused` for a precision that does not exist."""
        for precision in (self.default, *self.layers.values()):
            if precision not in PRECISIONS:
                raise ModelRefused(f"precision: expected one of {', '.join(PRECISIONS)}, found {precision!r}")

    def of(self, layer: str) -> str:
        """The precision of one layer."""
        return self.layers.get(layer, self.default)


@dataclass(frozen=True)
class Change:
    """What became of the weights of a layer: their number, and how they were written, as "2 x int8"."""

    layer: str
    precision: str
    parameters: int
    how: str


def narrow(
    model: ir.Model,
    states: Sequence[State],
    plan: Plan,
    observed: Mapping[str, Range] | None = None,
    recurrences: Collection[str] = (),
) -> tuple[Change, ...]:
    """Rewrite `model` in place.

    `observed`: ranges of values by name, where calibration has seen them. `recurrences`: names of the native nodes that
    carry a state along time.

    Raises `ModelRefused` where the plan names a layer that the graph does not have, or if there is no weight.
    """
    weights = weights_of(model)
    check_layers(list(plan.layers), weights)
    if not weights:
        raise ModelRefused(f"precision {plan.default}: expected weights to store in fewer bits, found none")
    ranges = Ranges(bounds_of(model, states), observed or {})
    builder = GraphBuilder(model)
    changes: dict[str, tuple[str, int, Counter[str]]] = {}
    lstms = {w.layer for w in weights if plan.of(w.layer) == "int8"} & set(recurrences)
    for layer, parameters in narrow_lstms(model, builder, lstms).items():
        changes[layer] = "int8", parameters, Counter({OPERATOR: 1})
    expected = len(changes)
    for weight in weights:
        precision = plan.of(weight.layer)
        if precision == "float32" or not weight.value.uses():
            continue
        hows, products = _write(builder, weight, precision, ranges)
        expected += products
        _, parameters, counter = changes.get(weight.layer, (precision, 0, Counter()))
        changes[weight.layer] = precision, parameters + weight.array.size, counter + hows
    model.opset_imports.setdefault(DOMAIN, 1)
    RemoveUnusedNodesPass()(model)
    _assert_changed(model, plan, weights, expected)
    return tuple(
        Change(layer, precision, parameters, ", ".join(f"{n} x {how}" for how, n in hows.items()))
        for layer, (precision, parameters, hows) in changes.items()
    )


def _write(builder: GraphBuilder, weight: Weight, precision: str, ranges: Ranges) -> tuple[Counter[str], int]:
    """How the uses of a weight were written, and how many of them are integer products."""
    hows: Counter[str] = Counter()
    if precision in HALVES:
        hows[store_half(builder, weight, precision) or f"float32, too large for {precision}"] += 1
        return hows, 0
    bits, integers = (4 if precision == "int4" else 8), 0
    for node in weight.nodes:
        # Read now: what it adds may have been written again since.
        product = product_of(node, weight.value)
        assert product is not None
        before = node.outputs[0]
        how, after = write_product(builder, product, bits, ranges)
        hows[how] += 1
        integers += how != WIDENED
        ranges.move(before, after)
    if weight.read:
        hows[store_int8(builder, weight)] += 1
    return hows, integers


def _assert_changed(model: ir.Model, plan: Plan, weights: Sequence[Weight], expected: int) -> None:
    """Case 3."""
    found = sum(node.op_type in INTEGER_OPERATORS for node in model.graph.all_nodes())
    left = [w.value.name for w in weights if plan.of(w.layer) in ("int8", "int4") and w.value.uses()]
    if found != expected or left:
        raise AssertionError(f"precision {plan.default}: {found} of {expected} products changed, float32: {left}")
