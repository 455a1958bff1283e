"""Lengths and shapes of an ONNX file found by running it.

Symbolic inference knows some operators and guesses at others. A run knows them all: every dim is observed for several
batch sizes and lengths, and written as `k*batch`, `k*((p*time + r)//q)`, their product, or a number. What no such
expression fits stays unknown, and is refused where a streaming rule asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from math import gcd
from typing import Any

import onnx
import onnx_ir as ir

from rnnedge_export.graph.cpu_session import session
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.graph.symbolic_dims import size
from rnnedge_export.streaming.facts import constant
from rnnedge_runtime.contract import Dim

_SHORT = range(1, 49)
_LONG = (64, 80, 96, 128, 160, 192, 240, 256, 320, 480, 512, 640, 960, 1024, 1280, 1536, 2048, 4096, 8192, 16000, 16384)
# Distances between two lengths: a rate p/q shows where q divides the distance.
_SPANS = (960, 2560, 5040)
_MAX_PERIOD = 512
_DOUBLED = 9

Feed = Callable[[int, int], Sequence[Any]]
Run = Callable[[int, int], Mapping[str, tuple[int, ...]]]
"""(batch, time) -> the shape of every value."""


def find_lengths(works: Callable[[int], bool], declared: int | None) -> Lengths | None:
    """The lengths that a file takes, by trying short ones, and longer ones where those fail; None for less than two."""
    found = [t for t in _SHORT if works(t)]
    if len(found) < 3:
        tried = sorted({*_LONG, *((declared, 2 * declared, 3 * declared) if declared else ())})
        found += [t for t in tried if t not in found and works(t)]
    if len(found) < 2:
        return None
    return Lengths(found[0], reduce(gcd, (b - a for a, b in pairwise(found))))


def without_remainders(model: ir.Model, feed: Feed, lengths: Lengths) -> Lengths:
    """The lengths for which no value is cut to the length of another by a remainder, as in `x + skip[..., :len(x)]`.

    Such a file takes any length, and loses frames of the longer branch where strides do not divide it: only lengths of
    one remainder stream. Others are returned as they are.
    """
    cuts = [n for n in model.graph if n.op_type == "Slice" and constant(n.inputs[2]) is None]
    if not cuts or lengths.grain > 1:
        return lengths
    run, _ = shape_runner(model, [str(v.name) for n in cuts for v in (n.inputs[0], n.outputs[0]) if v], feed)
    base = lengths.at_least(24)
    lost = {}
    for t in range(base, base + 192):
        shapes = run(2, t)
        lost[t] = sum(sum(shapes[str(n.inputs[0].name)]) - sum(shapes[str(n.outputs[0].name)]) for n in cuts
                      if n.inputs[0] is not None)  # fmt: skip
    whole = [t for t in lost if lost[t] == min(lost.values()) and lost.get(t - 1, 0) > lost[t]]
    steps = {b - a for a, b in pairwise(whole)}
    if len(steps) != 1:
        return lengths
    grain = steps.pop()
    return Lengths(lengths.least + (whole[0] - lengths.least) % grain, grain)


def measure_shapes(model: ir.Model, feed: Feed, lengths: Lengths) -> Lengths:
    """Write shape and type of every value of the main graph into `model`, where they are not known.

    `feed` makes the inputs of (batch, time), in the order of the graph.

    Returns the lengths for which every value has the shape that was found, and is not empty: onnxruntime's pooling
    makes up frames where a sequence is shorter than its window.
    """
    values = [value for node in model.graph for value in node.outputs if value.name]
    untyped = [str(value.name) for value in values if value.type is None]
    run, types = shape_runner(model, [str(value.name) for value in values], feed, untyped)
    base = _first_taken(run, lengths)
    near = [base + lengths.grain * k for k in (0, 1, 2, 3, 5, 8, 13)]
    seen = {(2, t): run(2, t) for t in near} | {(b, base): run(b, base) for b in (1, 3, 5)}
    for span in _SPANS:
        far = base + -(-span // lengths.grain) * lengths.grain
        seen[2, far] = run(2, far)
        periods = {_rate(_column(seen, str(v.name), i), base, far).denominator
                   for v in values for i in range(len(seen[2, base][str(v.name)]))}  # fmt: skip
        longest = max((q for q in periods if q <= _MAX_PERIOD), default=1)
        for t in range(base, base + longest * (lengths.grain if lengths.grain == 1 else 0), 1):
            if (2, t) not in seen:
                seen[2, t] = run(2, t)
        fits = {str(v.name): _fitted(seen, str(v.name), base, far) for v in values}
        if all(d is not None for shape in fits.values() for d in shape):
            break
    for value in values:
        stated = None if value.shape is None else [d if isinstance(d, int) else str(d) for d in value.shape]
        if stated is None or any(size(dim, 2, base) is None for dim in stated):
            value.shape = ir.Shape(fits[str(value.name)])
        value.type = value.type or ir.TensorType(types[str(value.name)])
    return Lengths(_least(fits, run, lengths, base), lengths.grain)


def _least(fits: Mapping[str, Sequence[Dim | None]], run: Run, lengths: Lengths, base: int) -> int:
    """The shortest length from which on every shape is as found; at `base` it is."""
    least = base
    for t in range(base - lengths.grain, lengths.least - 1, -lengths.grain):
        try:
            shapes = run(2, t)
        # onnxruntime has a type of its own for every way to refuse a sequence that is shorter than a window.
        except Exception:
            return least
        for name, dims in fits.items():
            for dim, found in zip(dims, shapes[name], strict=True):
                if (dim is not None and size(dim, 2, t) != found) or found < 1:
                    return least
        least = t
    return least


def _first_taken(run: Run, lengths: Lengths) -> int:
    """A short length that the graph takes, which a branch on the length may make longer than the module's shortest."""
    for length in (lengths.at_least(24 << k) for k in range(_DOUBLED)):
        try:
            run(2, length)
        # onnxruntime raises of everything.
        except Exception:
            continue
        return length
    return lengths.at_least(24)


