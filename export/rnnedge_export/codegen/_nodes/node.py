"""A node of the graph to be lowered. A rule has to read every attribute: one that is not read is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy.typing as npt
import onnx

from rnnedge_runtime.errors import ModelRefused

Array = npt.NDArray[Any]
FALLBACK = "run the file with provider='cpu'"


@dataclass(eq=False)
class Node:
    """One operation. Attributes that no rule reads make the graph refused, never ignored."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    # What stands for the node in comments; of one that was made from several, all of them.
    origin: tuple[str, ...] = ()
    _read: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """The node itself, unless it was made from others."""
        self.origin = self.origin or (f"{self.op.rpartition('::')[2]} {self.name!r}",)

    def attribute(self, name: str, default: Any = None) -> Any:
        """The value of an attribute, text as str, `default` where the node has none."""
        self._read.add(name)
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def only(self, name: str, *allowed: Any) -> None:
        """Refuse any other value of an attribute; the first of `allowed` is its default."""
        value = self.attribute(name, allowed[0])
        if value not in allowed:
            self.refuse(f"{name} = {value!r}: expected {' or '.join(map(repr, allowed))}")

    def unread(self) -> list[str]:
        """Attributes that no rule has read."""
        return sorted(set(self.attributes) - self._read)

    def has(self, k: int) -> bool:
        """Whether optional input `k` is there."""
        return len(self.inputs) > k and bool(self.inputs[k])

    def refuse(self, reason: str, cause: Exception | None = None, kind: type[ModelRefused] = ModelRefused) -> NoReturn:
        """Raise `ModelRefused` that names the node."""
        raise kind(f"native engine: {self.op} {self.name!r}: {reason}; {FALLBACK}") from cause

    def refuse_unknown(self) -> NoReturn:
        """Raise `ModelRefused` for an operator that no rule takes; of a scan it is known which form has none."""
        step = ": a loop over frames, which the form 'step' (--form step) does without" if self.op == "Scan" else ""
        self.refuse(f"no rule for this operator{step}")


def nodes_of(graph: onnx.GraphProto) -> tuple[list[Node], dict[str, Array]]:
    """The nodes of a graph in order, and its constants by name."""
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    nodes = []
    for proto in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
        name = proto.name or (proto.output[0] if proto.output else proto.op_type)
        domain = "" if proto.domain in ("", "ai.onnx") else f"{proto.domain}::"
        inputs = list(proto.input)
        while inputs and not inputs[-1]:
            # It is left out as well where it is not named.
            inputs.pop()
        node = Node(domain + proto.op_type, name, tuple(inputs), tuple(proto.output), attributes)
        if node.op != "Constant":
            nodes.append(node)
        elif isinstance(attributes.get("value"), onnx.TensorProto):
            constants[node.outputs[0]] = onnx.numpy_helper.to_array(attributes["value"])
        else:
            node.refuse("a constant that is no tensor")
    return nodes, constants
