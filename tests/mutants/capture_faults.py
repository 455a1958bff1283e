"""Faults of the capture: operators, value ranges, names, axes, states."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
from graph_edits import each, insert_after, insert_before, without
from injection import Injection, fault

from rnnedge_export import passes
from rnnedge_export.capture import _constant_weights as weights
from rnnedge_export.capture import _exact
from rnnedge_export.capture import _recurrent_layers as layers
from rnnedge_export.capture import _rnn_custom_ops as custom
from rnnedge_export.graph.builder import constant

# The module, whose name is also that of the function in it.
capturing = sys.modules["rnnedge_export.capture.capture"]


@fault("capture", "ranges")
def clamp_dropped(injection: Injection) -> None:
    """A clamp at 20 is left out."""
    injection.captured(lambda model: sum(without(model, kind) for kind in ("Clip", "Max", "Min")))


@fault("capture", "ranges")
def clamp_inside_dropped(injection: Injection) -> None:
    """An upper bound of 60 in front of an exponential is left out."""
    injection.captured(lambda model: sum(without(model, kind) for kind in ("Clip", "Min")))


@fault("capture", "convolutions")
def relu6_as_relu(injection: Injection) -> None:
    """ReLU6 is written as ReLU."""

    def edit(node: ir.Node) -> None:
        node.op_type = "Relu"
        node.resize_inputs(1)

    injection.captured(lambda model: each(model, "Clip", edit) + without(model, "Min"))


@fault("capture", "ranges")
def softmax_without_its_maximum(injection: Injection) -> None:
    """Softmax is written as exponentials over their sum, which overflow."""

    def edit(node: ir.Node) -> None:
        powers = insert_before(node, "Exp", node.inputs[0])
        total = insert_before(node, "ReduceSum", powers, np.array([-1]), keepdims=1)
        node.op_type = "Div"
        node.attributes.clear()
        node.resize_inputs(2)
        node.replace_input_with(0, powers)
        node.replace_input_with(1, total)

    injection.captured(lambda model: each(model, "Softmax", edit))


@fault("capture", "ranges")
def log_of_softmax(injection: Injection) -> None:
    """The logarithm of a softmax is taken after it, where it has underflowed."""

    def edit(node: ir.Node) -> None:
        node.op_type = "Softmax"
        insert_after(node, "Log")

    injection.captured(lambda model: each(model, "LogSoftmax", edit))


@fault("capture", "quiet beside loud")
def bias_lost_beside_a_loud_output(injection: Injection) -> None:
    """A bias of a probability is lost, while another output is 1e5."""

    def edit(model: ir.Model) -> int:
        found = 0
        for node in list(model.graph):
            small = [v for v in node.inputs if v is not None and constant(v) is not None and constant(v).shape == (4,)]
            if small and node.op_type in ("Add", "Gemm"):
                array = np.zeros(4, np.float32)
                small[0].const_value = ir.tensor(array, name=small[0].name)
                found += 1
        return found

    injection.captured(edit)


@fault("capture", "tagger")
def batch_baked(injection: Injection) -> None:
    """The file takes batches of the example's size only."""
    injection.around(
        passes,
        "stamp",
        lambda original, graph, contract: original(_with_batch(graph, 1), _contract_of_batch(contract, 1)),
    )


def _with_batch(graph: ir.Model, size: int) -> ir.Model:
    for value in (*graph.graph.inputs, *graph.graph.outputs):
        assert value.shape is not None
        value.shape = ir.Shape([size if str(d) == "batch" else d for d in value.shape])
    return graph


def _contract_of_batch(contract: Any, size: int) -> Any:
    def fixed(one: Any) -> Any:
        return replace(one, shape=tuple(size if d == "batch" else d for d in one.shape))

    sides = {side: tuple(map(fixed, getattr(contract, side))) for side in ("inputs", "outputs", "states")}
    return replace(contract, **sides)


