"""Which inputs of a file may be its states, and which outputs give them back: guesses, the most likely first.

1. One input brings frames; the others that an output of the same dtype and shape may give back are states.
2. Names say most: `h_in` and `h_out`, `cached_key_3` and `new_cached_key_3`. Those of one shape come in one order, too.
3. Of a few states every assignment is a guess.
4. Every output may be a state, as of a single cell, if names say so; each is a result too, then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import permutations

import onnx

from rnnedge_export.onnx_files._constants import declared_shape

Ports = Sequence[onnx.ValueInfoProto]
Pairs = dict[str, str]
_FEW = 4
_STATE = re.compile(r"[hcs]([x_\d]|$)|state|hidden|mem|cell|cache|prev|past|carry")
_SIMILAR = 0.5


def pairings(inputs: Ports, outputs: Ports) -> Iterator[Pairs]:
    """States by input, as often as there are guesses."""
    for frames in sorted(inputs, key=lambda port: any(alike(port, o) for o in outputs)):
        others = [port for port in inputs if port is not frames and any(alike(port, o) for o in outputs)]
        if not others or len(others) > len(outputs):
            continue
        guesses = [_by_names(others, outputs), _in_order(others, outputs)]
        if len(others) <= _FEW and len(outputs) <= 2 * _FEW:
            guesses += sorted(_all(others, outputs), key=_unlike)
        seen: list[Pairs] = []
        for pairs in guesses:
            fits = len(pairs) < len(outputs) or all(_named(*pair) for pair in pairs.items())
            if len(pairs) == len(others) and pairs not in seen and fits:
                seen.append(pairs)
                yield pairs


def alike(port: onnx.ValueInfoProto, other: onnx.ValueInfoProto) -> bool:
    """Whether one may be given back as the other."""
    if port.type.tensor_type.elem_type != other.type.tensor_type.elem_type:
        return False
    shapes = declared_shape(port), declared_shape(other)
    if not other.type.tensor_type.HasField("shape"):
        return True
    return len(shapes[0]) == len(shapes[1]) and all(
        a is None or b is None or a == b for a, b in zip(*shapes, strict=True)
    )


def _named(read: str, written: str) -> bool:
    """Case 4: whether it is called like a state, or like what would give it back."""
    return _STATE.search(read.lower()) is not None or _similar(read, written) >= _SIMILAR


def _by_names(inputs: Ports, outputs: Ports) -> Pairs:
    """The most similar names first; of equally similar ones those that stand at the same place."""
    ranked = sorted(
        (-_similar(a.name, b.name), abs(i - j), i, j)
        for i, a in enumerate(inputs)
        for j, b in enumerate(outputs, -1)
        if alike(a, b)
    )
    given: dict[int, int] = {}
    for _, _, i, j in ranked:
        if i not in given and j not in given.values():
            given[i] = j
    return {inputs[i].name: outputs[j + 1].name for i, j in sorted(given.items())}


def _in_order(inputs: Ports, outputs: Ports) -> Pairs:
    """Each state by the last outputs that are left, in the order of the inputs."""
    left, pairs = list(outputs), {}
    for port in reversed(inputs):
        found = next((other for other in reversed(left) if alike(port, other)), None)
        if found is None:
            return {}
        left.remove(found)
        pairs[port.name] = found.name
    return {port.name: pairs[port.name] for port in inputs}


def _all(inputs: Ports, outputs: Ports) -> Iterator[Pairs]:
    for chosen in permutations(outputs, len(inputs)):
        if all(alike(a, b) for a, b in zip(inputs, chosen, strict=True)):
            yield {a.name: b.name for a, b in zip(inputs, chosen, strict=True)}


def _unlike(pairs: Pairs) -> float:
    return -sum(_similar(a, b) for a, b in pairs.items())


def _similar(name: str, other: str) -> float:
    return SequenceMatcher(None, name.lower(), other.lower()).ratio()
