"""Names of the graph while its nodes are written one after the other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.ring_buffers import Ring
from rnnedge_export.codegen._ir.tensors import Array, Tensor
from rnnedge_export.codegen._nodes.node import Node


class SymbolTable:
    """Tensors, constants and types by name, and the rings of states by input name."""

    def __init__(self, program: Program, constants: Mapping[str, Array], opset: int, types: Mapping[str, str]) -> None:
        """`constants` of the graph by name, `types` as numpy calls them; `opset` is that of the default domain."""
        self.program, self.opset, self.types = program, opset, types
        self._constants = dict(constants)
        self._tensors: dict[str, Tensor] = {}
        self.rings: dict[str, Ring] = {}

    def define(self, name: str, value: Tensor | Array) -> None:
        """Give a name to a value."""
        if isinstance(value, Tensor):
            self._tensors[name] = value
        else:
            self._constants[name] = np.asarray(value)

    def tensor(self, name: str) -> Tensor:
        """The value of a name as a tensor."""
        if name not in self._tensors:
            self._tensors[name] = self.program.constant(self._constants[name])
        return self._tensors[name]

    def known(self, name: str) -> Array | None:
        """The value of a name where it is constant."""
        return self._constants.get(name)

    def input(self, node: Node, k: int) -> Tensor:
        """Input `k` of a node."""
        return self.tensor(node.inputs[k])

    def array(self, node: Node, k: int, what: str) -> Array:
        """Input `k` of a node, which has to be constant; `what` is how the message calls it."""
        found = self.known(node.inputs[k])
        if found is None:
            node.refuse(f"{what} {node.inputs[k]!r} is computed: expected a constant")
        return found
