"""What is known of the values of a graph, and of those around it, before it runs: constants, types, claimed shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.protobuf_reader import Message
from rnnedge_runtime.untrusted._sizes import tensor_array
from rnnedge_runtime.untrusted.operator_table import FILLS, TYPES, Node, Shape
from rnnedge_runtime.untrusted.operator_table.shapes import both

GUARD = "rnnedge.guard."
"""Names of values that begin so are those of `guards.py`."""


class Scope:
    """The values of one graph by name. Made for a walk over the graph, which adds what is known of what nodes give.

    1. A constant is an initializer that nothing else in its graph has the name of. An initializer that is an input as
       well is a default, which a caller may replace.
    2. A name that a graph gives to a value of its own hides that of the graph around it, wherever it stands in the
       graph: onnxruntime looks names up in the whole graph, not in order.
    3. A value has elements, where that is certain: a constant with some, an input of the file unless it says otherwise
       (no call brings 0 frames), and what operators make of these that drop none. What a body gets may change while it
       repeats.
    4. Types are those of initializers, of the inputs, and what the operator table says of nodes. Shapes of other values
       than initializers are the file's claims.
    """

    def __init__(self, graph: Message, types: Sequence[str | None] | None = None, outer: Scope | None = None) -> None:
        """`types` are those of the inputs, where the graph is the body of a node in `outer`; else the graph says."""
        inputs = [value.get("name", "") for value in graph.get("input", ())]
        written = {name for node in graph.get("node", ()) for name in node.get("output", ())}
        own = {tensor.get("name", ""): tensor for tensor in graph.get("initializer", ())}
        hidden = written.union(inputs)
        self._constants: dict[str, Message] = {} if outer is None else dict(outer._constants)
        self._types: dict[str, str | None] = {} if outer is None else dict(outer._types)
        self._shapes: dict[str, Shape] = {} if outer is None else dict(outer._shapes)
        for name in hidden.union(own):
            for known in (self._constants, self._types, self._shapes):
                known.pop(name, None)
        self._constants.update((name, tensor) for name, tensor in own.items() if name not in hidden)
        self._types.update((name, _dtype(tensor.get("data_type", 0))) for name, tensor in self._constants.items())
        for side in ("value_info", "output", "input"):
            self._shapes.update(_shapes(graph.get(side, ())))
        self._filled: set[str] = set() if outer is None else outer._filled - hidden - own.keys()
        self._filled.update(name for name, tensor in self._constants.items() if all(tensor.get("dims", ())))
        for k, value in enumerate(graph.get("input", ())):
            self._types[inputs[k]] = _type(value) if types is None else types[k]
            if types is None and 0 not in self._shapes.get(inputs[k], (0,)):
                self._filled.add(inputs[k])
        if any(name.startswith(GUARD) for name in hidden.union(own)):
            raise ModelRefused(f"graph: expected no name that begins with {GUARD!r}, which the loader gives")

    def constant(self, name: str) -> Array | None:
        """The numbers of an initializer."""
        tensor = self._constants.get(name)
        return None if tensor is None else tensor_array(tensor)

    def type(self, name: str) -> str | None:
        """The dtype of a value."""
        return self._types.get(name)

    def shape(self, name: str) -> Shape | None:
        """The dims of an initializer, or what the file claims of another value."""
        tensor = self._constants.get(name)
        return self._shapes.get(name) if tensor is None else tuple(tensor.get("dims", ()))

    def knows(self, name: str) -> bool:
        """Whether the value is one of a constant, an input, or a node that was added."""
        return name in self._types

    def has_elements(self, name: str) -> bool:
        """Whether the value is certain not to be empty."""
        return name in self._filled

    def add(self, node: Node, types: Iterable[str | None], shapes: Iterable[Shape | None]) -> None:
        """What a node gives; raises `ModelRefused` where the file claims another shape of it."""
        self._types.update(zip(node.outputs, types, strict=False))
        for name, shape in zip(node.outputs, shapes, strict=True):
            if name and shape is not None:
                self._shapes[name] = both(node, shape, self._shapes.get(name), f"output {name[:60]!r}")
        if node.operator in FILLS and all(name in self._filled for name in node.inputs if name):
            self._filled.update(node.outputs)


def _shapes(values: Iterable[Message]) -> Iterable[tuple[str, Shape]]:
    for value in values:
        tensor = value.get("type", {}).get("tensor_type", {})
        if "shape" in tensor:
            yield value.get("name", ""), tuple(dim.get("dim_value") for dim in tensor["shape"].get("dim", ()))


def _type(value: Message) -> str | None:
    return _dtype(value.get("type", {}).get("tensor_type", {}).get("elem_type", 0))


def _dtype(kind: int) -> str | None:
    return TYPES.get(kind)