def _named_in_order(injection: Injection, side: str, order: Callable[[tuple[str, ...]], Iterable[str]]) -> None:
    def reorder(original: Any, model: ir.Model, source: Any) -> None:
        setattr(source, side, tuple(order(getattr(source, side))))
        original(model, source)

    injection.fresh_capture()
    injection.around(capturing, "_name_ports", reorder)


@fault("capture", "two outputs")
def outputs_named_in_reverse(injection: Injection) -> None:
    """The outputs of a tuple have each other's names."""
    _named_in_order(injection, "output_names", reversed)


@fault("capture", "dict")
def outputs_sorted_by_name(injection: Injection) -> None:
    """The names of a dict are sorted, its values are not."""
    _named_in_order(injection, "output_names", sorted)


@fault("capture", "two inputs")
def inputs_named_in_reverse(injection: Injection) -> None:
    """Two inputs have each other's names."""
    _named_in_order(injection, "input_names", reversed)


@fault("capture", "two inputs")
def one_input_read_twice(injection: Injection) -> None:
    """What reads the second input reads the first one."""

    def edit(model: ir.Model) -> int:
        first, second = model.graph.inputs
        for node, index in list(second.uses()):
            node.replace_input_with(index, first)
        return 1

    injection.captured(edit)


@fault("capture", "given states")
def given_states_swapped(injection: Injection) -> None:
    """The given h0 and c0 of an LSTM take each other's place."""
    injection.fresh_capture()
    injection.around(layers, "_layer", lambda original, mode, x, states, *rest: original(mode, x, states[::-1], *rest))


@fault("capture", "given states")
def given_states_left_out(injection: Injection) -> None:
    """An LSTM starts from zeros, not from the given states."""

    def from_zeros(original: Any, mode: str, x: Any, states: list[Any], *rest: Any) -> Any:
        return original(mode, x, [state * 0 for state in states], *rest)

    injection.fresh_capture()
    injection.around(layers, "_layer", from_zeros)


@fault("capture", "lstm")
def gates_in_the_wrong_order(injection: Injection) -> None:
    """The forget and the output gate of an LSTM change places."""
    injection.fresh_capture()
    injection.value(custom, "GATES", dict(custom.GATES, LSTM=(0, 1, 3, 2)), (custom, "_to_onnx"))


