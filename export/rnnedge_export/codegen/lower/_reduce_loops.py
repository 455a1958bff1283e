"""One number for many: loops that fold axes of a tensor by sum, product, largest or smallest.

Float order is kept by the compiler, so a loop along memory adds up in several partial results, which are vectors.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from rnnedge_export.codegen._ir.loops import Access, nest
from rnnedge_export.codegen._ir.tensors import FLOAT, INT, Tensor, View, plain
from rnnedge_export.codegen._symbol_table import Scope

# Functions of a sum's terms that need no buffer: they become vectors together with the sum.
_SIMPLE = {"squared", "magnitude"}
# Partial results of long rows, in vectors: an addition need not wait for the one before.
_VECTORS = 4


@dataclass(frozen=True)
class Fold:
    """C of the first value, for float and for whole numbers, and of one turn: `{0}` so far, `{1}` the next number."""

    floats: str
    integers: str
    step: str
    integer_step: str


SUM = Fold("0.0f", "0", "({0} + {1})", "whole_sum({0}, {1})")
PRODUCT = Fold("1.0f", "1", "({0} * {1})", "whole_product({0}, {1})")
LARGEST = Fold("(-INFINITE)", "INT64_MIN", "larger({0}, {1})", "({0} > {1} ? {0} : {1})")
SMALLEST = Fold("INFINITE", "INT64_MAX", "smaller({0}, {1})", "({0} < {1} ? {0} : {1})")


def folded(scope: Scope, tensor: Tensor, axes: tuple[int, ...], fold: Fold) -> Tensor:
    """The tensor with length 1 along `axes`, not negative; in a buffer of its own."""
    program = scope.program
    kept = tuple(1 if axis in axes else length for axis, length in enumerate(tensor.shape))
    target = program.new(kept, tensor.kind)
    begin = fold.floats if tensor.kind == FLOAT else fold.integers
    if 0 in tensor.shape:
        program.store(Tensor(begin, (), kept, tensor.kind), target)
        return plain(target)
    words = set(re.findall(r"[a-z_]+(?=\()", tensor.template))
    if tensor.views and (words - _SIMPLE or "?" in tensor.template or tensor.costly):
        tensor = plain(program.materialized(tensor))
    tensor = program.strided(tensor)
    result = View(target.buffer, np.broadcast_to(target.index, tensor.shape))
    if not tensor.views:
        tensor = plain(program.materialized(tensor))
    extents, accesses = nest(tensor.shape, [*tensor.views, result])
    *reads, write = accesses
    touched = [access.span(extents) for access in accesses]
    step = fold.step if tensor.kind == FLOAT else fold.integer_step
    loops = _Loops(extents, write, reads, tensor.template, begin, step, tensor.kind)
    inside = bool(extents) and write.strides[-1] == 0
    program.emit(loops.within(program.lanes) if inside else loops.across(), *touched)
    return plain(target)


@dataclass(frozen=True, eq=False)
class _Loops:
    extents: tuple[int, ...]
    write: Access
    reads: list[Access]
    template: str
    begin: str
    step: str
    kind: str

    def _value(self) -> str:
        return self.template.format(*(access.text() for access in self.reads))

    def _outer(self, folds: bool) -> str:
        """Heads of the loops but the innermost over axes that are folded, or kept."""
        axes = [k for k in range(len(self.extents) - 1) if (self.write.strides[k] == 0) == folds]
        return "".join(f"for (int i{k} = 0; i{k} < {self.extents[k]}; i{k}++)\n" for k in axes)

    def within(self, lanes: int) -> str:
        """The innermost axis is folded: partial results along memory, which are folded at the end."""
        last, length = len(self.extents) - 1, self.extents[-1]
        value, kind = self._value(), self.kind
        width = 0 if kind == INT or any(access.strides[-1] not in (0, 1) for access in self.reads) else lanes
        width = width * _VECTORS if length >= 2 * _VECTORS * width else width
        if not width or length < 2 * width:
            one = self.step.format("total", "value")
            return (
                f"{self._outer(False)}{{\n{kind} total = {self.begin};\n{self._outer(True)}"
                f"for (int i{last} = 0; i{last} < {length}; i{last}++) {{\nconst {kind} value = {value};\n"
                f"total = {one};\n}}\n{self.write.text()} = total;\n}}"
            )
        whole = length // width * width
        one = self.step.format("part[l]", "value")
        turn = f"{{\nconst int i{last} = j + l;\nconst {kind} value = {value};\npart[l] = {one};\n}}\n"
        text = (
            f"{self._outer(False)}{{\n{kind} part[{width}];\n"
            f"for (int l = 0; l < {width}; l++) part[l] = {self.begin};\n"
            f"{self._outer(True)}{{\nfor (int j = 0; j < {whole}; j += {width})\n"
            f"for (int l = 0; l < {width}; l++) {turn}"
        )
        if whole < length:
            text += f"const int j = {whole};\nfor (int l = 0; l < {length - whole}; l++) {turn}"
        text += "}\n"
        half = width // 2
        while half:
            text += f"for (int l = 0; l < {half}; l++) part[l] = {self.step.format('part[l]', f'part[l + {half}]')};\n"
            half //= 2
        return f"{text}{self.write.text()} = part[0];\n}}"

    def across(self) -> str:
        """The innermost axis is kept: a row of results takes row after row."""
        if not self.extents:
            return f"{self.write.text()} = {self._value()};"
        last, length = len(self.extents) - 1, self.extents[-1]
        head = f"INDEPENDENT\nfor (int i{last} = 0; i{last} < {length}; i{last}++)"
        result = self.write.text()
        turn = self.step.format(result, "value")
        return (
            f"{self._outer(False)}{{\n{head} {result} = {self.begin};\n{self._outer(True)}"
            f"{head} {{\nconst {self.kind} value = {self._value()};\n{result} = {turn};\n}}\n}}"
        )
