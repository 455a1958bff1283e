"""Faults of what a file says of itself: numbers written twice, ranges, least lengths, names of inner values."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

from injection import Injection, fault

_STREAMIFY = import_module("rnnedge_export.streaming.streamify")


@fault("contract", "ahead")
def lookahead_said_less(injection: Injection) -> None:
    """The lookahead that stands in the file for others to read is none."""
    injection.source("contract_json:as_dict", '"lookahead": contract.lookahead', '"lookahead": 0')


@fault("contract", "counted")
def stride_said_inverse(injection: Injection) -> None:
    """The stride that stands in the file is the rate."""
    injection.source("contract_json:as_dict", "str(contract.stride)", "str(1 / contract.stride)")


@fault("contract", "at least eight")
def least_is_one_more(injection: Injection) -> None:
    """The shortest sequence that the file says is a frame longer than the one that the module takes."""
    injection.fresh_capture()
    injection.source("capture._tracing:_least", "return first + enough * grain", "return first + enough * grain + 1")


@fault("contract", "at least eight")
def least_is_one_less(injection: Injection) -> None:
    """The shortest sequence that the file says is a frame shorter than the one that the module takes."""
    injection.fresh_capture()
    injection.source("capture._tracing:_least", "return first + enough * grain", "return first + enough * grain - 1")


@fault("contract", "multiples")
def grain_is_twice(injection: Injection) -> None:
    """The lengths that a file takes are said to be multiples of twice as many frames."""
    injection.fresh_capture()
    injection.source(
        "capture._tracing:trace",
        "return program, Lengths(least, grain)\n",
        "return program, Lengths(least, 2 * grain)\n",
    )


def _range(injection: Injection, change: Any) -> None:
    from rnnedge_runtime import contract_json

    def edited(original: Any, contract: Any) -> Any:
        inputs = tuple(
            port if port.range is None else replace(port, range=change(port.range)) for port in contract.inputs
        )
        return original(replace(contract, inputs=inputs))

    injection.around(contract_json, "as_dict", edited)


@fault("contract", "tokens")
def range_of_one_more(injection: Injection) -> None:
    """The range of tokens has one more than the table."""
    _range(injection, lambda range_: (range_[0], range_[1] + 1))


@fault("contract", "tokens")
def range_of_one_less(injection: Injection) -> None:
    """The range of tokens has one less than the table."""
    _range(injection, lambda range_: (range_[0], range_[1] - 1))


@fault("contract", "tokens")
def range_left_out(injection: Injection) -> None:
    """The file does not say which tokens there are."""
    _range(injection, lambda _: None)


@fault("contract", "tokens")
def range_below_zero(injection: Injection) -> None:
    """The range of tokens begins below 0, which counts from the end."""
    _range(injection, lambda range_: (-range_[1], range_[1]))


@fault("contract", "starts")
def starts_in_halves(injection: Injection) -> None:
    """What a state begins with is written in 16 bits."""
    from rnnedge_runtime import contract_json

    def halves(original: Any, initial: Any) -> Any:
        return original(initial if isinstance(initial, float) else initial.astype("float16").astype(initial.dtype))

    injection.around(contract_json, "initial_as_json", halves)


@fault("contract", "starts")
def starts_of_the_first_layer(injection: Injection) -> None:
    """Every state of one shape begins as the first one."""

    def first(found: Any) -> Any:
        kept: dict[Any, Any] = {}
        return [one if isinstance(one, float) else kept.setdefault(one.shape, one) for one in found]

    injection.result(_STREAMIFY, "initial_values", first)


@fault("contract", "gates")
def gates_by_the_other_name(injection: Injection) -> None:
    """The update gate of a GRU is called its reset gate, and the other way round."""
    injection.source("forms.cells:_gru", '"reset_gate": r, "update_gate": z', '"reset_gate": z, "update_gate": r')


@fault("contract", "lstm, gates")
def cell_by_the_other_name(injection: Injection) -> None:
    """The forget gate of an LSTM is called its input gate, and the other way round."""
    injection.source("forms.cells:_lstm", '"input_gate": i, "forget_gate": f', '"input_gate": f, "forget_gate": i')


@fault("contract", "lstm, gates")
def kind_of_a_tap(injection: Injection) -> None:
    """The gates of a recurrence are said to be states, and the states gates."""
    injection.source(
        "probes._insert:Inserting._add",
        "Tap(value.name, layer, cell, kind, name)",
        'Tap(value.name, layer, cell, {"gate": "state", "state": "gate"}[kind], name)',
    )


@fault("contract", "lstm, gates")
def cell_of_a_tap(injection: Injection) -> None:
    """The inner values of an LSTM are said to be those of a GRU."""
    injection.source(
        "probes._insert:Inserting._add",
        "Tap(value.name, layer, cell, kind, name)",
        'Tap(value.name, layer, "GRU", kind, name)',
    )


@fault("contract", "named")
def fields_by_the_alphabet(injection: Injection) -> None:
    """The results of a dataclass are named in the order of the alphabet."""
    from rnnedge_export.capture import module_adapter

    def ordered(found: Any) -> Any:
        return found if found is None else dict(zip(sorted(found), found.values(), strict=True))

    injection.result(module_adapter, "_fields", ordered)
    injection.fresh_capture()


@fault("contract", "time first")
def axes_by_habit(injection: Injection) -> None:
    """The axes of batch and time in the contract are those of batch-first networks."""
    from rnnedge_runtime import contract_json

    def edited(original: Any, contract: Any) -> Any:
        return original(
            replace(contract, outputs=tuple(replace(p, batch_axis=0, time_axis=1) for p in contract.outputs))
        )

    injection.around(contract_json, "as_dict", edited)


@fault("contract", "tagger")
def precision_of_provenance(injection: Injection) -> None:
    """The version that a file says it was written by is another one."""
    from rnnedge_runtime import contract_json

    def edited(original: Any, contract: Any) -> Any:
        return original(replace(contract, provenance={**contract.provenance, "rnnedge": "9.9.9"}))

    injection.around(contract_json, "as_dict", edited)


@fault("contract", "pooled ahead")
def summary_of_another_clock(injection: Injection) -> None:
    """A summary is said to be complete a call before it is."""
    from rnnedge_runtime import contract_json

    def edited(original: Any, contract: Any) -> Any:
        outputs = tuple(
            port if port.per_frame else replace(port, clock=replace(port.clock, delay=port.clock.delay - 1))
            for port in contract.outputs
        )
        return original(replace(contract, outputs=outputs))

    injection.around(contract_json, "as_dict", edited)


@fault("contract", "tagger")
def weights_of_double_precision_said(injection: Injection) -> None:
    """A state is said to be float64, which its graph does not have."""
    from rnnedge_runtime import contract_json

    def edited(original: Any, state: Any) -> Any:
        return {**original(state), "dtype": "float64"}

    injection.around(contract_json, "_state_as_json", edited)


@fault("contract", "tagger")
def input_that_waits(injection: Injection) -> None:
    """An input is said to come a frame late."""
    from rnnedge_runtime import contract_json

    def late(found: dict[str, Any]) -> dict[str, Any]:
        found["inputs"][0]["clock"] = {**found["inputs"][0]["clock"], "delay": 1}
        return found

    injection.result(contract_json, "as_dict", late)


@fault("contract", "gates")
def tap_of_no_layer(injection: Injection) -> None:
    """A tap is said to be of a layer that there is not."""
    from rnnedge_runtime import contract_json

    def other(found: dict[str, Any]) -> dict[str, Any]:
        found["taps"][0]["layer"] += "x"
        return found

    injection.result(contract_json, "as_dict", other)
