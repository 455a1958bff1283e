"""How a file with states may be called: axes, frames of a call and constants that are tried by running it.

1. Time stands on an open axis, else on the one in which a cache of earlier frames differs from the frames, else on one
   of size 1, else a frame of two axes, or a picture, has none, else a call takes as many frames as the file declares:
   on an axis of a size that no state has, if there is one.
2. A file that takes any number of frames gives for one long call what calls of one frame give. If it does not, or does
   not run, it may want as many samples as its author's wrapper gives it: usual numbers are tried.
3. An input without axes that is called like a sampling rate is one. One that no node reads may be anything. One that is
   called like a length is that of a call: the number of frames that the file declares (`_lengths.py`).
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
from rnnedge_export.onnx_files._dynamic_int8 import ranges_over_calls
from rnnedge_export.onnx_files._lengths import is_length, open_inputs, unread_inputs
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
    per_sequence: Sequence[str] = ()
    known: bool = True


def tried(
    path: str, proto: onnx.ModelProto, states: Mapping[str, str], left: Sequence[Any], values: Sequence[str] = ()
) -> Try | None:
    """The first way in which the file runs with these states; `left`: the inputs that bring frames.

    `values`: those that are values per sequence.
    """
    for constants in constant_values(proto, left, states):
        if UNKNOWN in constants.values():
            dims = declared_shape(left[0])
            words = _words(states, constants, f"{left[0].name}:1" if len(dims) > 1 else None, None, values)
            return Try(words, states, values, known=False)
        fixed = None
        axes = _axes(left[0], [port for port in open_inputs(proto) if port.name in states])
        if ranges_over_calls(proto):
            dims = declared_shape(left[0])
            axes.sort(key=lambda axis: axis is None or dims[axis] not in (None, 1))
        for axis in axes:
            found, chunk = runs(path, proto, Calling(states, axis, int(axis == 0), None, 0, constants, values))
            if found and chunk is None:
                return Try(_words(states, constants, axis, None, values), states, values)
            if not found and axis and ranges_over_calls(proto):
                found, chunk = runs(path, proto, Calling(states, axis, 0, 1, 0, constants, values))
            if found:
                fixed = fixed or Try(
                    _words(states, constants, axis, chunk if axis is not None else None, values), states, values
                )
        if fixed is not None:
            return fixed
        for axis, chunk in _usual(declared_shape(left[0])):
            if runs(path, proto, Calling(states, axis, 0, chunk, 0, constants, values))[0]:
                return Try(_words(states, constants, axis, chunk, values), states, values)
    return None


def constant_values(
    proto: onnx.ModelProto, frames: Sequence[onnx.ValueInfoProto], states: Mapping[str, str]
) -> Iterator[Constants]:
    """Case 3: values of the inputs that are constants, one choice after the other."""
    kept = [port for port in open_inputs(proto) if port.name in states]
    count = _frames(frames[0], kept)
    unread, ports = unread_inputs(proto), [port for port in open_inputs(proto) if port.name not in states]
    zeros = {port.name: 0 for port in ports if port.name in unread}
    lengths = {port.name: count for port in ports if is_length(port, proto) and port.name not in unread}
    scalars = [port for port in ports if not declared_shape(port) and port.name not in {*unread, *lengths}]
    unknown = {port.name: UNKNOWN for port in scalars if not _is_rate(port)}
    rates = [port.name for port in scalars if _is_rate(port)]
    for rate in _RATES if rates else (0,):
        yield {**zeros, **lengths, **unknown, **dict.fromkeys(rates, rate)}


def _frames(frames: onnx.ValueInfoProto, states: Sequence[onnx.ValueInfoProto]) -> int | str:
    """The number of frames that the file declares for a call; only the author knows it if it declares none."""
    dims = declared_shape(frames)
    return next((dim for dim in (dims[axis] for axis in _axes(frames, states)[:1] if axis is not None) if dim), UNKNOWN)


def _is_rate(port: onnx.ValueInfoProto) -> bool:
    name = port.name.lower()
    return dtype_of(port).kind == "i" and (name in ("sr", "fs") or "rate" in name or "sr" in name.split("_"))


def runs(path: str, proto: onnx.ModelProto, calling: Calling) -> tuple[bool, int | None]:
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


def _axes(frames: Any, states: Sequence[Any]) -> list[int | None]:
    """Case 1."""
    dims = declared_shape(frames)
    kept = {dim for state in states for dim in declared_shape(state)}
    rest = sorted(range(1, len(dims)), key=lambda axis: dims[axis] in kept)
    found: list[int | None] = [axis for axis in rest if dims[axis] is None]
    if len(dims) > 2 and dims[0] is None and dims[1] in (1, None):
        found.append(0)
    found += [axis for state in states for axis in _cached(dims, declared_shape(state))]
    found += [axis for axis in rest if dims[axis] == 1]
    found += [None] if (len(dims) < 3 and not _is_sound(frames)) or len(dims) > 3 else []
    return list(dict.fromkeys([*found, *rest, *([0] if dims else [])]))[:5]


def _cached(dims: Sequence[int | None], state: Sequence[int | None]) -> list[int]:
    """The one axis in which a state of as many axes differs from the frames: it holds earlier ones of them."""
    if len(state) != len(dims):
        return []
    others = [axis for axis, (a, b) in enumerate(zip(dims, state, strict=True)) if a != b]
    return others if len(others) == 1 and others[0] and len(dims) > 2 else []


def _is_sound(frames: Any) -> bool:
    """Whether it is called like samples, or is of the type of recorders."""
    words = ("audio", "wav", "pcm", "sample", "speech", "sound")
    return dtype_of(frames) == "int16" or any(word in frames.name.lower() for word in words)


def _usual(dims: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """Case 2: (time axis, samples of a call)."""
    for axis in (axis for axis in range(1, len(dims)) if dims[axis] is None):
        yield from ((axis, chunk) for chunk in _CHUNKS)


def _words(
    states: Mapping[str, str],
    constants: Constants,
    axis: int | str | None,
    chunk: int | None,
    per_sequence: Sequence[str],
) -> tuple[str, ...]:
    pairs = [("--state", _pair(*pair)) for pair in states.items()]
    values = [("--constant", f"{name}={value}") for name, value in constants.items()]
    values += [("--per-sequence", name) for name in per_sequence]
    rest = ["--time-axis", "none" if axis is None else str(axis), *([] if chunk is None else ["--chunk", str(chunk)])]
    return (*(word for pair in (*pairs, *values) for word in pair), *rest)


def _pair(read: str, written: str) -> str:
    return f"{read}{':' if read.count(':') == written.count(':') else '='}{written}"


def command(verb: str, path: str, options: Sequence[str]) -> str:
    """What a shell runs."""
    return shlex.join(["rnnedge", verb, path, "-o", "streaming.onnx", *options])
