"""Faults of attributes: an epsilon, a slope, an axis that is the default's, and whole numbers of too few bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
from graph_edits import each, insert_before, without
from injection import Injection, fault

from rnnedge_export.graph.builder import constant


def _attribute(injection: Injection, kind: str, name: str, value: float) -> None:
    written = ir.AttrFloat32 if isinstance(value, float) else ir.AttrInt64

    def edit(model: ir.Model) -> int:
        return each(model, kind, lambda node: node.attributes.__setitem__(name, written(name, value)))

    injection.captured(edit)


def _constants(injection: Injection, kind: str, place: int, change: Callable[[Any], Any]) -> None:
    """Let a constant operand of every node of a kind be another one."""

    def edit(model: ir.Model) -> int:
        hits = 0
        for node in [n for n in model.graph.all_nodes() if n.op_type == kind]:
            found = constant(node.inputs[place]) if len(node.inputs) > place else None
            if found is None or (changed := np.asarray(change(found), found.dtype)).tolist() == found.tolist():
                continue
            node.replace_input_with(place, insert_before(node, "Identity", changed))
            hits += 1
        return hits

    injection.captured(edit)


@fault("capture", "norms")
def epsilon_of_the_default(injection: Injection) -> None:
    """Layer norm has the epsilon of its operator's default."""
    _attribute(injection, "LayerNormalization", "epsilon", 1e-5)


@fault("capture", "tagger")
def epsilon_ten_times_less(injection: Injection) -> None:
    """Layer norm has a tenth of its epsilon."""
    _attribute(injection, "LayerNormalization", "epsilon", 1e-6)


@fault("capture", "shapes")
def slope_of_an_elu(injection: Injection) -> None:
    """An ELU has the alpha of its operator's default."""
    _attribute(injection, "Elu", "alpha", 1.0)


@fault("capture", "shapes")
def slope_of_a_celu(injection: Injection) -> None:
    """A CELU has the alpha of its operator's default."""
    _attribute(injection, "Celu", "alpha", 1.0)


@fault("capture", "shapes")
def slopes_of_one_channel(injection: Injection) -> None:
    """A PReLU has the slope of its first channel for every one."""
    _constants(injection, "PRelu", 1, lambda slopes: np.broadcast_to(slopes.reshape(-1)[0], slopes.shape))


@fault("capture", "shapes")
def smallest_for_largest(injection: Injection) -> None:
    """The place of the smallest number is that of the largest."""

    def edit(model: ir.Model) -> int:
        return each(model, "ArgMin", lambda node: setattr(node, "op_type", "ArgMax"))

    injection.captured(edit)


@fault("capture", "shapes")
def sums_without_the_number(injection: Injection) -> None:
    """A sum along features is without the feature itself."""
    _attribute(injection, "CumSum", "exclusive", 1)


@fault("capture", "shapes")
def logarithm_of_sums_by_itself(injection: Injection) -> None:
    """A logarithm of summed exponentials is of what overflows."""

    def edit(model: ir.Model) -> int:
        def apart(node: ir.Node) -> None:
            node.replace_input_with(0, insert_before(node, "Exp", node.inputs[0]))
            node.op_type = "ReduceLogSum"

        return each(model, "ReduceLogSumExp", apart)

    injection.captured(edit)


@fault("capture", "shapes")
def hard_sigmoid_of_the_default(injection: Injection) -> None:
    """A hard sigmoid has the slope of its operator's default."""
    _attribute(injection, "HardSigmoid", "alpha", 0.2)


@fault("capture", "samples")
def samples_of_eight_bits(injection: Injection) -> None:
    """Whole numbers go through eight bits on their way to floats."""
    _through(injection, ir.DataType.INT8)


@fault("capture", "samples")
def samples_of_sixteen_bits(injection: Injection) -> None:
    """Whole numbers go through sixteen bits on their way to floats."""
    _through(injection, ir.DataType.INT16)


@fault("capture", "samples")
def samples_in_halves(injection: Injection) -> None:
    """Whole numbers go through float16 on their way to floats."""
    _through(injection, ir.DataType.FLOAT16)


def _through(injection: Injection, kind: ir.DataType) -> None:
    def edit(model: ir.Model) -> int:
        def first(node: ir.Node) -> None:
            narrow = insert_before(node, "Cast", node.inputs[0], to=int(kind))
            narrow.type = ir.TensorType(kind)
            node.replace_input_with(0, narrow)

        return each(model, "Cast", first)

    injection.captured(edit)


@fault("capture", "samples")
def samples_bounded(injection: Injection) -> None:
    """Whole numbers end at a thousand."""

    def edit(model: ir.Model) -> int:
        def bounded(node: ir.Node) -> None:
            ends = np.array(-1000), np.array(1000)
            node.replace_input_with(0, insert_before(node, "Clip", node.inputs[0], *ends))

        return each(model, "Cast", bounded)

    injection.captured(edit)


@fault("capture", "voice")
def table_of_a_context_cut(injection: Injection) -> None:
    """The last row of the table that a context chooses from is the one before it."""

    def edit(model: ir.Model) -> int:
        hits = 0
        for node in [n for n in model.graph.all_nodes() if n.op_type == "Gather"]:
            table = constant(node.inputs[0])
            if table is not None and table.ndim == 2 and len(table) == 7:
                node.replace_input_with(0, insert_before(node, "Identity", np.concatenate([table[:-1], table[-2:-1]])))
                hits += 1
        return hits

    injection.captured(edit)


@fault("capture", "norms")
def deviation_of_all(injection: Injection) -> None:
    """A variance is over the number of features, and not one less."""

    def edit(model: ir.Model) -> int:
        hits = 0
        for node in list(model.graph.all_nodes()):
            for place, value in enumerate(node.inputs):
                found = None if value is None else constant(value)
                if node.op_type in ("Div", "Mul") and found is not None and found.size == 1:
                    number = float(found.reshape(-1)[0])
                    wrong = {5.0: 6.0, 1.2: 1.0, 6 / 5: 1.0}.get(round(number, 6))
                    if wrong is not None:
                        node.replace_input_with(
                            place, insert_before(node, "Identity", np.full(found.shape, wrong, found.dtype))
                        )
                        hits += 1
        return hits

    injection.captured(edit)


@fault("capture", "norms")
def root_left_out(injection: Injection) -> None:
    """A deviation is a variance."""
    injection.captured(lambda model: without(model, "Sqrt"))


@fault("capture", "two dimensions")
def groups_in_another_order(injection: Injection) -> None:
    """The groups of a convolution read each other's channels."""

    def edit(model: ir.Model) -> int:
        hits = 0
        for node in [n for n in model.graph.all_nodes() if n.op_type == "Conv"]:
            if node.attributes.get_int("group", 1) == 2:
                weights = constant(node.inputs[1])
                assert weights is not None
                half = len(weights) // 2
                node.replace_input_with(
                    1, insert_before(node, "Identity", np.concatenate([weights[half:], weights[:half]]))
                )
                hits += 1
        return hits

    injection.captured(edit)
