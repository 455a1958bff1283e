"""Loops of reductions.

Float order is kept by the compiler, so a loop along memory adds up in several partial results, which are vectors.
"""

from __future__ import annotations

from rnnedge_export.codegen._ir.reductions import Reduction
from rnnedge_export.codegen.render._addresses import CTYPES, Addresses
from rnnedge_export.codegen.render._expressions import expression, number, of_texts
from rnnedge_export.codegen.render._text import Code, turns

# Partial results of long rows, in vectors: an addition need not wait for the one before.
_VECTORS = 4


def reduction(code: Code, one: Reduction, at: Addresses) -> None:
    """Along the innermost axis, or row after row."""
    _Loops(code, one, at).write()


class _Loops:
    def __init__(self, code: Code, one: Reduction, at: Addresses) -> None:
        self.code, self.one = code, one
        self.kind = CTYPES[one.kind]
        self.function, first = one.reducer.of(one.kind)
        self.first = number(first.value)
        self.value = expression(one.expression, [at.access(access) for access in one.reads])
        self.result = at.access(one.write)
        self.last = len(one.extents) - 1

    def write(self) -> None:
        if not self.one.extents:
            self.code.line(f"{self.result} = {self.value};")
            return
        with self.code.loops(self._heads(folds=False)):
            if not self.one.folds(self.last):
                self._across()
                return
            length, lanes = self.one.extents[-1], self.one.lanes
            width = lanes * _VECTORS if length >= 2 * _VECTORS * lanes else lanes
            if lanes == 1 or length < 2 * width:
                self._within()
            else:
                self._in_parts(width)

    def _heads(self, *, folds: bool) -> list[str]:
        """Loops but the innermost over axes that are folded, or kept."""
        return [turns(f"i{k}", self.one.extents[k]) for k in range(self.last) if self.one.folds(k) == folds]

    def _fold(self, total: str) -> None:
        """One turn."""
        self.code.line(f"const {self.kind} value = {self.value};")
        self.code.line(f"{total} = {of_texts(self.function, total, 'value')};")

    def _within(self) -> None:
        """One total."""
        scope = self.code.block() if not self._heads(folds=False) else self.code.loops([])
        with scope:
            self.code.line(f"{self.kind} total = {self.first};")
            with self.code.loops([*self._heads(folds=True), turns(f"i{self.last}", self.one.extents[-1])]):
                self._fold("total")
            self.code.line(f"{self.result} = total;")

    def _in_parts(self, width: int) -> None:
        """`width` totals, which are folded at the end."""
        length = self.one.extents[-1]
        whole = length // width * width
        scope = self.code.block() if not self._heads(folds=False) else self.code.loops([])
        with scope:
            self.code.line(f"{self.kind} part[{width}];")
            with self.code.block(turns("l", width)):
                self.code.line(f"part[l] = {self.first};")
            with self.code.loops(self._heads(folds=True)):
                with self.code.loops([turns("j", whole, width), turns("l", width)]):
                    self._part("j + l")
                if whole < length:
                    with self.code.block(turns("l", length - whole)):
                        self._part(f"{whole} + l")
            half = width // 2
            while half:
                with self.code.block(turns("l", half)):
                    self.code.line(f"part[l] = {of_texts(self.function, 'part[l]', f'part[l + {half}]')};")
                half //= 2
            self.code.line(f"{self.result} = part[0];")

    def _part(self, index: str) -> None:
        self.code.line(f"const int i{self.last} = {index};")
        self._fold("part[l]")

    def _across(self) -> None:
        """The innermost axis is kept: a row of results takes row after row."""
        head = turns(f"i{self.last}", self.one.extents[-1])
        with self.code.loops([head], independent=True):
            self.code.line(f"{self.result} = {self.first};")
        with self.code.loops([*self._heads(folds=True), head], independent=True):
            self._fold(self.result)
