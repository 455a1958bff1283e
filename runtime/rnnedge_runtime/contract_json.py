"""The contract as text: the `rnnedge.*` entries of an ONNX file's `metadata_props`.

    rnnedge.schema      "1"
    rnnedge.contract    JSON object, sorted keys; the fields of `Contract` except `golden`
    rnnedge.golden      JSON object {"inputs": {name: array}, "outputs": {name: array}, "tolerance": float}
    rnnedge.sha256      the seal (see `rnnedge_runtime.checksum`)

An array is {"dtype", "shape", "data"}, data being base64 of its little-endian bytes in C order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from fractions import Fraction
from typing import Any

from rnnedge_runtime._contract_rules import check_agreement
from rnnedge_runtime._json_arrays import DTYPES, decode, encode, initial_as_json, initial_of
from rnnedge_runtime._json_fields import axis, choice, expect, integer, items, number, optional, shape_of_dims, text
from rnnedge_runtime.clock import Clock
from rnnedge_runtime.contract import (
    CONTEXTS,
    FORMS,
    OPEN_FORMS,
    SCHEMA,
    Contract,
    Cursor,
    Golden,
    Normalization,
    Port,
    State,
    Tap,
)
from rnnedge_runtime.errors import ContractError
from rnnedge_runtime.json_objects import once

_LONGEST = 1 << 30


def dump(contract: Contract) -> dict[str, str]:
    """The metadata entries of a contract; the same contract gives the same text."""
    entries = {"rnnedge.schema": str(SCHEMA), "rnnedge.contract": _compact(as_dict(contract))}
    if contract.golden is not None:
        entries["rnnedge.golden"] = _compact(
            {
                "inputs": {k: encode(v) for k, v in contract.golden.inputs.items()},
                "outputs": {k: encode(v) for k, v in contract.golden.outputs.items()},
                "tolerance": contract.golden.tolerance,
            }
        )
    return entries


def as_dict(contract: Contract) -> dict[str, Any]:
    """The contract as plain JSON data, without the golden sample."""
    return {
        "inputs": [_with_clock(p) for p in contract.inputs],
        "outputs": [_with_clock(p) for p in contract.outputs],
        "states": [_state_as_json(state) for state in contract.states],
        "form": contract.form,
        "opset": contract.opset,
        "precision": contract.precision,
        "chunk": contract.chunk,
        "hop": contract.hop,
        "grain": contract.grain,
        "least": contract.least,
        "stride": str(contract.stride),
        "lookahead": contract.lookahead,
        "cursors": [_with_clock(c) for c in contract.cursors],
        "frame_rate_hz": contract.frame_rate_hz,
        "labels": list(contract.labels),
        "normalization": asdict(contract.normalization) if contract.normalization else None,
        "provenance": dict(contract.provenance),
        # Only if there are any: a file without them is the same as before they existed.
        **({"taps": [asdict(tap) for tap in contract.taps]} if contract.taps else {}),
    }


def parse(metadata: Mapping[str, str], name: str) -> Contract:
    """Read the contract out of a file's metadata; `name` is how messages call the file.

    Raises `ContractError` naming the entry that is missing or malformed.
    """
    schema = metadata.get("rnnedge.schema")
    if schema != str(SCHEMA):
        raise ContractError(
            f"{name}: expected contract schema {SCHEMA}, found {schema or 'none'}; "
            "use the rnnedge version that exported it, or export it again"
        )
    try:
        fields = _read(metadata["rnnedge.contract"])
        golden = _read(metadata["rnnedge.golden"]) if "rnnedge.golden" in metadata else None
        return _contract(fields, golden)
    except ContractError as error:
        raise ContractError(f"{name}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ContractError(f"{name}: malformed contract ({type(error).__name__}: {error})") from error


def _read(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text, object_pairs_hook=once)
    return found


def _contract(fields: dict[str, Any], golden: dict[str, Any] | None) -> Contract:
    form = choice(fields["form"], FORMS, "form")
    contract = Contract(
        inputs=tuple(_port(p, f"inputs[{i}]") for i, p in items(fields["inputs"], "inputs")),
        outputs=tuple(_port(p, f"outputs[{i}]") for i, p in items(fields["outputs"], "outputs")),
        states=tuple(_state(s, f"states[{i}]") for i, s in items(fields["states"], "states")),
        form=form,
        opset=integer(fields["opset"], 1, "opset"),
        precision=text(fields["precision"], "precision"),
        chunk=optional(fields["chunk"], lambda v: integer(v, 1, "chunk")),
        hop=integer(fields["hop"], 1, "hop"),
        grain=integer(fields["grain"], 1, "grain"),
        least=integer(fields["least"], 1, "least"),
        cursors=tuple(_cursor(c, f"cursors[{i}]") for i, c in items(fields["cursors"], "cursors")),
        frame_rate_hz=optional(fields["frame_rate_hz"], lambda v: number(v, "frame_rate_hz")),
        labels=tuple(text(v, "labels") for _, v in items(fields["labels"], "labels")),
        normalization=optional(fields["normalization"], _normalization),
        provenance={text(k, "provenance"): text(v, "provenance") for k, v in fields["provenance"].items()},
        golden=optional(golden, _golden),
        taps=tuple(_tap(t, f"taps[{i}]") for i, t in items(fields.get("taps", []), "taps")),
    )
    ports = [port.name for port in contract.outputs]
    if any(ports.count(tap.output) != 1 for tap in contract.taps) or (contract.taps and not contract.results):
        raise ContractError(f"contract.taps: expected some of the outputs {ports}, and not all, found {contract.taps}")
    if not contract.inputs or not contract.outputs:
        raise ContractError("contract: expected at least one input and one output")
    if form not in OPEN_FORMS and contract.chunk is None:
        raise ContractError(f"contract.chunk: the {form} form needs a fixed number of frames, found none")
    uneven = [p.name for p in (*contract.inputs, *contract.outputs) if contract.unit * p.clock.rate % 1]
    if uneven:
        raise ContractError(f"contract: {contract.unit} frames a call bring no whole number of frames of {uneven[0]!r}")
    check_agreement(contract)
    return contract


def _port(fields: dict[str, Any], place: str) -> Port:
    shape = shape_of_dims(fields["shape"], place)
    batch_axis = axis(fields["batch_axis"], shape, f"{place}.batch_axis")
    time_axis = optional(fields["time_axis"], lambda v: axis(v, shape, f"{place}.time_axis"))
    expect(time_axis != batch_axis, f"{place}.time_axis", f"another axis than the batch's, {batch_axis}", time_axis)
    expect(isinstance(fields["per_frame"], bool), f"{place}.per_frame", "true or false", fields["per_frame"])
    return Port(
        name=text(fields["name"], f"{place}.name"),
        dtype=choice(fields["dtype"], DTYPES, f"{place}.dtype"),
        shape=shape,
        batch_axis=batch_axis,
        time_axis=time_axis,
        per_frame=fields["per_frame"],
        clock=_clock(fields["clock"], f"{place}.clock", 0 if fields["per_frame"] else -_LONGEST),
        range=optional(fields.get("range"), lambda v: _range(v, f"{place}.range")),
    )


def _range(value: Any, place: str) -> tuple[int, int]:
    low, high = (integer(one, -_LONGEST, place) for one in value)
    return low, high


def _tap(fields: dict[str, Any], place: str) -> Tap:
    texts = {name: text(fields[name], f"{place}.{name}") for name in ("output", "layer", "cell", "value")}
    return Tap(kind=choice(fields["kind"], ("state", "gate"), f"{place}.kind"), **texts)


def _cursor(fields: dict[str, Any], place: str) -> Cursor:
    return Cursor(
        name=text(fields["name"], f"{place}.name"),
        kind=choice(fields["kind"], ("last", "mask"), f"{place}.kind"),
        clock=_clock(fields["clock"], f"{place}.clock", -_LONGEST),
    )


def _with_clock(part: Port | Cursor) -> dict[str, Any]:
    clock = part.clock
    rate = [clock.rate.numerator, clock.rate.denominator]
    # Its fields alone: `vars` has what is cached as well, once it was asked for.
    said = {field.name: getattr(part, field.name) for field in fields(part)}
    # Only if there is one: a file without it is the same as before they existed.
    if said.get("range", ()) is None:
        del said["range"]
    return {**said, "clock": {"rate": rate, "delay": clock.delay, "length": [list(s) for s in clock.length]}}


def _clock(fields: dict[str, Any], place: str, least_delay: int) -> Clock:
    over, under = (integer(v, 1, f"{place}.rate") for v in fields["rate"])
    steps = []
    for a, b, c in fields["length"]:
        expect(isinstance(b, int), f"{place}.length", "integers", b)
        steps.append((integer(a, 1, f"{place}.length"), b, integer(c, 1, f"{place}.length")))
    return Clock(Fraction(over, under), integer(fields["delay"], least_delay, f"{place}.delay"), tuple(steps))


def _state(fields: dict[str, Any], place: str) -> State:
    shape = shape_of_dims(fields["shape"], place)
    dtype = choice(fields["dtype"], DTYPES, f"{place}.dtype")
    initial = fields["initial"]
    return State(
        input=text(fields["input"], f"{place}.input"),
        output=text(fields["output"], f"{place}.output"),
        dtype=dtype,
        shape=shape,
        batch_axis=axis(fields["batch_axis"], shape, f"{place}.batch_axis"),
        initial=initial_of(initial, dtype, shape, f"{place}.initial"),
        warmup=integer(fields["warmup"], 0, f"{place}.warmup"),
        context=choice(fields.get("context", ""), ("", *CONTEXTS), f"{place}.context"),
        range=optional(fields.get("range"), lambda v: _range(v, f"{place}.range")),
    )


def _state_as_json(state: State) -> dict[str, Any]:
    # Its fields alone: `vars` has what is cached as well, once it was asked for.
    said = {field.name: getattr(state, field.name) for field in fields(state)}
    said["initial"] = initial_as_json(state.initial)
    # Only if there is one: a file without it is the same as before they existed.
    missing = {name for name, none in (("context", ""), ("range", None)) if said[name] == none}
    return {name: value for name, value in said.items() if name not in missing}


def _normalization(fields: dict[str, Any]) -> Normalization:
    return Normalization(
        mean=tuple(number(v, "normalization.mean") for v in fields["mean"]),
        std=tuple(number(v, "normalization.std") for v in fields["std"]),
    )


def _golden(fields: dict[str, Any]) -> Golden:
    return Golden(
        inputs={k: decode(v) for k, v in fields["inputs"].items()},
        outputs={k: decode(v) for k, v in fields["outputs"].items()},
        tolerance=number(fields["tolerance"], "golden.tolerance"),
    )


def _compact(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
