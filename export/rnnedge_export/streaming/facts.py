"""What is known of every value: where its time axis is and when its frames come, or that it sums up the sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

import onnx_ir as ir

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.graph.evaluation import Offline
from rnnedge_export.graph.length_values import LengthValues
from rnnedge_export.graph.lengths import Lengths
from rnnedge_runtime.clock import EVERY_FRAME, Clock
from rnnedge_runtime.contract import Array, Cursor, Dim
from rnnedge_runtime.errors import ModelRefused


@dataclass(frozen=True)
class Fact:
    """A value that depends on the streamed input.

    `axis` is its time axis; None means a summary, one value for the sequence so far. `clock` says when its frames come.
    `folded`: time shares its axis with the batch, (batch, time) or (time, batch) as one; every frame is by itself then.
    It says what stands before time in that axis, as a product of dims: "batch", or "1".
    `position`: it holds the numbers of the frames, which grow with the stream.
    `repeated`: the frames that stand in front, where its clock has a negative delay, equal the first one that comes.
    `pairs`: scores of attention, for rows on `axis` and columns on the next one, the last: the frames of a call and
    `back` frames before them. `unseen`: what is added to them before a softmax, to leave out columns before frame 0.
    `weights`: it stands for weights of a softmax over time, and holds their scores.
    """

    axis: int | None
    clock: Clock = EVERY_FRAME
    folded: str = ""
    position: bool = False
    repeated: bool = False
    pairs: bool = False
    back: int = 0
    unseen: ir.Value | None = None
    weights: bool = False

    @property
    def summary(self) -> bool:
        """Whether the value has no time axis."""
        return self.axis is None

    def moved(self, axis: int) -> Fact:
        """The same frames on another axis."""
        return replace(self, axis=axis)

    def summed(self) -> Fact:
        """A summary of these frames."""
        return Fact(None, self.clock)


@dataclass(frozen=True)
class Carried:
    """A state that a node reads from input `read` and leaves in output `written`; `name` is how the file calls it."""

    node: ir.Node
    read: int
    written: int
    name: str
    warmup: int


@dataclass(frozen=True)
class Held:
    """A state that a rule made: frames kept for later calls. The graph input `value`, written by `after`."""

    value: ir.Value
    after: ir.Value
    name: str
    dims: tuple[Dim, ...]
    initial: float | Array
    warmup: int


@dataclass(frozen=True)
class Step:
    """One operator on the way of the time axis: the module it comes from, what it made of the fact, what was done."""

    place: str
    operator: str
    fact: Fact
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Front:
    """Reflected frames that a state holds in front of frame 0: `count` of them, filled in by the call number `warmup`.

    That call begins with frame `since`; the frames before it are in the state already.
    """

    count: int
    since: int
    warmup: int


@dataclass
class Facts:
    """The facts of one graph while a pass walks and changes it.

    A value without a fact does not depend on the input. `hop` input frames, or a multiple, come with every call; where
    `chunk` is a number, exactly as many.
    """

    builder: GraphBuilder
    places: Mapping[str, str]
    hop: int
    chunk: int | None
    whole: Lengths
    """The whole sequences that the source takes."""
    offline: Offline
    """The graph that is made to stream, for questions that a run answers."""
    counts: LengthValues
    """Its integers that follow from lengths."""
    absorbed: set[ir.Value] = field(default_factory=set)
    """Values that follow from the length alone and are left to the rule that meets them."""
    known: dict[ir.Value, Fact] = field(default_factory=dict)
    names: dict[ir.Value, str] = field(default_factory=dict)
    """Values that stand for one of the offline graph, and its name there where that is another."""
    states: list[Carried | Held] = field(default_factory=list)
    lengths: set[ir.Value] = field(default_factory=set)
    """Integer values computed from the sequence length; they may shape a value but not enter it."""
    steady: set[ir.Value] = field(default_factory=set)
    """Constants of the length of the sequence, written as ones that broadcast over it."""
    as_long: dict[ir.Value, tuple[int, Dim]] = field(default_factory=dict)
    """Those of them that are as long as the sequence, and not a few frames of it: the axis of time, and how long."""
    cursors: dict[Cursor, ir.Value] = field(default_factory=dict)
    unseen: dict[tuple[object, ...], ir.Value] = field(default_factory=dict)
    """What leaves out the columns of scores before frame 0, by shape, clock and window."""
    fronts: dict[ir.Value, Front] = field(default_factory=dict)
    """Reflected frames in front of a value that only a window reads, which finds them in its cache."""
    finals: dict[ir.Node, ir.Value] = field(default_factory=dict)
    """Recurrences whose state after the last frame is an output, and the index of that frame within a call."""
    steps: list[Step] = field(default_factory=list)
    """What was done where, for people."""
    notes: list[str] = field(default_factory=list)
    """What was done at the node that is being followed."""

    @property
    def totals(self) -> tuple[int, ...]:
        """Lengths of some whole sequences, for the comparison of lengths."""
        return self.whole.totals

    def at_least(self, frames: int) -> int:
        """The length of a whole sequence of that many frames or the next that the source takes."""
        return self.whole.at_least(frames)

    def of(self, value: ir.Value | None) -> Fact | None:
        """The fact of a value, or None where it does not depend on the input."""
        return self.known.get(value) if value is not None else None

    def name_of(self, value: ir.Value) -> str:
        """What the offline graph calls a value."""
        return self.names.get(value, str(value.name))

    def streamed(self, node: ir.Node) -> list[tuple[int, Fact]]:
        """(input index, fact) of every input of `node` that depends on the streamed input."""
        return [(i, fact) for i, v in enumerate(node.inputs) if (fact := self.of(v)) is not None]

    def only(self, node: ir.Node, index: int = 0) -> Fact:
        """The fact of input `index`, refusing a node of which another input is streamed too."""
        streamed = self.streamed(node)
        if [i for i, _ in streamed] != [index]:
            self.refuse(node, "a parameter that changes with time", "make it a constant of the network")
        return streamed[0][1]

    def place(self, node: ir.Node) -> str:
        """The module that a node comes from."""
        name = node.name or ""
        while name and not self.places.get(name):
            name = name.rpartition("/")[0]
        return self.places.get(name) or "the network"

    def note(self, node: ir.Node, text: str) -> None:
        """Remember what was done at a node, in words."""
        self.notes.append(text)

    def refuse(self, node: ir.Node, reason: str, remedy: str) -> NoReturn:
        """Raise `ModelRefused` naming the layer, the reason and the remedy."""
        raise NodeRefused(f"{self.place(node)} ({node.op_type}): cannot stream: {reason}; {remedy}", node.name or "")


class NodeRefused(ModelRefused):
    """A node cannot stream; `node` is its name."""

    def __init__(self, message: str, node: str) -> None:
        """As the message says."""
        super().__init__(message)
        self.node = node


class NeedsHop(Exception):
    """Calls have to bring a multiple of more input frames than was assumed; the pass starts again with `hop`."""

    def __init__(self, hop: int) -> None:
        """Every call has to bring a multiple of `hop` frames."""
        super().__init__(hop)
        self.hop = hop


Rule = Callable[[ir.Node, Facts], "Fact | tuple[Fact | None, ...]"]
"""Facts of a node's outputs, from those of its inputs; one fact stands for every output."""


def constant(value: ir.Value | None) -> Array | None:
    """The array of a value that is constant, else None."""
    tensor = ir.convenience.get_const_tensor(value) if value is not None else None
    return None if tensor is None else tensor.numpy()


def rank(value: ir.Value | None) -> int:
    """Number of axes; shape inference has run, so every streamed value knows it."""
    return len(dims(value))


def dims(value: ir.Value | None) -> tuple[Dim, ...]:
    """Shape of a value in the offline graph: numbers, and expressions of "batch" and "time"."""
    if value is None or value.shape is None:
        raise ModelRefused(f"{value.name if value else 'a value'}: no shape is known; give the graph symbolic shapes")
    return tuple(d if isinstance(d, int) else str(d) for d in value.shape)


def integers(node: ir.Node, index: int) -> list[int] | None:
    """Input `index` as a list of integers, None where it is absent or not constant."""
    array = constant(node.inputs[index]) if index < len(node.inputs) else None
    return None if array is None else [int(v) for v in array.reshape(-1)]


def axes_of(node: ir.Node, index: int, ndim: int) -> list[int] | None:
    """Input `index` as axes counted from 0, None where it is absent or not constant."""
    found = integers(node, index)
    return None if found is None else [axis % ndim for axis in found]
