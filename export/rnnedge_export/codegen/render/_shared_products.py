"""Products of one shape share a function if a file has many: a compiler takes a tenth of a second for each copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace

from rnnedge_export.codegen._ir.gemm import Gemm, Place
from rnnedge_export.codegen._ir.statements import Statement
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._ir.tensors import BYTE, FLOAT, Buffer, Memory
from rnnedge_export.codegen.render._addresses import Addresses
from rnnedge_export.codegen.render._gemm import Shape, gemm, shape_of
from rnnedge_export.codegen.render._text import Code

# Networks of fewer products have a copy of the kernel for each.
_MOST_COPIES = 48
# No statement is checked against the pointers of a function.
_ANYWHERE = 1 << 48


def shared_products(programs: Iterable[StepProgram]) -> dict[Shape, Gemm]:
    """One product of every shape that the file has several of; none if it has few products."""
    found = [one for program in programs for step in program.steps for one in _products(step.statement)]
    if len(found) <= _MOST_COPIES:
        return {}
    counts = Counter(map(shape_of, found))
    return {shape_of(one): one for one in found if counts[shape_of(one)] > 1 and _forwards(one)}


def _products(statement: object) -> Iterator[Gemm]:
    if isinstance(statement, Gemm):
        if statement.rows:
            yield statement
        return
    for part in fields(statement):  # type: ignore[arg-type]
        value = getattr(statement, part.name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Statement):
                yield from _products(inner)


def _forwards(one: Gemm) -> bool:
    """Whether nothing that it reads stands before its pointers."""
    return all(step >= 0 for tap in one.taps for step in (tap.row, *tap.steps))


def definitions(shared: dict[Shape, Gemm]) -> str:
    """The functions, whose parameters are pointers only."""
    code, at = Code(), Addresses.of_pointers()
    for number, one in enumerate(shared.values()):
        matrix = one.matrix
        code.comment(f"{one.rows} x {matrix.depth} times {matrix.depth} x {matrix.columns}")
        parameters = [f"const float *x{k}" for k in range(len(one.taps))]
        parameters.append(f"const {'float' if matrix.kind == 'FLOATS' else 'int8_t'} *weights")
        parameters += ["const float *scales"] * (matrix.scales is not None) + ["const float *start", "float *y"]
        parameters += ["int turn"] * matrix.swept
        with code.block(f"static __attribute__((noinline, unused)) void product_{number}({', '.join(parameters)})"):
            gemm(code, _of_pointers(one), at)
        code.blank()
    return code.text()


def _of_pointers(one: Gemm) -> Gemm:
    """The same product of a function's parameters."""
    matrix = one.matrix
    weights = _pointer("weights", FLOAT if matrix.kind == "FLOATS" else BYTE)
    scales = _pointer("scales") if matrix.scales else None
    taps = tuple(replace(tap, buffer=_pointer(f"x{k}"), offset=0, loops=()) for k, tap in enumerate(one.taps))
    start, out = (Place(_pointer(name), 0, place.row) for name, place in (("start", one.start), ("y", one.out)))
    return replace(one, matrix=replace(matrix, buffer=weights, scales=scales), taps=taps, start=start, out=out)


def _pointer(name: str, kind: str = FLOAT) -> Buffer:
    return Buffer(Memory.LOCAL, name, _ANYWHERE, kind)
