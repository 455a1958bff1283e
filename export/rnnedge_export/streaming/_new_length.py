"""Lengths that a network computes: the end is cut or padded by a number of frames that depends on the length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import onnx_ir as ir

from rnnedge_export.graph.length_fit import fitted
from rnnedge_export.streaming._computed_numbers import cuts
from rnnedge_export.streaming.facts import Fact, Facts, constant
from rnnedge_runtime.clock import Length
from rnnedge_runtime.contract import Array


def cut_length(node: ir.Node, fact: Fact, facts: Facts) -> tuple[int, Length] | None:
    """What x[a:n] leaves out in front, and its length, for an n that is computed; None for a cut by numbers.

    Refuses a start that depends on the length.
    """
    bounds = cast(Sequence[ir.Value], node.inputs[1:3])
    if all(constant(value) is not None for value in bounds):
        return None

    def taken(total: int) -> tuple[int, int] | None:
        start, end = (numbers(value, total, facts) for value in bounds)
        return None if start is None or end is None else cuts((int(start[0]), int(end[0])), fact.clock.valid(total))

    def frames(total: int) -> int | None:
        found = taken(total)
        return None if found is None else fact.clock.valid(total) - sum(found)

    seen = {total: taken(total) for total in facts.whole.samples}
    if None in seen.values():
        facts.refuse(node, "it cuts time at a computed place", "cut by numbers: x[:, 3:], x[:, :-1]")
    # A sequence of which nothing is left says nothing of where a longer one is cut.
    fronts = {found[0] for total, found in seen.items() if found is not None and frames(total)}
    if len(fronts) != 1:
        facts.refuse(
            node, "it leaves out a number of frames in front that depends on the length of the sequence",
            "cut the end, or a fixed number in front",
        )  # fmt: skip

    return fronts.pop(), _known(node, frames, "it cuts the end of the sequence", facts)


def padded_length(node: ir.Node, fact: Fact, end: int, facts: Facts) -> tuple[list[int], Length]:
    """The amounts of a computed padding, the most of the one at `end`, which depends on the length; the new length."""
    seen = [numbers(node.inputs[1], total, facts) for total in facts.whole.samples]
    known = [list(map(int, found)) for found in seen if found is not None]
    most = max(1, *(found[end] for found in known)) if known else 1
    fixed = {tuple(most if i == end else n for i, n in enumerate(found)) for found in known}
    if len(known) < len(seen) or len(fixed) != 1:
        facts.refuse(node, "its padding in front is computed, or depends on the length", "give it in numbers")
    amounts = list(fixed.pop())
    front = amounts[end - len(amounts) // 2]

    def frames(total: int) -> int | None:
        found = numbers(node.inputs[1], total, facts)
        return None if found is None else fact.clock.valid(total) + front + int(found[end])

    return amounts, _known(node, frames, "it pads the end of the sequence", facts)


def numbers(value: ir.Value | None, total: int, facts: Facts) -> Array | None:
    """What the integers of `value` come to for a whole sequence of `total` frames."""
    if value is None:
        return None
    fixed = constant(value)
    found = fixed if fixed is not None else facts.counts.named(facts.name_of(value), 1, total)
    return None if found is None else found.reshape(-1)


def _known(node: ir.Node, frames: Callable[[int], int | None], what: str, facts: Facts) -> Length:
    """The steps of a length, or those of a value that is as long."""
    found = fitted(frames, facts.whole)
    if found is not None:
        return found
    wanted = [frames(total) for total in facts.whole.samples]
    for fact in facts.known.values():
        if [fact.clock.valid(total) for total in facts.whole.samples] == wanted:
            return fact.clock.length
    return facts.refuse(
        node, f"{what} by a number of frames that depends on the length of the sequence in no regular way",
        "leave the end of the sequence to the caller: pad or cut the input",
    )  # fmt: skip
