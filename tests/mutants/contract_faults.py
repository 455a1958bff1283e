"""Faults of what a file says of itself: golden sample, contract, and the bytes that are written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from injection import Injection, fault

from rnnedge_export import api, passes, session
from rnnedge_export.write_form import Written
from rnnedge_runtime.checksum import seal
from rnnedge_runtime.contract import Contract, Golden


def _contract(injection: Injection, change: Callable[[Contract], Contract]) -> None:
    """Change the contract as it is written into the file."""
    injection.around(passes, "stamp", lambda original, graph, contract: original(graph, change(contract)))


def _changed_weight(data: bytes) -> bytes:
    """The file with one weight changed by a thousandth, and its seal made for that."""
    model = onnx.load_from_string(data)
    tensor = max(model.graph.initializer, key=lambda one: len(one.raw_data))
    array = np.frombuffer(tensor.raw_data, np.float32).copy()
    array[0] += 1e-3
    tensor.raw_data = array.tobytes()
    for entry in [e for e in model.metadata_props if "seal" in e.key or "sha256" in e.key]:
        model.metadata_props.remove(entry)
    return seal(model.SerializeToString(deterministic=True))


@fault("contract", "tagger")
def opset_of_another_file(injection: Injection) -> None:
    """The contract says another opset than the file has."""
    injection.around(Written, "contract", lambda original, self, opset, lengths: original(self, opset - 1, lengths))


@fault("contract", "tagger")
def labels_not_written(injection: Injection) -> None:
    """The names of the classes are left out."""
    _contract(injection, lambda contract: replace(contract, labels=()))


@fault("contract", "tagger")
def labels_in_another_order(injection: Injection) -> None:
    """The names of the classes are sorted backwards."""
    _contract(injection, lambda contract: replace(contract, labels=tuple(reversed(contract.labels))))


@fault("contract", "tagger")
def frame_rate_not_written(injection: Injection) -> None:
    """The frame rate is left out."""
    _contract(injection, lambda contract: replace(contract, frame_rate_hz=None))


@fault("contract", "tagger")
def frame_rate_in_milliseconds(injection: Injection) -> None:
    """The frame rate is written as the length of a frame."""
    _contract(injection, lambda contract: replace(contract, frame_rate_hz=1000 / (contract.frame_rate_hz or 1)))


@fault("contract", "normalized")
def normalization_not_written(injection: Injection) -> None:
    """Mean and deviation of the input are left out."""
    _contract(injection, lambda contract: replace(contract, normalization=None))


@fault("contract", "tagger")
def golden_sample_of_other_frames(injection: Injection) -> None:
    """The recorded outputs are those of other frames."""

    def other(golden: Golden) -> Golden:
        return replace(golden, inputs={name: array[::-1].copy() for name, array in golden.inputs.items()})

    injection.result(passes, "golden_of", other)


@fault("contract", "tagger")
def golden_tolerance_of_a_thousand(injection: Injection) -> None:
    """The golden sample allows every error."""
    injection.result(passes, "golden_of", lambda golden: replace(golden, tolerance=1e3))


@fault("contract", "tagger")
def golden_sample_of_silence(injection: Injection) -> None:
    """The golden sample is one of frames that are all zero."""

    def silent(original: Any, reference: Any, unit: int) -> Golden:
        golden = original(reference, unit)
        inputs = {name: np.zeros_like(array) for name, array in golden.inputs.items()}
        outputs = {n: a[0] for n, a in reference({n: a[None] for n, a in inputs.items()}).items()}
        return Golden(inputs, outputs, golden.tolerance)

    injection.around(passes, "golden_of", silent)


@fault("contract", "tagger")
def golden_sample_left_out(injection: Injection) -> None:
    """The file has no golden sample."""
    _contract(injection, lambda contract: replace(contract, golden=None))


@fault("contract", "tagger")
def weight_changed_after_the_proof(injection: Injection) -> None:
    """What is written is not what was proven: one weight differs."""
    injection.around(
        api,
        "publish",
        lambda original, path, data, *more, **named: original(path, _changed_weight(data), *more, **named),
    )


@fault("contract", "tagger")
def file_changed_before_it_is_written(injection: Injection) -> None:
    """The candidate keeps other bytes than its model was loaded from."""
    original = session.Candidate

    def other(*arguments: Any, **named: Any) -> Any:
        made = original(*arguments, **named)
        return replace(made, data=_changed_weight(made.data))

    injection.around(session, "Candidate", lambda _, *a, **k: other(*a, **k))


@fault("contract", "tagger")
def bytes_changed_on_the_disk(injection: Injection) -> None:
    """The file on the disk is not what was handed to it."""
    from rnnedge_export import publish

    injection.around(publish, "write_bytes", lambda original, path, data: original(path, data[:-40] + bytes(40)))


@fault("contract", "ahead")
def lookahead_not_told(injection: Injection) -> None:
    """The contract says of an output that it waits for nothing."""

    def told(written: Any) -> Any:
        outputs = tuple(replace(port, clock=replace(port.clock, delay=0)) for port in written.outputs)
        return replace(written, outputs=outputs)

    injection.result(passes, "write_form", told)


@fault("contract", "tagger")
def hop_of_two(injection: Injection) -> None:
    """The contract asks for two frames a call where one is enough."""
    injection.result(Written, "contract", lambda contract: replace(contract, hop=2))


@fault("contract", "int8")
def tolerance_wider_than_asked(injection: Injection) -> None:
    """The file promises a tolerance of 1e3, and is proven by it."""
    from rnnedge_export.precision import shrink

    def wide(original: Any, graph: Any, contract: Contract) -> bytes:
        provenance = {**contract.provenance, "tolerance": "1000.0"}
        return original(graph, replace(contract, provenance=provenance))

    injection.around(shrink, "stamp", wide)


@fault("contract", "tagger")
def tolerance_of_a_float32_file(injection: Injection) -> None:
    """A float32 file promises a tolerance that nobody asked for."""

    def wide(contract: Contract) -> Contract:
        return replace(contract, provenance={**contract.provenance, "tolerance": "0.5"})

    _contract(injection, wide)


@fault("contract", "tagger")
def proven_over_one_frame(injection: Injection) -> None:
    """The file says that it is to be proven over one chained frame only."""

    def short(contract: Contract) -> Contract:
        return replace(contract, provenance={**contract.provenance, "chained_frames": "1"})

    _contract(injection, short)


@fault("contract", "tagger")
def digest_of_other_weights(injection: Injection) -> None:
    """The file names other weights as those that it was made from."""

    def other(contract: Contract) -> Contract:
        return replace(contract, provenance={**contract.provenance, "weights_sha256": "0" * 64})

    _contract(injection, other)


@fault("contract", "taps")
def taps_named_after_the_other_layer(injection: Injection) -> None:
    """The inner values of two layers have each other's names."""

    def crossed(tapped: Any) -> Any:
        layers = list(dict.fromkeys(tap.layer for tap in tapped.taps))
        other = dict(zip(layers, reversed(layers), strict=True))
        taps = tuple(replace(tap, layer=other[tap.layer]) for tap in tapped.taps)
        return replace(tapped, taps=taps)

    injection.result(passes, "insert_taps", crossed)


@fault("contract", "tagger")
def frames_of_another_type(injection: Injection) -> None:
    """The contract says of its form that it is another one."""
    _contract(injection, lambda contract: replace(contract, form="scan"))


@fault("contract", "int8")
def precision_not_told(injection: Injection) -> None:
    """A file of int8 weights says that it is float32."""
    from rnnedge_export.precision import shrink

    injection.around(
        shrink, "stamp", lambda original, graph, contract: original(graph, replace(contract, precision="float32"))
    )
