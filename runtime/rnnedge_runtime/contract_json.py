"""The contract as text: the `rnnedge.*` entries of an ONNX file's `metadata_props`.

    rnnedge.schema      "1"
    rnnedge.contract    JSON object, sorted keys; the fields of `Contract` except `golden`
    rnnedge.golden      JSON object {"inputs": {name: array}, "outputs": {name: array}, "tolerance": float}
    rnnedge.sha256      the seal (see `rnnedge_runtime.checksum`)

An array is {"dtype", "shape", "data"}, data being base64 of its little-endian bytes in C order.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import numpy as np

from rnnedge_runtime.arrays import cast
from rnnedge_runtime.clock import Clock
from rnnedge_runtime.contract import FORMS, SCHEMA, Array, Contract, Cursor, Golden, Normalization, Port, State, Tap
from rnnedge_runtime.errors import ContractError, InputError

_DIM = re.compile(r"time|batch|[1-9]\d{0,8}\*batch")
_LONGEST = 1 << 30
_DTYPES = ("float32", "float16", "float64", "int64", "int32", "bool")


def dump(contract: Contract) -> dict[str, str]:
    """The metadata entries of a contract; the same contract gives the same text."""
    entries = {"rnnedge.schema": str(SCHEMA), "rnnedge.contract": _compact(as_dict(contract))}
    if contract.golden is not None:
        entries["rnnedge.golden"] = _compact(
            {
                "inputs": {k: _encode(v) for k, v in contract.golden.inputs.items()},
                "outputs": {k: _encode(v) for k, v in contract.golden.outputs.items()},
                "tolerance": contract.golden.tolerance,
            }
        )
    return entries


def as_dict(contract: Contract) -> dict[str, Any]:
    """The contract as plain JSON data, without the golden sample."""
    return {
        "inputs": [_with_clock(p) for p in contract.inputs],
        "outputs": [_with_clock(p) for p in contract.outputs],
        "states": [{**vars(s), "initial": _initial_as_json(s.initial)} for s in contract.states],
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
        # Only where there are any: a file without them is the same as before they existed.
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
        fields = json.loads(metadata["rnnedge.contract"])
        golden = json.loads(metadata["rnnedge.golden"]) if "rnnedge.golden" in metadata else None
        return _contract(fields, golden)
    except ContractError as error:
        raise ContractError(f"{name}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ContractError(f"{name}: malformed contract ({type(error).__name__}: {error})") from error


def _contract(fields: dict[str, Any], golden: dict[str, Any] | None) -> Contract:
    form = _choice(fields["form"], FORMS, "form")
    contract = Contract(
        inputs=tuple(_port(p, f"inputs[{i}]") for i, p in enumerate(fields["inputs"])),
        outputs=tuple(_port(p, f"outputs[{i}]") for i, p in enumerate(fields["outputs"])),
        states=tuple(_state(s, f"states[{i}]") for i, s in enumerate(fields["states"])),
        form=form,
        opset=_int(fields["opset"], 1, "opset"),
        precision=_text(fields["precision"], "precision"),
        chunk=_optional(fields["chunk"], lambda v: _int(v, 1, "chunk")),
        hop=_int(fields["hop"], 1, "hop"),
        grain=_int(fields["grain"], 1, "grain"),
        least=_int(fields["least"], 1, "least"),
        cursors=tuple(_cursor(c, f"cursors[{i}]") for i, c in enumerate(fields["cursors"])),
        frame_rate_hz=_optional(fields["frame_rate_hz"], lambda v: _number(v, "frame_rate_hz")),
        labels=tuple(_text(v, "labels") for v in fields["labels"]),
        normalization=_optional(fields["normalization"], _normalization),
        provenance={_text(k, "provenance"): _text(v, "provenance") for k, v in fields["provenance"].items()},
        golden=_optional(golden, _golden),
        taps=tuple(_tap(t, f"taps[{i}]") for i, t in enumerate(fields.get("taps", ()))),
    )
    ports = [port.name for port in contract.outputs]
    if any(ports.count(tap.output) != 1 for tap in contract.taps) or (contract.taps and not contract.results):
        raise ContractError(f"contract.taps: expected some of the outputs {ports}, and not all, found {contract.taps}")
    if not contract.inputs or not contract.outputs:
        raise ContractError("contract: expected at least one input and one output")
    if form in ("unrolled", "step") and contract.chunk is None:
        raise ContractError(f"contract.chunk: the {form} form needs a fixed number of frames, found none")
    uneven = [p.name for p in (*contract.inputs, *contract.outputs) if contract.unit * p.clock.rate % 1]
    if uneven:
        raise ContractError(f"contract: {contract.unit} frames a call bring no whole number of frames of {uneven[0]!r}")
    return contract


def _port(fields: dict[str, Any], place: str) -> Port:
    shape = _shape(fields["shape"], place)
    batch_axis = _axis(fields["batch_axis"], shape, f"{place}.batch_axis")
    time_axis = _optional(fields["time_axis"], lambda v: _axis(v, shape, f"{place}.time_axis"))
    _expect(time_axis != batch_axis, f"{place}.time_axis", f"another axis than the batch's, {batch_axis}", time_axis)
    _expect(isinstance(fields["per_frame"], bool), f"{place}.per_frame", "true or false", fields["per_frame"])
    return Port(
        name=_text(fields["name"], f"{place}.name"),
        dtype=_choice(fields["dtype"], _DTYPES, f"{place}.dtype"),
        shape=shape,
        batch_axis=batch_axis,
        time_axis=time_axis,
        per_frame=fields["per_frame"],
        clock=_clock(fields["clock"], f"{place}.clock", 0 if fields["per_frame"] else -_LONGEST),
    )


def _tap(fields: dict[str, Any], place: str) -> Tap:
    texts = {name: _text(fields[name], f"{place}.{name}") for name in ("output", "layer", "cell", "value")}
    return Tap(kind=_choice(fields["kind"], ("state", "gate"), f"{place}.kind"), **texts)


def _cursor(fields: dict[str, Any], place: str) -> Cursor:
    return Cursor(
        name=_text(fields["name"], f"{place}.name"),
        kind=_choice(fields["kind"], ("last", "mask"), f"{place}.kind"),
        clock=_clock(fields["clock"], f"{place}.clock", -_LONGEST),
    )


def _with_clock(part: Port | Cursor) -> dict[str, Any]:
    clock = part.clock
    rate = [clock.rate.numerator, clock.rate.denominator]
    return {**vars(part), "clock": {"rate": rate, "delay": clock.delay, "length": [list(s) for s in clock.length]}}


def _clock(fields: dict[str, Any], place: str, least_delay: int) -> Clock:
    over, under = (_int(v, 1, f"{place}.rate") for v in fields["rate"])
    steps = []
    for a, b, c in fields["length"]:
        _expect(isinstance(b, int), f"{place}.length", "integers", b)
        steps.append((_int(a, 1, f"{place}.length"), b, _int(c, 1, f"{place}.length")))
    return Clock(Fraction(over, under), _int(fields["delay"], least_delay, f"{place}.delay"), tuple(steps))


def _state(fields: dict[str, Any], place: str) -> State:
    shape = _shape(fields["shape"], place)
    dtype = _choice(fields["dtype"], _DTYPES, f"{place}.dtype")
    initial = fields["initial"]
    return State(
        input=_text(fields["input"], f"{place}.input"),
        output=_text(fields["output"], f"{place}.output"),
        dtype=dtype,
        shape=shape,
        batch_axis=_axis(fields["batch_axis"], shape, f"{place}.batch_axis"),
        initial=_initial(initial, dtype, shape, f"{place}.initial"),
        warmup=_int(fields["warmup"], 0, f"{place}.warmup"),
    )


def _initial(fields: Any, dtype: str, shape: tuple[int | str, ...], place: str) -> float | Array:
    """A number that the state can hold, or an array of its shape with batch 1."""
    if not isinstance(fields, dict):
        value = _number(fields, place)
        if dtype.startswith("float"):
            _cast(np.asarray(value), dtype, place)
        else:
            _expect(value.is_integer(), place, f"a number of {dtype}", value)
            _cast(np.asarray(int(value)), "int64" if dtype == "bool" else dtype, place)
        return value
    array = _decode(fields)
    one = tuple(d if isinstance(d, int) else int(d.partition("*")[0]) if "*" in d else 1 for d in shape)
    fits = array.ndim == len(one) and all(size in (1, full) for size, full in zip(array.shape, one, strict=True))
    _expect(fits, place, f"an array of shape {one}", array.shape)
    return _read_only(_cast(array, dtype, place))


def _cast(array: Array, dtype: str, place: str) -> Array:
    try:
        return cast(array, np.dtype(dtype), f"contract.{place}")
    except InputError as error:
        raise ContractError(str(error)) from None


def _read_only(array: Array) -> Array:
    """What every stream of a model shares, its owner cannot change by accident."""
    array.setflags(write=False)
    return array


def _normalization(fields: dict[str, Any]) -> Normalization:
    return Normalization(
        mean=tuple(_number(v, "normalization.mean") for v in fields["mean"]),
        std=tuple(_number(v, "normalization.std") for v in fields["std"]),
    )


def _golden(fields: dict[str, Any]) -> Golden:
    return Golden(
        inputs={k: _decode(v) for k, v in fields["inputs"].items()},
        outputs={k: _decode(v) for k, v in fields["outputs"].items()},
        tolerance=_number(fields["tolerance"], "golden.tolerance"),
    )


def _compact(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _initial_as_json(initial: float | Array) -> Any:
    return _encode(initial) if isinstance(initial, np.ndarray) else initial


def _encode(array: Array) -> dict[str, Any]:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    data = base64.b64encode(little.tobytes()).decode()
    return {"dtype": str(array.dtype), "shape": list(array.shape), "data": data}


def _decode(fields: dict[str, Any]) -> Array:
    dtype = np.dtype(_choice(fields["dtype"], _DTYPES, "array dtype"))
    shape = [_int(d, 0, "array shape") for d in fields["shape"]]
    try:
        data = base64.b64decode(fields["data"], validate=True)
    except binascii.Error as error:
        raise ContractError(f"contract: array data is not base64 ({error})") from None
    array = np.frombuffer(data, dtype.newbyteorder("<")).reshape(shape).astype(dtype)
    if dtype.kind == "b":
        # A byte that is neither is a truth value to numpy, and something else to other code.
        _expect(not (array.view(np.uint8) > 1).any(), "array data", "bytes 0 and 1 for truth values", "another")
    return _read_only(array)


def _optional(value: Any, read: Callable[[Any], Any]) -> Any:
    return None if value is None else read(value)


def _expect(fits: bool, place: str, expected: str, found: object) -> None:
    if not fits:
        raise ContractError(f"contract.{place}: expected {expected}, found {str(found)[:60]!r}")


def _text(value: Any, place: str) -> str:
    _expect(isinstance(value, str), place, "text", value)
    return str(value)


def _int(value: Any, least: int, place: str) -> int:
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
    _expect(fits, place, f"an integer >= {least}", value)
    return int(value)


def _number(value: Any, place: str) -> float:
    _expect(isinstance(value, (int, float)) and not isinstance(value, bool), place, "a number", value)
    _expect(math.isfinite(value), place, "a finite number", value)
    return float(value)


def _choice(value: Any, choices: tuple[str, ...], place: str) -> str:
    _expect(value in choices, place, f"one of {', '.join(choices)}", value)
    return str(value)


def _shape(fields: Any, place: str) -> tuple[int | str, ...]:
    fits = isinstance(fields, list) and all(
        (isinstance(d, int) and not isinstance(d, bool) and d >= 0) or (isinstance(d, str) and _DIM.fullmatch(d))
        for d in fields
    )
    _expect(fits, f"{place}.shape", "a list of dims", fields)
    return tuple(fields)


def _axis(value: Any, shape: tuple[int | str, ...], place: str) -> int:
    axis = _int(value, 0, place)
    _expect(axis < len(shape), place, f"an axis of {list(shape)}", value)
    return axis
