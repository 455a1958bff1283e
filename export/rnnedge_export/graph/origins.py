"""Where values of a graph come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import onnx_ir as ir


def origins(ends: Iterable[ir.Value | None], through: Callable[[ir.Node], bool]) -> set[ir.Value]:
    """`ends`, and what they come from through such nodes; each once: a network may have thousands in a row."""
    found: set[ir.Value] = set()
    rest = [value for value in ends if value is not None]
    while rest:
        value = rest.pop()
        if value in found:
            continue
        found.add(value)
        producer = value.producer()
        if producer is not None and through(producer):
            rest += [source for source in producer.inputs if source is not None]
    return found
