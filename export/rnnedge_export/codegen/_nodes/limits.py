"""How much memory and text a program may take, and the compiler that writes it, whatever the file says.

Each bound is ten times and more what any network of the tests needs for sixteen sequences.
"""

from __future__ import annotations

from math import prod

from rnnedge_export.codegen._nodes.node import FALLBACK, Node
from rnnedge_runtime.errors import ModelRefused

# Of one value that is computed; the compiler keeps 8 bytes for each element.
MOST_ELEMENTS = 1 << 22
# Of all values of a program.
MOST_IN_ALL = 1 << 24
# Of what is computed from constants while the code is written, beyond as much as the file has.
MOST_FOLDED_BYTES = 192 << 20
# Of weights in the order in which they are read, beyond four times what the file has.
MOST_PACKED_BYTES = 64 << 20
# Of a step; a compiler takes seconds over a thousand.
MOST_STATEMENTS = 1 << 12
MOST_TERMS = 1 << 16
MOST_LETTERS = 1 << 21
# Numbers that are written as text: tables of places, whole numbers, initial states that are not all the same.
MOST_LISTED = 1 << 20
# Of a state's warm-up; the program counts calls in 32 bits, whose largest number says that all are past.
MOST_WARMUP = (1 << 31) - 2


class TooLarge(ModelRefused):
    """The program would need more than it may; with fewer sequences it may fit."""


def check_elements(node: Node, shape: tuple[int, ...], before: int = 0) -> int:
    """How many elements `shape` has; raises `TooLarge` where they, or they and those `before`, are too many."""
    size = prod(shape)
    if size > MOST_ELEMENTS:
        node.refuse(f"expected at most {MOST_ELEMENTS:,} numbers, found {size:,}", kind=TooLarge)
    if before + size > MOST_IN_ALL:
        node.refuse(f"expected at most {MOST_IN_ALL:,} numbers of all nodes, found more", kind=TooLarge)
    return size


def check_most(what: str, count: int, most: int) -> None:
    """Raise `TooLarge` for more than `most` of what is named."""
    if count > most:
        raise TooLarge(f"native engine: expected at most {most:,} {what}, found more; {FALLBACK}")
