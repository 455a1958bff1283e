"""Everything about the graph that can be known before a line of C is written.

1. A name is given once, and read only after that.
2. The operator table, which the strict loader asks too, allows every node, with all shapes, types and constants known.
3. What nodes give has the shapes that the file claims, and is not larger than `limits`.
4. What depends on nothing but constants is computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import onnx

from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen._nodes.constant_folding import OF_SHAPE, Grid, computed, fixed, of_shape
from rnnedge_export.codegen._nodes.limits import MOST_FOLDED_BYTES, check_elements, check_most
from rnnedge_export.codegen._nodes.node import FALLBACK, Node
from rnnedge_export.codegen.lower._registry import rule_for
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.untrusted import operator_table as table

Shape = tuple[int, ...]


@dataclass
class Facts:
    """What is known of the values of a graph by name: shapes, types as numpy calls them, constants."""

    shapes: dict[str, Shape]
    types: dict[str, str]
    constants: dict[str, Array]
    elements: int = 0
    folded: int = 0
    given: int = 0
    _claims: dict[str, table.Shape] = field(default_factory=dict)

    @property
    def most_folded(self) -> int:
        """Bytes that may be computed from the constants of the file."""
        return MOST_FOLDED_BYTES + self.given

    def claim(self, values: Iterable[onnx.ValueInfoProto]) -> None:
        """What the file says of values that nodes give; a dim with a name says nothing."""
        for value in values:
            tensor = value.type.tensor_type
            if tensor.HasField("shape"):
                dims = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
                self._claims[value.name] = dims

    def check(self, node: Node, *, early: bool) -> None:
        """Learn what a node gives, `early`: now; raises `ModelRefused` as the module's docstring says."""
        for name in filter(None, node.inputs):
            if name not in self.shapes:
                node.refuse(f"input {name[:60]!r}: expected a value that is given before, found none")
        seen = self._seen(node)
        try:
            table.check_node(seen)
            types, shapes = table.result_types(seen), table.result_shapes(seen)
        except ModelRefused as error:
            raise ModelRefused(f"{error}; {FALLBACK}") from error
        for name, shape, dtype in zip(node.outputs, shapes, (*types, *[None] * len(shapes)), strict=False):
            if name:
                self._learn(node, name, shape, dtype, early)

    def _learn(self, node: Node, name: str, shape: table.Shape | None, dtype: str | None, early: bool) -> None:
        if shape is None or None in shape:
            given = [one for one in node.inputs[1:] if one and one not in self.constants]
            text = f"input {given[0][:60]!r} is computed: expected a constant" if given else "its shape is computed"
            node.refuse(f"{text}, since the shape of the output depends on it")
        found = tuple(int(dim) for dim in shape if dim is not None)
        claim = self._claims.get(name, shape)
        if len(claim) != len(found) or any(a not in (None, b) for a, b in zip(claim, found, strict=True)):
            node.refuse(f"output {name[:60]!r}: the file says {claim}, found {found}")
        if early:
            # Large ones are weights in another order or in other types, so that the file bounds them.
            self.folded += prod(found) * np.dtype(dtype or "float64").itemsize
            check_most("bytes of what is computed from constants", self.folded, self.most_folded)
        else:
            self.elements += check_elements(node, found, self.elements)
        self.define(name, found, dtype or "", node)

    def define(self, name: str, shape: Shape, dtype: str, node: Node | None = None) -> None:
        """A value by name; `node` gives it."""
        if name in self.shapes:
            text = f"{name[:60]!r}: expected a name that is given once, found it twice"
            if node is not None:
                node.refuse(text)
            raise ModelRefused(f"native engine: {text}; {FALLBACK}")
        self.shapes[name], self.types[name] = shape, dtype

    def _seen(self, node: Node) -> table.Node:
        attributes = {name: _read(value) for name, value in node.attributes.items()}
        place = f"native engine: {node.op} {node.name!r}"
        known = (self.shapes.get, self.types.get, self.constants.get)
        return table.Node(node.op, node.inputs, node.outputs, attributes, *known, place)


def _read(value: Any) -> Any:
    """An attribute as the table sees it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, onnx.TensorProto):
        return onnx.numpy_helper.to_array(value)
    if isinstance(value, onnx.GraphProto):
        return table.Body(len(value.input), len(value.output))
    return [_read(one) for one in value] if isinstance(value, list) else value


def inferred(nodes: Iterable[Node], facts: Facts, opset: int) -> tuple[list[Node], dict[str, Grid]]:
    """The nodes that are left to be written, and which constants are int8 in the file.

    `facts` know the inputs and the constants of the file, and learn all others.
    """
    left: list[Node] = []
    casts: dict[str, Array] = {}
    grids: dict[str, Grid] = {}
    constants = facts.constants
    for node in nodes:
        early = fixed(node, facts.shapes, constants)
        if not early and rule_for(node.op) is None:
            node.refuse_unknown()
        facts.check(node, early=early)
        if not early:
            left.append(node)
            continue
        if node.op in OF_SHAPE:
            constants[node.outputs[0]] = of_shape(node, facts.shapes[node.inputs[0]])
            continue
        for name, value in computed(node, constants, opset).items():
            if name and value.shape != facts.shapes[name]:
                node.refuse(f"output {name[:60]!r}: expected the shape {facts.shapes[name]}, found {value.shape}")
            constants[name] = value
        first = constants[node.inputs[0]] if node.inputs else np.zeros(())
        if node.op == "Cast" and first.dtype == np.int8 and first.ndim == 2:
            casts[node.outputs[0]] = first
        elif node.op == "Mul" and node.inputs[0] in casts:
            q, scale = casts[node.inputs[0]], constants[node.inputs[1]]
            if scale.shape == (1, q.shape[1]) and scale.dtype == np.float32:
                grids[node.outputs[0]] = Grid(q, scale.reshape(-1))
    return left, grids
