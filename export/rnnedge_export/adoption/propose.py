"""What a file that rnnedge has not written takes and gives, and the command that would make a stream of it.

1. A state is an input that an output gives back (`_pairings.py`). What is left brings frames, or is a constant.
2. Pairs, axes and constants are tried by running (`_tries.py`), so states whose names mislead are found too.
3. A file without states is one for whole sequences, if it can be written as a stream; else for a window. It is for a
   window first if nothing in it goes along time as far as it likes, and it declares a length that it does not give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import NamedTuple

import onnx

from rnnedge_export.adoption._pairings import alike, pairings
from rnnedge_export.adoption._tries import (
    UNKNOWN,
    Try,
    command,
    constant_values,
    tried,
)
from rnnedge_export.adoption._windows import is_window, window
from rnnedge_export.onnx_files._constants import declared_shape, dtype_of
from rnnedge_export.onnx_files._lengths import counts, is_length, open_inputs, unread_inputs
from rnnedge_export.onnx_files.read_file import read_file
from rnnedge_export.options import ExportOptions
from rnnedge_export.sources import of_file
from rnnedge_runtime.errors import ModelRefused

_MOST_PAIRINGS = 12
_SHORT = 16


@dataclass(frozen=True)
class ForeignPort:
    """An input or an output as the file declares it.

    `role`: "frames", "value per sequence", "constant", "result", or what state it is.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    role: str


@dataclass(frozen=True)
class Proposal:
    """`command` is None where nothing that was tried runs; `tried` says whether the command was run."""

    inputs: tuple[ForeignPort, ...]
    outputs: tuple[ForeignPort, ...]
    command: str | None
    tried: bool


class _Offline(NamedTuple):
    """The options of the command line, and which inputs are values per sequence."""

    words: Sequence[str]
    contexts: Sequence[str]


def propose(path: str, trust: str | None = None) -> Proposal:
    """Read the file at `path` and try what it could be; raises `ModelRefused` for what is no foreign ONNX file."""
    _, proto = read_file(path, trust)
    inputs, outputs = open_inputs(proto), list(proto.graph.output)
    lengths = [port.name for port in inputs if is_length(port, proto)]
    constants = {*unread_inputs(proto), *lengths, *(port.name for port in inputs if _is_constant(port, proto))}
    carried = [port for port in inputs if port.name not in constants]
    guesses = list(islice(pairings(carried, outputs), _MOST_PAIRINGS))
    found = _adopted(path, proto, carried, guesses)
    states = found.states if found is not None else guesses[0] if guesses else {}
    line = None if found is None else command("adopt", path, found.words)
    offline = None
    if found is None and carried:
        one = carried[0] if len(carried) == 1 and not guesses else None
        found = window(path, proto, one) if one is not None and is_window(proto) else None
        offline = _offline(path, proto, carried, trust) if found is None else None
        if offline is None and found is None and one is not None:
            found = window(path, proto, one)
        states = {} if offline is not None else states
        line = None if offline is None else command("export", path, offline.words)
        line = line if found is None else command("adopt", path, found.words)
    given = {written: f"state, read as {read}" for read, written in states.items()}
    roles = dict.fromkeys(constants, "constant") | {k: f"state, given back as {v}" for k, v in states.items()}
    values = found.per_sequence if found is not None else () if offline is None else offline.contexts
    roles |= dict.fromkeys(values, "value per sequence")
    return Proposal(
        tuple(_shown(port, roles.get(port.name, "frames")) for port in inputs),
        tuple(_shown(port, given.get(port.name, "result")) for port in outputs),
        line,
        line is not None and (found is None or found.known),
    )


def _adopted(
    path: str, proto: onnx.ModelProto, carried: Sequence[onnx.ValueInfoProto], guesses: Sequence[Mapping[str, str]]
) -> Try | None:
    """Case 2: the first guess with which it runs."""
    for states in guesses:
        left = [port for port in carried if port.name not in states]
        found = tried(path, proto, states, left)
        for frames in _likely(left) if found is None and len(left) > 1 else ():
            # Values per sequence stand next to the frames.
            others = [port.name for port in left if port is not frames]
            found = found or tried(path, proto, states, [frames], others)
        if found is not None:
            return found
    return None


def _offline(
    path: str, proto: onnx.ModelProto, inputs: Sequence[onnx.ValueInfoProto], trust: str | None
) -> _Offline | None:
    """Case 3: how it can be written as a stream."""
    lengths = [port.name for port in open_inputs(proto) if is_length(port, proto)]
    constants = {name: value for name, value in next(constant_values(proto, inputs, {})).items() if name not in lengths}
    if UNKNOWN in constants.values():
        return None
    values = [word for name, value in constants.items() for word in ("--constant", f"{name}={value}")]
    for port, axis in product(_likely(inputs), (1, 0, 2)):
        if (axis == 0 and _is_batch(port)) or (axis == 2 and _is_short(port)):
            continue
        time = f"{port.name}:{axis}"
        try:
            with of_file(path, time_axis=time, constants=constants, trust=trust, say=lambda _: None) as session:
                contract = session.candidate(ExportOptions(), path).contract
        except ModelRefused:
            continue
        return _Offline([*values, "--time-axis", time], [state.input for state in contract.contexts])
    return None


def _likely(inputs: Sequence[onnx.ValueInfoProto]) -> list[onnx.ValueInfoProto]:
    """The first input, and then the one with the most open axes: a value per sequence may stand in front of frames."""
    most = max(inputs, key=lambda port: (declared_shape(port).count(None), len(declared_shape(port))))
    return list({port.name: port for port in (inputs[0], most)}.values())


def _is_constant(port: onnx.ValueInfoProto, proto: onnx.ModelProto) -> bool:
    """Whether it has no axes, and no output of its name, or that counts on, gives it back."""
    if declared_shape(port):
        return False
    named = any(alike(port, out) and port.name.lower() in out.name.lower() for out in proto.graph.output)
    return not named and not (dtype_of(port).kind == "i" and counts(port, proto))


def _is_short(port: onnx.ValueInfoProto) -> bool:
    """Whether axis 2 has a fixed size that is none of a sequence, so that a window over axis 1 is likelier."""
    dims = declared_shape(port)
    return len(dims) < 3 or (dims[2] or _SHORT) < _SHORT


def _is_batch(port: onnx.ValueInfoProto) -> bool:
    """Whether the first of three axes or more is called like a batch."""
    dims = port.type.tensor_type.shape.dim
    name = dims[0].dim_param.lower() if dims else ""
    return len(dims) > 2 and (name in ("b", "n", "bs") or "batch" in name)


def _shown(port: onnx.ValueInfoProto, role: str) -> ForeignPort:
    dims = port.type.tensor_type.shape.dim
    shape = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims)
    kind = port.type.tensor_type.elem_type
    dtype = onnx.TensorProto.DataType.Name(kind).lower() if kind else "no tensor"
    return ForeignPort(port.name, {"float": "float32", "double": "float64"}.get(dtype, dtype), shape, role)
