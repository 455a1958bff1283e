"""What a file that rnnedge has not written takes and gives, and the command that would make a stream of it.

1. A state is an input that an output gives back: of the same dtype and shape, paired by name. What is left brings
   frames; other inputs without axes are constants, whose value only the author knows.
2. Pairs and axes are tried by running: one long call gives what calls of one frame give, if the file takes both. So
   states whose names mislead are found too.
3. A file without states is one for whole sequences, if it can be opened for any batch and length.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice, permutations
from typing import Any

import onnx

from rnnedge_export.defects import defects_told
from rnnedge_export.onnx_files import open_offline
from rnnedge_export.onnx_files._adoption import Calling, in_one_call, open_stateful
from rnnedge_export.onnx_files._constants import declared_shape
from rnnedge_export.onnx_files.read_file import read_file
from rnnedge_runtime.errors import ModelRefused

_MOST_PAIRINGS = 12


@dataclass(frozen=True)
class ForeignPort:
    """An input or an output as the file declares it; `role`: "frames", "constant", "result", or what state it is."""

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


def propose(path: str, trust: str | None = None) -> Proposal:
    """Read the file at `path` and try what it could be; raises `ModelRefused` for what is no foreign ONNX file."""
    _, proto = read_file(path, trust)
    inputs = _inputs(proto)
    constants = [port.name for port in inputs if not declared_shape(port)]
    carried = [port for port in inputs if port.name not in constants]
    states: Mapping[str, str] = {}
    command, tried = None, False
    for pairs in islice(_pairings(carried, list(proto.graph.output)), _MOST_PAIRINGS):
        states = states or pairs
        options = _adopted(path, proto, pairs, constants)
        if options is not None:
            states, command, tried = pairs, _words("adopt", path, options), not constants
            break
    if not states:
        axis = _offline(path, carried, trust)
        if axis is not None:
            command, tried = _words("export", path, ["--time-axis", axis]), True
    given = {written: f"state, read as {read}" for read, written in states.items()}
    roles = dict.fromkeys(constants, "constant") | {k: f"state, given back as {v}" for k, v in states.items()}
    return Proposal(
        tuple(_shown(port, roles.get(port.name, "frames")) for port in inputs),
        tuple(_shown(port, given.get(port.name, "result")) for port in proto.graph.output),
        command,
        tried,
    )


def _pairings(inputs: Sequence[Any], outputs: Sequence[Any]) -> Iterator[dict[str, str]]:
    """Case 1: the most states first, those with the most similar names before others."""
    for frames in sorted(inputs, key=lambda port: any(_alike(port, o) for o in outputs)):
        others = [port for port in inputs if port is not frames and any(_alike(port, o) for o in outputs)]
        if not others:
            continue
        found = []
        for chosen in islice(permutations(outputs, len(others)), 720):
            pairs = list(zip(others, chosen, strict=True))
            if len(chosen) < len(outputs) and all(_alike(*pair) for pair in pairs):
                found.append((sum(_similar(a.name, b.name) for a, b in pairs), {a.name: b.name for a, b in pairs}))
        yield from (pairs for _, pairs in sorted(found, key=lambda one: -one[0]))


def _alike(port: onnx.ValueInfoProto, other: onnx.ValueInfoProto) -> bool:
    """Whether one may be given back as the other."""
    if port.type.tensor_type.elem_type != other.type.tensor_type.elem_type:
        return False
    shapes = declared_shape(port), declared_shape(other)
    if not other.type.tensor_type.HasField("shape"):
        return True
    return len(shapes[0]) == len(shapes[1]) and all(
        a is None or b is None or a == b for a, b in zip(*shapes, strict=True)
    )


def _similar(name: str, other: str) -> float:
    return SequenceMatcher(None, name.lower(), other.lower()).ratio()


def _adopted(path: str, proto: onnx.ModelProto, pairs: Mapping[str, str], constants: Sequence[str]) -> list[str] | None:
    """Case 2: the options with which it runs."""
    states = [word for pair in pairs.items() for word in ("--state", ":".join(pair))]
    values = [word for name in constants for word in ("--constant", f"{name}=NUMBER")]
    left = [port for port in _inputs(proto) if port.name not in pairs and port.name not in constants]
    if len(left) != 1:
        return None
    dims, fixed = declared_shape(left[0]), None
    if constants:
        return [*states, *values, "--time-axis", f"{left[0].name}:1" if len(dims) > 1 else "none"]
    for axis in _axes(dims):
        calling = Calling(pairs, axis, int(axis == 0), None, 0, {})
        try:
            with defects_told(path):
                source = open_stateful(path, _copied(proto), calling)
        except ModelRefused:
            continue
        words = [*states, "--time-axis", "none" if axis is None else str(axis)]
        if source.loop.chunk is None and in_one_call(source):
            return words
        if source.loop.chunk is not None:
            fixed = fixed or [*words, *([] if axis is None else ["--chunk", str(source.loop.chunk)])]
    return fixed


def _inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    weights = {value.name for value in proto.graph.initializer}
    return [port for port in proto.graph.input if port.name not in weights]


def _axes(dims: Sequence[int | None]) -> list[int | None]:
    """Where time may stand: on an open axis first; a frame of two axes or fewer may have none."""
    without: list[int | None] = [None] if len(dims) < 3 else []
    axes = sorted(range(len(dims)), key=lambda axis: (dims[axis] is not None, axis != 1, axis))[:3]
    return [*axes, *without] if None in dims else [*without, *axes]


def _offline(path: str, inputs: Sequence[onnx.ValueInfoProto], trust: str | None) -> str | None:
    """Case 3: the time axis, as the command line takes it."""
    for axis in (1, 0, 2):
        try:
            with defects_told(path):
                source = open_offline(path, axis, None, trust)
        except ModelRefused:
            continue
        return f"{source.input_names[0]}:{axis}"
    return None


def _words(verb: str, path: str, options: Sequence[str]) -> str:
    return shlex.join(["rnnedge", verb, path, "-o", "streaming.onnx", *options])


def _copied(proto: onnx.ModelProto) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    return copied


def _shown(port: onnx.ValueInfoProto, role: str) -> ForeignPort:
    dims = port.type.tensor_type.shape.dim
    shape = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims)
    kind = port.type.tensor_type.elem_type
    dtype = onnx.TensorProto.DataType.Name(kind).lower() if kind else "no tensor"
    return ForeignPort(port.name, {"float": "float32", "double": "float64"}.get(dtype, dtype), shape, role)
