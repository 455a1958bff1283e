"""How much memory a program, and the compiler that writes it, may take, whatever the file says."""

from __future__ import annotations

from math import prod

from rnnedge_export.native.node import Node
from rnnedge_runtime.errors import ModelRefused

# Of one value; the compiler keeps 8 bytes for each element.
MOST_ELEMENTS = 1 << 22
# Of all values of a program.
MOST_IN_ALL = 1 << 24


class TooLarge(ModelRefused):
    """The program would need more than it may; with fewer sequences it may fit."""


def check_elements(node: Node, shape: tuple[int, ...], before: int) -> int:
    """How many elements `shape` has; raises `TooLarge` where they, or they and those `before`, are too many."""
    size = prod(shape)
    if size > MOST_ELEMENTS:
        node.refuse(f"expected at most {MOST_ELEMENTS:,} numbers, found {size:,}", kind=TooLarge)
    if before + size > MOST_IN_ALL:
        node.refuse(f"expected at most {MOST_IN_ALL:,} numbers of all nodes, found more", kind=TooLarge)
    return size
