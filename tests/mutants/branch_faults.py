"""Faults of rare branches of streaming rules and forms: several rates, mirrored ends, cells of other frameworks."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from injection import Injection, fault

_STREAMIFY = import_module("rnnedge_export.streaming.streamify")


@fault("streaming", "rates")
def gaps_between_windows_left_out(injection: Injection) -> None:
    """A transposed convolution narrower than its stride gives no zeros between its frames."""
    injection.source("streaming._transposed:conv_transpose", "elif over < 0:", "elif over < -100:")


@fault("streaming", "rates")
def bias_between_windows_lost(injection: Injection) -> None:
    """A transposed convolution has its bias only where a frame reaches."""
    injection.source(
        "streaming._transposed:conv_transpose",
        'wide = facts.builder.const(bias.reshape(-1, *[1] * spatial), "bias")',
        'wide = facts.builder.const((bias if over >= 0 else bias * 0).reshape(-1, *[1] * spatial), "bias")',
    )


@fault("streaming", "rates")
def waits_of_the_slow_rate(injection: Injection) -> None:
    """What is repeated waits as many frames as what it repeats."""
    injection.source("streaming._transposed:resize", "clock.delay * int(along)", "clock.delay")


@fault("streaming", "rates")
def repeated_by_two(injection: Injection) -> None:
    """What is repeated three times in a row is repeated at other places."""
    injection.source(
        "streaming._transposed:resize",
        'if k != "keep_aspect_ratio_policy"}',
        'if k not in ("keep_aspect_ratio_policy", "nearest_mode")}, nearest_mode="ceil"',
    )


@fault("streaming", "mirrored")
def edge_counted_twice(injection: Injection) -> None:
    """What is reflected in front begins with frame 0 itself."""
    injection.source("streaming._caches:_with_front", "range(front.count, 0, -1)", "range(front.count - 1, -1, -1)")


@fault("streaming", "mirrored")
def reflected_behind_from_the_last(injection: Injection) -> None:
    """What is reflected behind begins with the last frame itself."""
    injection.source(
        "streaming._mirrored:mirrored_behind",
        'source = insert(node, facts, "Sub", last, away)',
        'source = insert(node, facts, "Sub", last, insert(node, facts, "Max", insert(node, facts, "Sub", away, '
        "facts.builder.scalar(1.0, ir.DataType.FLOAT)), facts.builder.scalar(0.0, ir.DataType.FLOAT)))",
    )


@fault("streaming", "mirrored")
def end_kept_too_short(injection: Injection) -> None:
    """Of what is reflected behind as many frames are kept as stand behind, and not twice as many."""
    injection.source("streaming._mirrored:mirrored_behind", 'frames * (2 if mode == "reflect" else 1)', "frames")


@fault("streaming", "mirrored")
def minimum_begins_at_zero(injection: Injection) -> None:
    """A minimum over all frames begins at 0."""
    injection.source(
        "streaming._pooling:_start", '-np.inf if kind == "Max" else np.inf', '-np.inf if kind == "Max" else 0.0'
    )


@fault("streaming", "biased attention")
def bias_of_the_distance_ahead(injection: Injection) -> None:
    """A bias by distance is that of the distance one further on."""
    injection.source("streaming._distance_tables:_places", "fact.back + 1)), count", "fact.back + 2)), count")


@fault("streaming", "biased attention, step")
def bias_of_the_distance_backwards(injection: Injection) -> None:
    """In a call of fixed length a bias by distance is counted from the other end."""
    injection.source("streaming._distance_tables:by_distance", "rows - columns + fact.back", "columns - rows")


@fault("streaming", "biased attention")
def values_of_one_frame_less(injection: Injection) -> None:
    """The values of attention are those of a frame later than the keys."""
    injection.source(
        "streaming._attention:weigh",
        'value, fact = delayed(node, value, fact, late, facts, "the weights come later")',
        'value, fact = delayed(node, value, fact, late + 1, facts, "the weights come later")',
    )


@fault("streaming", "starts")
def every_start_zero(injection: Injection) -> None:
    """What a recurrence begins with is taken for zero where it is small."""

    def small(found: Any) -> Any:
        return [one if isinstance(one, float) else one * (abs(one) > 0.3) for one in found]

    injection.result(_STREAMIFY, "initial_values", small)


@fault("streaming", "two dimensions")
def dilation_of_the_other_axis(injection: Injection) -> None:
    """The reach over time of a convolution over two axes is that of the last axis."""
    injection.source(
        "streaming._window:read_window",
        'dilation = (list(attributes.get_ints("dilations") or []) or [1] * spatial)[place]',
        'dilation = (list(attributes.get_ints("dilations") or []) or [1] * spatial)[-1]',
    )


@fault("streaming", "two dimensions")
def kernel_of_the_other_axis(injection: Injection) -> None:
    """The kernel along time of a convolution over two axes is that of the last axis."""
    injection.source("streaming._window:read_window", "kernel = kernel_of(node)[place]", "kernel = kernel_of(node)[-1]")


@fault("streaming", "two dimensions")
def padding_of_both_axes_dropped(injection: Injection) -> None:
    """With the padding along time that along bands is dropped, which makes fewer bands, and back."""
    injection.source(
        "streaming._window:_drop_padding", "pads[axis - 2] = pads[axis - 2 + spatial] = 0", "pads = [0] * len(pads)"
    )


@fault("streaming", "two delays")
def delays_of_outputs_evened(injection: Injection) -> None:
    """Every output waits as long as the one that waits longest."""
    from rnnedge_runtime import contract_json

    def evened(original: Any, contract: Any) -> Any:
        from dataclasses import replace

        longest = max(port.clock.delay for port in contract.outputs)
        outputs = tuple(replace(p, clock=replace(p.clock, delay=longest)) for p in contract.outputs)
        return original(replace(contract, outputs=outputs))

    injection.around(contract_json, "as_dict", evened)


@fault("form", "peepholes")
def peephole_of_the_old_cell(injection: Injection) -> None:
    """The output gate of an LSTM with peepholes sees the cell state before the frame."""
    injection.source(
        "forms.cells:_lstm",
        'c = _remember(builder, f, c, i, g)\n        o = f_(builder.op("Add", o, builder.op("Mul", p_o, c)))',
        "before = c\n        c = _remember(builder, f, c, i, g)\n"
        '        o = f_(builder.op("Add", o, builder.op("Mul", p_o, before)))',
    )


@fault("form", "peepholes")
def peepholes_in_another_order(injection: Injection) -> None:
    """Peepholes are taken in the order input, forget, output."""
    injection.source("forms.cells:_lstm", "p_i, p_o, p_f = weights", "p_i, p_f, p_o = weights")


@fault("form", "peepholes")
def clip_left_out(injection: Injection) -> None:
    """What enters the gates is not bounded, where the file bounds it."""
    injection.source("forms.attributes:read", "clip=clip,", "clip=None,")


@fault("form", "peepholes")
def clip_of_the_cell_too(injection: Injection) -> None:
    """What is made of the cell state is bounded too."""
    injection.source(
        "forms.cells:_lstm",
        "activate(builder, direction.activations[2], c, spec.dtype)",
        "_functions(builder, spec, direction)[2](c)",
    )


@fault("form", "coupled")
def coupled_gates_apart(injection: Injection) -> None:
    """The forget gate of an LSTM with coupled gates has weights of its own."""
    injection.source("forms.attributes:read", 'bool(node.attributes.get_int("input_forget", 0))', "False")


@fault("form", "reset before")
def reset_after_the_product(injection: Injection) -> None:
    """A GRU that resets its state before the product resets what comes of it."""
    injection.source("forms.attributes:read", 'bool(node.attributes.get_int("linear_before_reset", 0))', "True")


@fault("form", "affine")
def numbers_of_activations_by_place(injection: Injection) -> None:
    """Activations have the numbers of the operators' defaults."""
    injection.source("forms.attributes:_activations", "if alpha is not None and alphas:", "if False:")


@fault("form", "affine")
def alpha_for_beta(injection: Injection) -> None:
    """The scaled tanh has its two numbers in each other's place."""
    injection.source(
        "forms._activations:activate",
        'builder.op("Mul", inner, builder.scalar(alpha or 0.0, dtype))',
        'builder.op("Mul", inner, builder.scalar(beta or 0.0, dtype))',
    )


@fault("form", "starts, scan")
def second_layer_starts_as_the_first(injection: Injection) -> None:
    """The loop of a second layer begins with the states of the first one."""

    def first(found: Any) -> Any:
        arrays = [one for one in found if not isinstance(one, float)]
        same = {one.shape: one for one in arrays[::-1]}
        return [one if isinstance(one, float) else same[one.shape] for one in found]

    injection.result(_STREAMIFY, "initial_values", first)


@fault("form", "starts, scan")
def bias_of_the_candidate_summed(injection: Injection) -> None:
    """The recurrent bias of the candidate of a GRU is added outside of the reset gate."""
    injection.source(
        "forms._weights:prepare",
        'apart = spec.kind == "GRU" and spec.linear_before_reset and k == 1',
        "apart = False",
    )