def shape_runner(
    model: ir.Model, names: list[str], feed: Feed, untyped: Sequence[str] = ()
) -> tuple[Run, dict[str, Any]]:
    """What gives the shapes of the named values for (batch, time), and the types of those that are `untyped`.

    What is an output stays in memory until the end of a run, so only these are.
    """
    proto = ir.to_proto(model)
    graph = proto.graph
    del graph.output[:]
    graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in untyped)
    for index, name in enumerate(names):
        graph.node.append(onnx.helper.make_node("Shape", [name], [f"rnnedge_shape_{index}"]))
        graph.output.append(onnx.helper.make_empty_tensor_value_info(f"rnnedge_shape_{index}"))
    running = session(proto, shapes_first=True)
    wanted = [f"rnnedge_shape_{index}" for index in range(len(names))]
    words = {port.name: port.type.removeprefix("tensor(").removesuffix(")") for port in running.get_outputs()}
    types = {name: ir.DataType[{"double": "DOUBLE"}.get(words[name], words[name].upper())] for name in untyped}
    ports = [port.name for port in running.get_inputs()]

    def run(batch: int, time: int) -> dict[str, tuple[int, ...]]:
        found = running.run(wanted, dict(zip(ports, feed(batch, time), strict=True)))
        return {name: tuple(int(d) for d in shape) for name, shape in zip(names, found, strict=True)}

    return run, types


def _column(seen: Mapping[tuple[int, int], Mapping[str, Sequence[int]]], name: str, axis: int) -> dict[Any, int]:
    return {key: shapes[name][axis] for key, shapes in seen.items()}


def _rate(column: Mapping[tuple[int, int], int], base: int, far: int) -> Fraction:
    return Fraction(column[2, far] - column[2, base], far - base)


def _fitted(seen: Mapping[Any, Mapping[str, Sequence[int]]], name: str, base: int, far: int) -> list[Dim | None]:
    return [_dim(_column(seen, name, axis), base, far) for axis in range(len(seen[2, base][name]))]


def _dim(column: Mapping[tuple[int, int], int], base: int, far: int) -> Dim | None:
    """The expression that gives every observed number, None if there is none."""
    batched = column[3, base] != column[2, base]
    if batched and any(column[b, base] * 2 != column[2, base] * b for b in (1, 3, 5)):
        return None
    if not batched and len({column[b, base] for b in (1, 2, 3, 5)}) > 1:
        return None
    along = {t: Fraction(size, 2 if batched else 1) for (b, t), size in column.items() if b == 2}
    if len(set(along.values())) == 1:
        times = next(iter(along.values()))
        if not batched:
            return int(times)
        return None if times.denominator > 1 else "batch" if times == 1 else f"{times}*batch"
    if any(size.denominator > 1 for size in along.values()):
        return None
    frames = _rows({t: int(size) for t, size in along.items()}, _rate(column, base, far) / (2 if batched else 1))
    return frames if frames is None or not batched else f"batch*({frames})"


def _rows(along: Mapping[int, int], rate: Fraction) -> str | None:
    """As many rows for every frame: those of heads, or of bands, with frames in front of them."""
    common = gcd(*along.values())
    for rows in (rows for rows in range(1, common + 1) if common % rows == 0):
        frames = _frames({t: size // rows for t, size in along.items()}, rate / rows)
        if frames is not None:
            return frames if rows == 1 else f"{rows}*({frames})"
    return None


def _frames(along: Mapping[int, int], rate: Fraction) -> str | None:
    """floor((p t + r) / q) with the least r that fits, in the words of a graph."""
    p, q = rate.numerator, rate.denominator
    low = max(size * q - p * t for t, size in along.items())
    high = min(size * q - p * t for t, size in along.items()) + q - 1
    if low > high or p <= 0:
        return None
    offset = min(max(low, 0), high)
    scaled = "time" if p == 1 else f"{p}*time"
    whole = scaled if not offset else f"({scaled} {'+' if offset > 0 else '-'} {abs(offset)})"
    return whole if q == 1 else f"{whole}//{q}"
