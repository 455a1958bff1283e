"""Calls of the matrix kernel: rows in blocks, panel after panel."""

from __future__ import annotations

from collections.abc import Callable

from rnnedge_export.codegen._ir.gemm import Gemm, MatMul, Place, Taps, Turns
from rnnedge_export.codegen.render._addresses import Addresses
from rnnedge_export.codegen.render._text import GLUE, Code, turns

_ROWS = 6
# Partial sums of one row, so that an addition need not wait for the one before.
_SUMS = 4


def _shift(loops: tuple[Turns, ...]) -> list[str]:
    """What the loops around add to an offset."""
    return [f"{variable} * {step}" for variable, _, step in loops if step]


# What two products have in common whose code differs in addresses only.
Shape = tuple[object, ...]


def shape_of(one: Gemm) -> Shape:
    """Sizes and steps."""
    matrix = one.matrix
    taps = tuple((tap.row, tap.counts, tap.steps) for tap in one.taps)
    sizes = (matrix.kind, matrix.depth, matrix.columns, matrix.width, matrix.lanes, matrix.swept)
    return (*sizes, matrix.scales is None, one.rows, taps, one.start.row, one.out.row)


def gemm(code: Code, one: Gemm, at: Addresses) -> None:
    """A call of what products of its shape share, or a copy."""
    number = at.shared.get(shape_of(one))
    if number is None:
        _panels(code, one, at)
    elif one.rows:
        matrix = one.matrix
        pointers = [at.pointer(tap.buffer, tap.offset, *_shift(tap.loops)) for tap in one.taps]
        pointers += [at.pointer(buffer) for buffer in (matrix.buffer, matrix.scales) if buffer]
        pointers += [at.pointer(place.buffer, place.offset, *_shift(place.loops)) for place in (one.start, one.out)]
        code.line(f"product_{number}({', '.join([*pointers, *(['turn'] if matrix.swept else [])])});")


