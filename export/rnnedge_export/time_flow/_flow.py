"""The picture as data: blocks in the order of the graph, and edges between them."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Kept:
    """A state of a block. `kind`: in words, "window of 4 frames". `values`: how many numbers one sequence keeps.

    `given`: a value per sequence that the caller gives, which no call changes.
    """

    name: str
    kind: str
    values: int
    given: bool = False


@dataclass(frozen=True)
class Block:
    """Nodes that belong together, or one input or output of the file.

    `role`: "input", "output", "layer", "join" or "delay". `name`: of the module, or what the block does. `operators`:
    of ONNX, each once, without those that only move axes. `rate`: frames per input frame that it gives, None where the
    graph does not show a time axis. `weights`: numbers in its initializers. `note`: of an output, what it waits for.
    """

    role: str
    name: str
    operators: tuple[str, ...] = ()
    rate: Fraction | None = None
    weights: int = 0
    kept: tuple[Kept, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Edge:
    """Frames that go from one block to another, by index; `rate` as that of a block."""

    source: int
    target: int
    rate: Fraction | None


@dataclass(frozen=True)
class TimeFlow:
    """All blocks of a file, inputs first, outputs last; every edge goes from a lower index to a higher one."""

    blocks: tuple[Block, ...]
    edges: tuple[Edge, ...]
