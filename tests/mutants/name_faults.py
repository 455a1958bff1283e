"""Faults of what layers are called and hold, of what drifts slowly, and of what a file in fewer bits says and bears."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
from injection import Injection, fault

from rnnedge_export.graph.builder import constant


@fault("contract", "lstm")
def letters_of_states_swapped(injection: Injection) -> None:
    """The state h of an LSTM is called c, and c is called h."""
    from rnnedge_export.streaming import recurrent

    letters = dict(recurrent._STATES, LSTM=((5, 1, "c"), (6, 2, "h")))
    injection.value(recurrent, "_STATES", letters, (recurrent, "layer_name"))


@fault("contract", "tagger")
def every_layer_is_the_first(injection: Injection) -> None:
    """The states of every layer are called as those of layer 0 are."""
    injection.source("streaming.recurrent:layer_name", "l{match[2]}", "l0")


@fault("contract", "convolutions")
def caches_without_their_module(injection: Injection) -> None:
    """The cache of a convolution does not have the name of its module."""
    injection.source("streaming._caches:hold", 'facts.places.get(node.name or "", "")', '""')


@fault("precision", "two precisions")
def layers_said_of_others(injection: Injection) -> None:
    """The file says of each layer the precision that another one has."""
    from rnnedge_export.precision import shrink

    def crossed(original: Any, *arguments: Any) -> Any:
        found = original(*arguments)
        return tuple(replace(one, layer=other.layer) for one, other in zip(found, found[::-1], strict=True))

    injection.around(shrink, "narrow", crossed)


@fault("precision", "int4")
def loud_frames_not_bounded(injection: Injection) -> None:
    """What is multiplied with blocks is not bounded, and gives no number from 1e38 on."""
    injection.source(
        "precision.products:write_product",
        "product.x if ranges.small(product) else _clipped(builder, product)",
        "product.x",
    )


@fault("precision", "int8")
def narrow_sample_of_any_error(injection: Injection) -> None:
    """The golden sample of an int8 file allows twice its largest output."""
    injection.source("precision.shrink:_golden", "_GOLDEN_SHARE * largest", "100 * _GOLDEN_SHARE * largest")


@fault("precision", "positive")
def zero_outside_of_the_grid(injection: Injection) -> None:
    """The grid of activations that are all positive has no zero."""
    injection.source(
        "precision.products:_affine", "low, high = min(range_[0], 0.0), max(range_[1], 0.0)", "low, high = range_"
    )


@fault("precision", "joined ranges")
def range_of_the_first(injection: Injection) -> None:
    """The proven range of what is joined is that of its first part."""
    injection.source("precision.bounds:_range", "return _hull(ranges)\n", "return ranges[0]\n")


@fault("precision", "joined ranges")
def sum_in_the_range_of_one(injection: Injection) -> None:
    """The proven range of a sum over an axis is that of one number."""
    from rnnedge_export.precision import bounds

    injection.value(bounds, "_FIRST", bounds._FIRST | {"ReduceSum"}, (bounds, "_range"))


@fault("capture", "tagger")
def bias_of_a_gate_off_by_a_millionth(injection: Injection) -> None:
    """A bias of the update gate is off by 1e-6 of itself."""

    def moved(model: ir.Model) -> int:
        nodes = [node for node in model.graph if node.op_type == "GRU"]
        for node in nodes:
            bias = node.inputs[3]
            assert bias is not None
            array = np.array(constant(bias))
            array[0, : node.attributes.get_int("hidden_size", 0)] *= np.float32(1 + 1e-6)
            bias.const_value = ir.tensor(array, name=bias.name)
        return len(nodes)

    injection.captured(moved)


def _rewritten_gru(injection: Injection, old: str, new: str) -> None:
    injection.source("forms.cells:_gru", old, new)


_AFTER = 'builder.op("Sub", h, n)), hint="h")'


@fault("form", "slow, step")
def state_kept_in_halves(injection: Injection) -> None:
    """A state is rounded to float16 with every frame."""
    rounded = 'builder.op("Cast", builder.op("Cast", h, to=ir.DataType.FLOAT16), to=ir.DataType.FLOAT)'
    _rewritten_gru(injection, _AFTER, f"{_AFTER}\n    h = {rounded}")


@fault("form", "slow, step")
def state_loses_with_every_frame(injection: Injection) -> None:
    """A state loses two roundings with every frame."""
    _rewritten_gru(injection, _AFTER, f'{_AFTER}\n    h = builder.op("Mul", h, builder.scalar(1.0 - 2e-7, spec.dtype))')


@fault("form", "slow, step")
def decay_in_bf16(injection: Injection) -> None:
    """What a state decays by is rounded to bfloat16."""
    rounded = 'builder.op("Cast", builder.op("Cast", z, to=ir.DataType.BFLOAT16), to=ir.DataType.FLOAT)'
    line = "    group = weights.groups[1]\n"
    _rewritten_gru(injection, line, f"{line}    z = {rounded}\n")


@fault("form", "slow, step")
def rest_of_a_rounded_gate(injection: Injection) -> None:
    """1 - z is computed of a z that was rounded to 16 bits."""
    _rewritten_gru(
        injection,
        'h = builder.op("Add", n, builder.op("Mul", z, builder.op("Sub", h, n)), hint="h")',
        "steps = builder.scalar(65536.0, spec.dtype)\n"
        '    near = builder.op("Div", builder.op("Round", builder.op("Mul", z, steps)), steps)\n'
        '    rest = builder.op("Sub", builder.scalar(1.0, spec.dtype), near)\n'
        '    h = builder.op("Add", builder.op("Mul", rest, n), builder.op("Mul", z, h), hint="h")',
    )
