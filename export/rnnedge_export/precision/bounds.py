"""Ranges that a graph proves of its own values, by interval arithmetic: no data is asked.

A hidden state that tanh and sigmoid made lies between -1 and 1 for every input there is, so it can be rounded to a
fixed grid; then the rows of a batch, and the frames of a call, never share a scale.

1. A rule gives the range of an output from those of the inputs; without a rule, or from an unbounded input, there is
   none.
2. A state begins with the range of its initial value, and grows by that of its next value until nothing grows any
   more; what still grows after `_ROUNDS` rounds has no range. The cell state of an LSTM is such a one.
3. n + z (h - n) with z in [0, 1] lies between n and h, which plain interval arithmetic does not see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from rnnedge_export.graph.builder import constant
from rnnedge_runtime.contract import State

Range = tuple[float, float]
_ROUNDS = 6
_UNIT, _SIGNED = (0.0, 1.0), (-1.0, 1.0)


def bounds_of(model: ir.Model, states: Sequence[State]) -> dict[ir.Value, Range]:
    """The proven range of every value that has one, those of Scan bodies included; a context may be any number."""
    states = [state for state in states if not state.context]
    inputs = {str(value.name): value for value in model.graph.inputs}
    outputs = {str(value.name): value for value in model.graph.outputs}
    carried = [(inputs[s.input], outputs[s.output]) for s in states]
    known: dict[ir.Value, Range] = {}
    initial = {inputs[s.input]: (float(np.min(s.initial)), float(np.max(s.initial))) for s in states}
    _settle(known, initial, carried, lambda: _walk(model.graph, known))
    return known


def _settle(
    known: dict[ir.Value, Range],
    initial: Mapping[ir.Value, Range],
    carried: Sequence[tuple[ir.Value, ir.Value]],
    walk: Callable[[], None],
) -> None:
    """Case 2: `carried` are (before, after); afterwards `known` holds for every call."""
    live = dict(initial)
    while True:
        for _ in range(_ROUNDS):
            for before, _after in carried:
                known.pop(before, None)
            known.update(live)
            walk()
            grown = {b: _hull([live[b], known.get(a)]) for b, a in carried if b in live}
            if all(grown[b] == live[b] for b in grown):
                return
            live = {b: r for b, r in grown.items() if r is not None}
        # Whatever has not come to rest grows forever, as a sum does.
        known.update(live)
        walk()
        live = {b: live[b] for b, a in carried if b in live and _hull([live[b], known.get(a)]) == live[b]}
        live = {b: initial[b] for b in live}


def _walk(graph: ir.Graph, known: dict[ir.Value, Range]) -> None:
    for node in graph:
        if node.op_type == "Scan":
            _scan(node, known)
            continue
        found = _range(node, known)
        for index, value in enumerate(node.outputs):
            # Y_c of an LSTM has no range.
            _set(known, value, None if index == 2 and node.op_type == "LSTM" else found)


def _set(known: dict[ir.Value, Range], value: ir.Value, found: Range | None) -> None:
    if found is None:
        known.pop(value, None)
    else:
        known[value] = found


def _scan(node: ir.Node, known: dict[ir.Value, Range]) -> None:
    body = node.attributes["body"].as_graph()
    count = len(node.inputs) - node.attributes.get_int("num_scan_inputs", 0)
    for inner, outer in zip(body.inputs[count:], node.inputs[count:], strict=True):
        _set(known, inner, _of(outer, known))
    carried = list(zip(body.inputs[:count], body.outputs[:count], strict=True))
    starts = [(inner, _of(outer, known)) for inner, outer in zip(body.inputs[:count], node.inputs[:count], strict=True)]
    _settle(known, {inner: r for inner, r in starts if r is not None}, carried, lambda: _walk(body, known))
    for index, (outer, inner) in enumerate(zip(node.outputs, body.outputs, strict=True)):
        start = _of(node.inputs[index], known) if index < count else _of(inner, known)
        _set(known, outer, _hull([start, _of(inner, known)]))


def _of(value: ir.Value | None, known: Mapping[ir.Value, Range]) -> Range | None:
    if value is None:
        return None
    if value in known:
        return known[value]
    array = constant(value)
    if array is None or array.dtype.kind != "f" or not array.size:
        return None
    return float(array.min()), float(array.max())


def _hull(ranges: Iterable[Range | None]) -> Range | None:
    found = list(ranges)
    bounded = [r for r in found if r is not None]
    if not bounded or len(bounded) < len(found):
        return None
    return min(r[0] for r in bounded), max(r[1] for r in bounded)


def _range(node: ir.Node, known: Mapping[ir.Value, Range]) -> Range | None:
    kind = node.op_type if node.domain == "" else ""
    if kind in _ALWAYS:
        return _ALWAYS[kind]
    if kind in ("GRU", "LSTM", "RNN"):
        return _native(node, known)
    ranges = [_of(value, known) for value in node.inputs]
    if kind in _FIRST:
        return ranges[0]
    if kind in ("Concat", "Max", "Min"):
        return _hull(ranges)
    if kind == "Where":
        return _hull(ranges[1:3])
    if kind in ("Pad", "AveragePool", "Tile", "Expand"):
        return _hull([ranges[0], (0.0, 0.0)]) if len(node.inputs) < 3 or node.inputs[2] is None else None
    if kind == "Add":
        return _between(node, known) or _arithmetic(kind, ranges)
    if kind == "Clip":
        return _clip(node, known)
    if kind in ("Sub", "Mul", "Neg", "Relu", "Abs"):
        return _arithmetic(kind, ranges)
    return None


# What these give lies there whatever they are given.
_ALWAYS: dict[str, Range] = {
    **dict.fromkeys(("Sigmoid", "HardSigmoid", "Softmax"), _UNIT),
    **dict.fromkeys(("Tanh", "Erf", "Sin", "Cos", "Softsign", "Sign"), _SIGNED),
}
# These move numbers, or choose some of them.
_FIRST = frozenset(
    "Identity Reshape Squeeze Unsqueeze Transpose Slice Split Gather Flatten MaxPool ReduceMax ReduceMin "
    "ReduceMean Dropout GlobalMaxPool GlobalAveragePool".split()
)


def _arithmetic(kind: str, ranges: Sequence[Range | None]) -> Range | None:
    if any(r is None for r in ranges):
        return None
    (a, b), *others = [r for r in ranges if r is not None]
    if kind == "Neg":
        return -b, -a
    if kind == "Relu":
        return max(a, 0.0), max(b, 0.0)
    if kind == "Abs":
        return (0.0 if a <= 0 <= b else min(abs(a), abs(b))), max(abs(a), abs(b))
    c, d = others[0]
    if kind == "Mul":
        corners = (a * c, a * d, b * c, b * d)
        return min(corners), max(corners)
    return (a + c, b + d) if kind == "Add" else (a - d, b - c)


def _between(node: ir.Node, known: Mapping[ir.Value, Range]) -> Range | None:
    """Case 3, as Add(n, Mul(z, Sub(h, n))) in any order of the factors."""
    for n, product in ((node.inputs[0], node.inputs[1]), (node.inputs[1], node.inputs[0])):
        mul = product.producer() if product is not None else None
        if mul is None or mul.op_type != "Mul":
            continue
        for z, difference in ((mul.inputs[0], mul.inputs[1]), (mul.inputs[1], mul.inputs[0])):
            sub = difference.producer() if difference is not None else None
            share = _of(z, known)
            if sub is None or sub.op_type != "Sub" or sub.inputs[1] is not n or share is None:
                continue
            if share[0] >= 0 and share[1] <= 1:
                return _hull([_of(n, known), _of(sub.inputs[0], known)])
    return None


def _clip(node: ir.Node, known: Mapping[ir.Value, Range]) -> Range | None:
    """Clip with both bounds constant."""
    limits = [_of(value, known) for value in node.inputs[1:3]]
    if len(limits) < 2 or limits[0] is None or limits[1] is None:
        return None
    return limits[0][0], limits[1][1]


def _native(node: ir.Node, known: Mapping[ir.Value, Range]) -> Range | None:
    """Y and Y_h of a native recurrence whose activations do not leave [-1, 1]."""
    names = node.attributes.get_strings("activations", ()) or ()
    if any(name.lower() not in ("tanh", "sigmoid") for name in names):
        return None
    initial = node.inputs[5] if len(node.inputs) > 5 else None
    return _SIGNED if initial is None else _hull([_SIGNED, _of(initial, known)])
