"""Faults of products with weights most of which are zeros."""

from __future__ import annotations

from injection import Injection, fault

from rnnedge_export.codegen import render


def _text(injection: Injection, old: str, new: str) -> None:
    injection.text(render, "kernels", old, new)


@fault("codegen", "pruned, step", "load")
def last_kept_row_lost(injection: Injection) -> None:
    """What is left over of the rows that are kept loses its last one."""
    _text(injection, "for (; sums > 1 && n < to; n++)", "for (; sums > 1 && n + 1 < to; n++)")


@fault("codegen", "pruned, step", "load")
def state_without_its_first_row(injection: Injection) -> None:
    """The first row that the state is multiplied with is left out."""
    _text(injection, "two, row, w, heads[1], heads[2]);\n  UNROLL", "two, row, w, heads[1] + 1, heads[2]);\n  UNROLL")


@fault("codegen", "pruned, step", "load")
def last_column_lost(injection: Injection) -> None:
    """The last column of the last panel is not written."""
    _text(injection, "&sum, 4 * columns)", "&sum, 4 * (columns - 1))")


@fault("codegen", "pruned, step", "load")
def block_reads_one_sequence(injection: Injection) -> None:
    """Every sequence of a block is multiplied as the first one."""
    _text(injection, "x[p * t.row] * weights", "x[0 * t.row] * weights")


@fault("codegen", "pruned, step", "load")
def sums_left_out(injection: Injection) -> None:
    """The last of the sums beside each other is not added."""
    _text(injection, "for (int u = 1; u < sums; u++) sum += total", "for (int u = 1; u < sums - 1; u++) sum += total")


@fault("codegen", "pruned, step", "load")
def rows_of_the_state_turned(injection: Injection) -> None:
    """The rows that the state is multiplied with stand in reverse."""
    injection.source(
        "codegen.lower._sparse:groups",
        "np.where(row < split, row, row - split)",
        "np.where(row < split, row, depth - 1 - row)",
    )


@fault("codegen", "pruned, step", "load")
def group_of_one_number_lost(injection: Injection) -> None:
    """A group of columns with a single number in it is taken for zeros."""
    injection.source("codegen.lower._sparse:groups", "(panels != 0).any(axis=2)", "(panels != 0).sum(axis=2) > 1")