def _other_weights(injection: Injection, change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> None:
    """`change` of w, r and b of every layer."""
    injection.fresh_capture()
    injection.result(weights, "_called", lambda made: change(made) if isinstance(made, tuple) else made)


@fault("capture", "tagger")
def recurrent_bias_lost(injection: Injection) -> None:
    """The second bias of a GRU is taken for zero."""

    def lost(made: tuple[Any, ...]) -> tuple[Any, ...]:
        w, r, b = made
        b[:, b.shape[1] // 2 :] = 0
        return w, r, b

    _other_weights(injection, lost)


@fault("capture", "tagger")
def second_layer_has_the_weights_of_the_first(injection: Injection) -> None:
    """Every layer of a GRU is written with the weights of layer 0."""
    first: list[tuple[Any, ...]] = []

    def always_the_first(made: tuple[Any, ...]) -> tuple[Any, ...]:
        first.append(made)
        return first[0]

    _other_weights(injection, always_the_first)


@fault("capture", "tagger")
def reset_gate_before_the_product(injection: Injection) -> None:
    """A GRU resets its state before the product, not after it."""

    def edit(node: ir.Node) -> None:
        node.attributes["linear_before_reset"] = ir.AttrInt64("linear_before_reset", 0)

    injection.captured(lambda model: each(model, "GRU", edit))


@fault("capture", "relu recurrence")
def recurrence_of_relu_as_tanh(injection: Injection) -> None:
    """An RNN with ReLU is written with tanh."""

    def edit(node: ir.Node) -> None:
        node.attributes["activations"] = ir.AttrStrings("activations", ["Tanh"])

    injection.captured(lambda model: each(model, "RNN", edit))


@fault("capture", "tokens")
def token_clamped_to_the_example(injection: Injection) -> None:
    """Tokens beyond those of the example become the largest of them."""

    def edit(node: ir.Node) -> None:
        node.replace_input_with(1, insert_before(node, "Min", node.inputs[1], np.array(2)))

    injection.captured(lambda model: each(model, "Gather", edit))


@fault("capture", "tagger")
def normalization_without_epsilon(injection: Injection) -> None:
    """Layer norm divides without its epsilon."""

    def edit(node: ir.Node) -> None:
        node.attributes["epsilon"] = ir.AttrFloat32("epsilon", 1e-12)

    injection.captured(lambda model: each(model, "LayerNormalization", edit))


@fault("capture", "ranges")
def gelu_by_tanh(injection: Injection) -> None:
    """The error function in GELU is taken for a tanh."""

    def edit(node: ir.Node) -> None:
        node.op_type = "Tanh"

    injection.captured(lambda model: each(model, "Erf", edit) + each(model, "Gelu", _approximate))


def _approximate(node: ir.Node) -> None:
    node.attributes["approximate"] = ir.AttrString("approximate", "tanh")


@fault("capture", "ranges")
def slope_of_leaky_relu_lost(injection: Injection) -> None:
    """LeakyReLU has the slope of its operator's default."""

    def edit(node: ir.Node) -> None:
        node.attributes.pop("alpha")

    injection.captured(lambda model: each(model, "LeakyRelu", edit))


@fault("capture", "tagger")
def weights_rounded_to_float16(injection: Injection) -> None:
    """Weights of a float32 file went through float16 on their way."""

    def rounded(model: ir.Model) -> int:
        values = [v for v in model.graph.initializers.values() if v.dtype == ir.DataType.FLOAT]
        for value in values:
            array = constant(value)
            assert array is not None
            value.const_value = ir.tensor(array.astype(np.float16).astype(np.float32), name=value.name)
        return len(values)

    injection.captured(rounded)


@fault("capture", "tagger")
def weights_of_an_older_run(injection: Injection) -> None:
    """The weights of a recurrence are those of before the last step of the training."""
    _other_weights(injection, lambda made: (made[0], made[1] * 1.001, made[2]))


@fault("capture", "masked attention")
def attention_mask_one_frame_short(injection: Injection) -> None:
    """Attention sees one frame less of the past than its mask says."""

    def narrower(model: ir.Model) -> int:
        found = 0
        for value in model.graph.initializers.values():
            array = constant(value)
            if array is not None and array.dtype == np.int64 and array.size == 1 and int(array.reshape(-1)[0]) == 6:
                value.const_value = ir.tensor(array - 1, name=value.name)
                found += 1
        return found

    injection.captured(narrower)


@fault("capture", "ranges")
def angle_by_atan(injection: Injection) -> None:
    """The angle of a pair is that of their quotient, whatever their signs are."""
    injection.fresh_capture()
    injection.result(_exact, "_is_negative", lambda negative: _exact.op.And(negative, _exact.op.Not(negative)))


@fault("capture", "ranges")
def whole_division_truncates(injection: Injection) -> None:
    """A floor division of negative numbers is rounded towards zero."""

    def edit(node: ir.Node) -> None:
        node.op_type = "Ceil"

    injection.captured(lambda model: each(model, "Floor", edit))


@fault("capture", "tagger")
def layers_swapped(injection: Injection) -> None:
    """Two layers of a GRU have each other's weights."""

    def swapped(model: ir.Model) -> int:
        nodes = [node for node in model.graph if node.op_type == "GRU"]
        first, second = nodes
        for k in (1, 2, 3):
            one, other = first.inputs[k], second.inputs[k]
            first.replace_input_with(k, other)
            second.replace_input_with(k, one)
        return len(nodes)

    injection.captured(swapped)
