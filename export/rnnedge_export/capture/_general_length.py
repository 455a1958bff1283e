"""A trace at a length that nothing divides, which says what becomes of a remainder.

torch.export draws conclusions from the example: of 40 frames, `F.pad(x, (0, -n % 4))` pads nothing, so it takes
multiples of 4 only; of 41 it pads, and that is right for 40 as well. From the shortest sequence that a module takes it
concludes as much. Here its conclusions are not checked; the lengths of what comes out are compared with the module's.
"""

from __future__ import annotations

import re
from typing import Any

import torch

from rnnedge_export.capture._fake_tensors import exported
from rnnedge_export.capture._remainders import rounded_up
from rnnedge_export.capture.complex_numbers import RealPairs, has_complex
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.kept_values import left_as_it_was
from rnnedge_export.capture.module_adapter import ModuleAdapter
from rnnedge_export.graph.symbolic_dims import size
from rnnedge_runtime.errors import ModelRefused

_COMPARED = 12


def traced(
    source: ModuleAdapter, x: tuple[torch.Tensor, ...], example: Example, time: Any, *, deferred: bool = False
) -> torch.export.ExportedProgram:
    """torch.export for any batch and the lengths `time`; raises what torch raises."""
    each = (example.dims(torch.export.Dim("batch"), time),)

    def program(*, with_lines: bool = False) -> torch.export.ExportedProgram:
        with left_as_it_was(source.module):
            return exported(source, x, each, deferred=deferred, with_lines=with_lines)

    if not has_complex(found := program()):
        return found
    try:
        return exported(RealPairs(found).eval(), x, each, deferred=deferred)
    except ModelRefused:
        # Once more, for the line that it names.
        return exported(RealPairs(program(with_lines=True)).eval(), x, each, deferred=deferred)


def shapes_at(source: ModuleAdapter, example: Example, batch: int, length: int) -> list[tuple[int, ...]] | None:
    """The shapes of the outputs for sequences of `length` frames, None if the module does not take that many."""
    try:
        return [tuple(y.shape) for y in source(*example.given(batch, length))]
    # A user's forward can raise anything for a sequence that is too short.
    except Exception:
        return None


class General:
    """The trace, made once if it can be."""

    def __init__(self, source: ModuleAdapter, example: Example) -> None:
        """Nothing is called yet."""
        self._source, self._example = source, example
        self._tried, self._made, self._length = False, False, 1

    def traced(self, length: int) -> torch.export.ExportedProgram | None:
        """The graph for any length; None where it holds for some lengths only."""
        self._length = length
        if self._tried:
            return None
        self._tried = True
        found = self._at(length)
        return found if found is not None or not self._made else self.rounded()

    def rounded(self) -> torch.export.ExportedProgram | None:
        """As `traced` was, where the code branches on what is left over (`_remainders.py`)."""
        with rounded_up():
            return self._at(self._length)

    def _at(self, length: int) -> torch.export.ExportedProgram | None:
        compared = range(length, length + _COMPARED)
        with left_as_it_was(self._source.module):
            expected = [shapes_at(self._source, self._example, 2, t) for t in compared]
        if None in expected:
            return None
        x = self._example.given(max(2, self._example.batch), length)
        try:
            program = traced(self._source, x, self._example, torch.export.Dim.DYNAMIC, deferred=True)
            self._made = True
        # torch.export raises of everything; the first attempt says what is told.
        except Exception:
            return None
        if any(str(limits.upper).isdigit() for limits in program.range_constraints.values()):
            # A table that ends.
            return None
        return program if [_shapes(program, self._example, t) for t in compared] == expected else None


def _shapes(program: torch.export.ExportedProgram, example: Example, time: int) -> list[tuple[int | None, ...]]:
    """What the dims of the program's outputs come to for two sequences."""
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    nodes = {name: value.shape for name, value in values.items() if isinstance(value, torch.Tensor)}
    given = nodes[program.graph_signature.user_inputs[0]]
    names = {str(given[example.batch_axis]): "batch", str(given[example.time_axis]): "time"}

    def named(dim: Any) -> int | str:
        text = re.sub(r"\w+", lambda word: names.get(word[0], word[0]), str(dim))
        return int(text) if text.isdigit() else text

    return [tuple(size(named(d), 2, time) for d in nodes[name]) for name in program.graph_signature.user_outputs]
