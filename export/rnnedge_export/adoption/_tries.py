"""How a file with states may be called: axes, frames of a call and constants that are tried by running it.

1. Time stands on an open axis, else on one of size 1, else a frame of two axes has none, else a call takes as many
   frames as the file declares.
2. A file that takes any number of frames gives for one long call what calls of one frame give. If it does not, or does
   not run, it may want as many samples as its author's wrapper gives it: usual numbers are tried.
3. An input without axes that is called like a sampling rate is one. One that no node reads may be anything. One that is
   called like a length is that of a call: the number of frames that the file declares.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from rnnedge_export.defects import defects_told
from rnnedge_export.onnx_files._adoption import Calling, in_one_call, open_stateful
from rnnedge_export.onnx_files._constants import declared_shape, dtype_of
from rnnedge_runtime.errors import ModelRefused

_RATES = (16000, 8000, 48000)
_CHUNKS = (512, 160, 256, 320, 480, 1536)
UNKNOWN = "NUMBER"
"""Stands for a value that only the author knows."""
Constants = Mapping[str, int | str]


@dataclass(frozen=True)
class Try:
    """The options of a command that runs; `known`: none of its values is only the author's."""

    words: tuple[str, ...]
    states: Mapping[str, str]
    known: bool = True


def tried(path: str, proto: onnx.ModelProto, states: Mapping[str, str], left: Sequence[Any]) -> Try | None:
    """The first way in which the file runs with these states; `left`: the inputs that bring frames."""
    for constants in constant_values(proto):
        if UNKNOWN in constants.values():
            dims = declared_shape(left[0])
            words = _words(states, constants, f"{left[0].name}:1" if len(dims) > 1 else None, None)
            return Try(words, states, known=False)
        fixed = None
        for axis in _axes(declared_shape(left[0])):
            found, chunk = _run(path, proto, Calling(states, axis, int(axis == 0), None, 0, constants))
            if found and chunk is None:
                return Try(_words(states, constants, axis, None), states)
            if found:
                fixed = fixed or Try(_words(states, constants, axis, chunk if axis is not None else None), states)
        if fixed is not None:
            return fixed
        for axis, chunk in _usual(declared_shape(left[0])):
            if _run(path, proto, Calling(states, axis, 0, chunk, 0, constants))[0]:
                return Try(_words(states, constants, axis, chunk), states)
    return None


def window(path: str, proto: onnx.ModelProto, frames: Any) -> Try | None:
    """A file without states that takes a window of fixed length: it slides over the sequence, a frame at a time."""
    dims = declared_shape(frames)
    if len(dims) < 2 or (size := dims[1]) is None or size < 2 or (len(dims) == 2 and dtype_of(frames).kind == "f"):
        return None
    if any(size in declared_shape(port) for port in proto.graph.output):
        return None
    if not _run(path, proto, Calling({}, 1, 0, 1, size - 1, {}))[0]:
        return None
    return Try(("--time-axis", "1", "--chunk", "1", "--context", str(size - 1)), {})


def constant_values(proto: onnx.ModelProto) -> Iterator[Constants]:
    """Case 3: values of the inputs that are constants, one choice after the other."""
    unread, ports = unread_inputs(proto), open_inputs(proto)
    zeros = {port.name: 0 for port in ports if port.name in unread}
    lengths = {port.name: _frames(ports) for port in ports if is_length(port) and port.name not in unread}
    scalars = [port for port in ports if not declared_shape(port) and port.name not in {*unread, *lengths}]
    unknown = {port.name: UNKNOWN for port in scalars if not _is_rate(port)}
    rates = [port.name for port in scalars if _is_rate(port)]
    for rate in _RATES if rates else (0,):
        yield {**zeros, **lengths, **unknown, **dict.fromkeys(rates, rate)}


def open_inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that are no weights."""
    weights = {value.name for value in proto.graph.initializer}
    return [port for port in proto.graph.input if port.name not in weights]


def unread_inputs(proto: onnx.ModelProto) -> set[str]:
    """The inputs that no node reads and no output is."""
    read = {value.name for value in proto.graph.output}
    nodes = list(proto.graph.node)
    while nodes:
        node = nodes.pop()
        read.update(node.input)
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                nodes += graph.node
                read.update(value.name for value in graph.output)
    return {port.name for port in open_inputs(proto)} - read


def is_length(port: onnx.ValueInfoProto) -> bool:
    """Whether it is called like a number of frames, and not like a state that counts them."""
    name = port.name.lower()
    counts = any(word in name for word in ("cache", "state", "past", "prev"))
    return dtype_of(port).kind == "i" and len(declared_shape(port)) < 2 and "len" in name and not counts


def _frames(ports: Sequence[onnx.ValueInfoProto]) -> int | str:
    """The number of frames that the file declares for a call; only the author knows it if it declares none."""
    dims = max((declared_shape(port) for port in ports), key=len)
    return next((dim for dim in (dims[axis] for axis in _axes(dims)[:1] if axis is not None) if dim), UNKNOWN)


def _is_rate(port: onnx.ValueInfoProto) -> bool:
    name = port.name.lower()
    return dtype_of(port).kind == "i" and (name in ("sr", "fs") or "rate" in name or "sr" in name.split("_"))


def _run(path: str, proto: onnx.ModelProto, calling: Calling) -> tuple[bool, int | None]:
    """Whether it runs so, and the frames of its calls if their number is fixed."""
    copied = onnx.ModelProto()
    copied.CopyFrom(proto)
    try:
        with defects_told(path):
            source = open_stateful(path, copied, calling)
            if source.loop.chunk is None:
                return in_one_call(source), None
            return True, source.loop.chunk
    except ModelRefused:
        return False, None


def _axes(dims: Sequence[int | None]) -> list[int | None]:
    """Case 1."""
    rest = range(1, len(dims))
    found: list[int | None] = [axis for axis in rest if dims[axis] is None]
    if len(dims) > 2 and dims[0] is None and dims[1] in (1, None):
        found.append(0)
    found += [axis for axis in rest if dims[axis] == 1]
    found += [None] if len(dims) < 3 else []
    return list(dict.fromkeys([*found, *rest, *([0] if dims else [])]))[:5]


def _usual(dims: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """Case 2: (time axis, samples of a call)."""
    for axis in (axis for axis in range(1, len(dims)) if dims[axis] is None):
        yield from ((axis, chunk) for chunk in _CHUNKS)


def _words(
    states: Mapping[str, str], constants: Constants, axis: int | str | None, chunk: int | None
) -> tuple[str, ...]:
    pairs = [("--state", _pair(*pair)) for pair in states.items()]
    values = [("--constant", f"{name}={value}") for name, value in constants.items()]
    rest = ["--time-axis", "none" if axis is None else str(axis), *([] if chunk is None else ["--chunk", str(chunk)])]
    return (*(word for pair in (*pairs, *values) for word in pair), *rest)


def _pair(read: str, written: str) -> str:
    return f"{read}{':' if read.count(':') == written.count(':') else '='}{written}"


def command(verb: str, path: str, options: Sequence[str]) -> str:
    """What a shell runs."""
    return shlex.join(["rnnedge", verb, path, "-o", "streaming.onnx", *options])
