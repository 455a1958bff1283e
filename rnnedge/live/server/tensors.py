"""Tensors of the KServe v2 protocol: JSON, or bytes after it as Triton's binary extension has them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnedge.files.nested import shape_of
from rnnedge.live.protocol.records import FrameFormat, parse_json
from rnnedge_runtime.contract import Array, Port
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import non_finite

# What the protocol calls the dtypes of numpy.
KINDS = {
    "float32": "FP32", "float64": "FP64", "float16": "FP16", "bfloat16": "BF16", "bool": "BOOL",
    "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64",
    "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64",
}  # fmt: skip
_MOST_DIGITS, _LONG_NAME = 12, 200


@dataclass(frozen=True)
class InferRequest:
    """What was asked: `frames` (time, ...) of the only input, and whether they came with a batch axis of one.

    `wanted`: the outputs by name, and whether each is wanted as bytes. `sequence`: "" for a request by itself.
    """

    id: str
    frames: Array
    batched: bool
    wanted: dict[str, bool]
    sequence: str
    start: bool
    end: bool


def parse_request(
    body: bytes, header: str | None, form: FrameFormat, port: Port, outputs: Sequence[str]
) -> InferRequest:
    """Read a request; `header`: how many bytes of `body` are JSON, all without one. Raises `InputError`."""
    if header is not None and (not header.isdecimal() or len(header) > _MOST_DIGITS or int(header) > len(body)):
        raise InputError(f"infer: Inference-Header-Content-Length: expected at most {len(body)}, found {header[:40]!r}")
    size = len(body) if header is None else int(header)
    return request_of(_object(parse_json(body[:size], "infer"), "the request"), body[size:], form, port, outputs)


def request_of(
    given: Mapping[str, Any], data: bytes, form: FrameFormat, port: Port, outputs: Sequence[str]
) -> InferRequest:
    """Read the fields of a request; `data`: the bytes of its tensors. Raises `InputError`."""
    parameters = _object(given.get("parameters", {}), "parameters")
    inputs = given.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise InputError(f"infer: inputs: expected one input, {port.name!r}")
    frames, batched = _frames(_object(inputs[0], "inputs[0]"), data, form, port)
    return InferRequest(
        id=str(given.get("id", "")),
        frames=frames,
        batched=batched,
        wanted=_wanted(given.get("outputs"), parameters.get("binary_data_output") is True, outputs),
        sequence=_sequence(parameters.get("sequence_id", 0)),
        start=_flag(parameters, "sequence_start"),
        end=_flag(parameters, "sequence_end"),
    )


def response(fields: Mapping[str, Any], outputs: Mapping[str, Array], wanted: Mapping[str, bool]) -> tuple[bytes, int]:
    """The body, and how many bytes of it are JSON."""
    tensors, parts = [], []
    for name, as_bytes in wanted.items():
        array = outputs[name]
        tensor: dict[str, Any] = {"name": name, "datatype": KINDS[array.dtype.name], "shape": list(array.shape)}
        if as_bytes:
            parts.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
            tensor["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            tensor["data"] = [None if v != v or abs(v) == float("inf") else v for v in array.reshape(-1).tolist()]
        tensors.append(tensor)
    head = json.dumps({**fields, "outputs": tensors}).encode()
    return b"".join([head, *parts]), len(head)


def described_tensors(ports: Sequence[Port]) -> Iterator[dict[str, Any]]:
    """Inputs or outputs, for the metadata of the model."""
    for port in ports:
        shape = [1, -1, *(int(d) for d in port.frame_shape)]
        yield {"name": port.name, "datatype": KINDS[np.dtype(port.dtype).name], "shape": shape}


def _sequence(given: Any) -> str:
    """A name of its own for each id: 7 and "7" are two."""
    if not isinstance(given, (int, str)) or isinstance(given, bool) or len(str(given)) > _LONG_NAME:
        raise InputError(f"infer: sequence_id: expected a number, or text of at most {_LONG_NAME} letters")
    return "" if given in (0, "") else json.dumps(given)


def _flag(parameters: Mapping[str, Any], name: str) -> bool:
    found = parameters.get(name, False)
    if not isinstance(found, bool):
        raise InputError(f"infer: {name}: expected true or false, found {str(found)[:40]!r}")
    return found


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"infer: {place}: expected an object, found {str(value)[:40]!r}")
    return value


def _wanted(given: Any, all_as_bytes: bool, known: Sequence[str]) -> dict[str, bool]:
    if not given:
        return dict.fromkeys(known, all_as_bytes)
    if not isinstance(given, list):
        raise InputError("infer: outputs: expected a list")
    wanted: dict[str, bool] = {}
    for one in given:
        name = _object(one, "outputs").get("name")
        parameters = _object(one.get("parameters", {}), "outputs: parameters")
        if not isinstance(name, str) or name not in known:
            raise InputError(f"infer: outputs: expected one of {', '.join(known)}, found {str(name)[:40]!r}")
        if parameters.get("classification"):
            raise InputError("infer: outputs: classification is not served; take the scores")
        wanted[name] = parameters.get("binary_data", all_as_bytes) is True
    return wanted


def _frames(tensor: dict[str, Any], data: bytes, form: FrameFormat, port: Port) -> tuple[Array, bool]:
    """Frames (time, ...), and whether a batch axis was before them."""
    place, kind = f"infer: input {port.name!r}", KINDS[np.dtype(port.dtype).name]
    if tensor.get("name") != port.name or tensor.get("datatype") != kind:
        found = f"{str(tensor.get('name'))[:40]!r} of {str(tensor.get('datatype'))[:10]}"
        raise InputError(f"infer: inputs: expected {port.name!r} of {kind}, found {found}")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(type(d) is int and 0 <= d < 1 << 32 for d in shape):
        raise InputError(f"{place}: shape: expected a list of numbers, found {str(shape)[:40]}")
    batched = len(shape) == len(form.shape) + 2 and shape[0] == 1
    frame = shape[2 if batched else 1 :]
    if not (batched or len(shape) == len(form.shape) + 1) or tuple(frame) != form.shape:
        raise InputError(f"{place}: shape: expected [1, frames{''.join(f', {d}' for d in form.shape)}], found {shape}")
    count = shape[1 if batched else 0]
    frames = _values(tensor, data, form, count, place).reshape(count, *form.shape)
    if frames.dtype.kind == "f" and not np.isfinite(frames).all():
        raise non_finite(frames, port, 1, 0)
    return frames, batched


def _values(tensor: dict[str, Any], data: bytes, form: FrameFormat, count: int, place: str) -> Array:
    size = _object(tensor.get("parameters", {}), "inputs: parameters").get("binary_data_size")
    if "data" in tensor and (size is not None or data):
        raise InputError(f"{place}: expected data or bytes after the JSON, found both")
    if size is not None:
        expected = count * form.size * form.wire.itemsize
        if type(size) is not int or size != expected or len(data) != expected:
            raise InputError(f"{place}: expected {expected} bytes, found {str(size)[:20]} said and {len(data)} sent")
        return np.frombuffer(data, form.wire).astype(form.dtype)
    given = tensor.get("data")
    try:
        found = shape_of(given)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: data: expected numbers ({str(error)[:80]})") from error
    if math.prod(found) != count * form.size:
        raise InputError(f"{place}: data: expected {count * form.size} numbers, found {math.prod(found)}")
    return form.array(np.array(given).reshape(count, form.size), place)