def _panels(code: Code, one: Gemm, at: Addresses) -> None:
    """All panels, of one row two at once; of a large matrix backwards in every second step."""
    matrix, width = one.matrix, one.matrix.width
    last = matrix.columns - (matrix.panels - 1) * width
    full = matrix.panels if last == width else matrix.panels - 1
    if not one.rows:
        return
    paired = full // 2 * 2 if one.rows == 1 and matrix.kind != "SPARSE" else 0
    if paired > 2:
        panels(code, paired // 2, 2 * width, matrix.swept, lambda panel: code.line(_call_of_two(one, at, panel)))
    elif paired:
        code.line(_call_of_two(one, at, ""))
    if full > paired + 1:
        panels(code, full, width, matrix.swept, lambda panel: _rows(code, one, at, panel, width))
    elif full > paired:
        _rows(code, one, at, str(paired * width) if paired else "", width)
    if full < matrix.panels:
        _rows(code, one, at, str(full * width) if full else "", last)


def panels(code: Code, count: int, width: int, swept: bool, body: Callable[[str], None]) -> None:
    """`body` for the first column of every full panel."""
    with code.block(turns("n", count)):
        number = f"(turn ? {count - 1} - n : n)" if swept else "n"
        code.line(f"const int panel = {number} * {width};")
        body("panel")


def _rows(code: Code, one: Gemm, at: Addresses, panel: str, width: int) -> None:
    """All rows of a panel, alike many at once, so that no additions of a few wait for each other."""
    most = _ROWS * (2 if one.matrix.lanes == 16 else 1)
    block = -(-one.rows // -(-one.rows // most)) if one.rows > 1 else 1
    whole = one.rows // block * block
    if whole > block:
        with code.block(turns("r", whole, block)):
            code.line(_call(one, at, "r", block, panel, width))
    else:
        code.line(_call(one, at, "", block, panel, width))
    if whole < one.rows:
        code.line(_call(one, at, str(whole), one.rows - whole, panel, width))


def _call_of_two(one: Gemm, at: Addresses, panel: str) -> str:
    matrix = one.matrix
    reads, weights, scales = _read(one, at, "", panel)
    start, out = (_place(place, at, "", [panel] if panel else []) for place in (one.start, one.out))
    weights = f"(const{GLUE}char{GLUE}*)({weights})"
    apart = matrix.depth * matrix.width * matrix.bytes
    return f"product_of_two({', '.join([matrix.kind, *reads, weights, str(apart), scales, start, out])});"


def _read(one: Gemm, at: Addresses, row: str, panel: str) -> tuple[list[str], str, str]:
    """Both taps, weights and their scales."""
    matrix, panel_at = one.matrix, [panel] if panel else []
    # Panels of floats are counted in floats, the others in bytes.
    size = matrix.depth * matrix.bytes // (4 if matrix.kind == "FLOATS" else 1)
    reads = [_taps(tap, at, row) for tap in one.taps] + ["NO_TAPS"] * (2 - len(one.taps))
    weights = at.pointer(matrix.buffer, 0, *(f"{panel} * {size}" for panel in panel_at))
    return reads, weights, at.pointer(matrix.scales, 0, *panel_at) if matrix.scales else "0"


def _call(one: Gemm, at: Addresses, row: str, count: int, panel: str, width: int) -> str:
    matrix = one.matrix
    sums = _SUMS if one.rows == 1 else 1
    if matrix.kind == "SPARSE":
        return _sparse_call(one, at, row, count, panel, width, sums)
    panel_at = [panel] if panel else []
    reads, weights, scales = _read(one, at, row, panel)
    start, out = (_place(place, at, row, panel_at) for place in (one.start, one.out))
    arguments = [matrix.kind, str(count), str(sums), *reads, weights, scales, start, str(one.start.row), out]
    return f"product({', '.join(arguments)}, {one.out.row}, {width});"


def _sparse_call(one: Gemm, at: Addresses, row: str, count: int, panel: str, width: int, sums: int) -> str:
    matrix, panel_at = one.matrix, [panel] if panel else []
    reads = [_taps(tap, at, row) for tap in one.taps] + ["NO_TAPS"] * (2 - len(one.taps))
    start, out = (_place(place, at, row, panel_at) for place in (one.start, one.out))
    number = f"{panel or 0}{GLUE}/{GLUE}{matrix.width}"
    weights = [at.pointer(matrix.buffer), str(matrix.panels), number]
    arguments = [str(count), str(sums), *reads, *weights, start, str(one.start.row), out]
    return f"sparse_product({', '.join(arguments)}, {one.out.row}, {width});"


def _further(row: str, step: int) -> list[str]:
    return [f"{row} * {step}"] if row and step else []


def _taps(tap: Taps, at: Addresses, row: str) -> str:
    counts, steps = (", ".join(map(str, values)) for values in (tap.counts, tap.steps))
    first = at.pointer(tap.buffer, tap.offset, *_shift(tap.loops), *_further(row, tap.row))
    return f"(taps){{{first}, {tap.row}, {{{counts}}}, {{{steps}}}}}".replace(" ", GLUE)


def _place(place: Place, at: Addresses, row: str, panel: list[str]) -> str:
    found = at.pointer(place.buffer, place.offset, *_shift(place.loops), *panel, *_further(row, place.row))
    return found.replace(" ", GLUE)


def matmul(code: Code, one: MatMul, at: Addresses) -> None:
    """A product of computed matrices for every index of the axes before them."""
    axes = range(len(one.lead))
    (a, a_first, a_steps), (b, b_first, b_steps) = one.a, one.b
    sizes = [one.m * one.n]
    for length in reversed(one.lead[1:]):
        sizes.insert(0, sizes[0] * length)

    def place(steps: tuple[int, ...] | list[int]) -> list[str]:
        return [f"l{k} * {steps[k]}" for k in axes if steps[k]]

    with code.loops([turns(f"l{k}", one.lead[k]) for k in axes]):
        code.line(
            f"between({one.m}, {one.depth}, {one.n}, {at.pointer(a, a_first, *place(a_steps))}, {a_steps[-2]}, "
            f"{a_steps[-1]}, {at.pointer(b, b_first, *place(b_steps))}, {b_steps[-2]}, {b_steps[-1]}, "
            f"{at.pointer(one.target, 0, *(place(sizes) if one.lead else []))});"
        )
