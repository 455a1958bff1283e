"""What is known of every value: where its time axis is, or that it summarizes the sequence so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import onnx_ir as ir

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused


@dataclass(frozen=True)
class Fact:
    """A value that depends on the streamed input.

    `axis` is its time axis; None means a summary, one value for the sequence so far.
    """

    axis: int | None

    @property
    def summary(self) -> bool:
        """Whether the value has no time axis."""
        return self.axis is None

    def moved(self, axis: int) -> Fact:
        """The same fact on another axis."""
        return Fact(axis)


SUMMARY = Fact(None)


@dataclass(frozen=True)
class Carried:
    """A state that a node reads from input `read` and leaves in output `written`; `name` is how the file calls it."""

    node: ir.Node
    read: int
    written: int
    name: str


@dataclass
class Facts:
    """The facts of one graph while a pass walks it; a value without a fact does not depend on the input."""

    places: Mapping[str, str]
    known: dict[ir.Value, Fact] = field(default_factory=dict)
    carried: list[Carried] = field(default_factory=list)
    lengths: set[ir.Value] = field(default_factory=set)
    """Integer values computed from the sequence length; they may shape a value but not enter it."""

    def of(self, value: ir.Value | None) -> Fact | None:
        """The fact of a value, or None where it does not depend on the input."""
        return self.known.get(value) if value is not None else None

    def streamed(self, node: ir.Node) -> list[tuple[int, Fact]]:
        """(input index, fact) of every input of `node` that depends on the streamed input."""
        return [(i, fact) for i, v in enumerate(node.inputs) if (fact := self.of(v)) is not None]

    def only(self, node: ir.Node, index: int = 0) -> Fact:
        """The fact of input `index`, refusing a node of which another input is streamed too."""
        streamed = self.streamed(node)
        if [i for i, _ in streamed] != [index]:
            self.refuse(node, "a parameter that changes with time", "make it a constant of the network")
        return streamed[0][1]

    def refuse(self, node: ir.Node, reason: str, remedy: str) -> NoReturn:
        """Raise `ModelRefused` naming the layer, the reason and the remedy."""
        place = self.places.get(node.name or "", "") or "the network"
        raise ModelRefused(f"{place} ({node.op_type}): cannot stream: {reason}; {remedy}")


Rule = Callable[[ir.Node, Facts], Fact | tuple[Fact, ...]]
"""Facts of a node's outputs, from those of its inputs; one fact stands for every output."""


def constant(value: ir.Value | None) -> Array | None:
    """The array of a value that is constant, else None."""
    tensor = ir.convenience.get_const_tensor(value) if value is not None else None
    return None if tensor is None else tensor.numpy()


def rank(value: ir.Value | None) -> int:
    """Number of axes; shape inference has run, so every streamed value knows it."""
    if value is None or value.shape is None:
        raise ModelRefused(f"{value.name if value else 'a value'}: no shape is known; give the graph symbolic shapes")
    return len(value.shape)


def integers(node: ir.Node, index: int) -> list[int] | None:
    """Input `index` as a list of integers, None where it is absent or not constant."""
    array = constant(node.inputs[index]) if index < len(node.inputs) else None
    return None if array is None else [int(v) for v in array.reshape(-1)]
