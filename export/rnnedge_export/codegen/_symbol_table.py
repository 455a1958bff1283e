"""Names of the graph while its nodes are written one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from rnnedge_export.codegen._inference import Facts
from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.ring_buffers import Ring
from rnnedge_export.codegen._ir.tensors import FLOAT, Array, Tensor, plain
from rnnedge_export.codegen._node import Node
from rnnedge_export.codegen._registry import rule_for, takes_integers
from rnnedge_export.codegen._type_variables import type_variables
from rnnedge_runtime.errors import RnnEdgeError


class SymbolTable:
    """Tensors and constants by name, and the rings of states by input name."""

    def __init__(self, program: Program, facts: Facts, opset: int) -> None:
        """`facts` know all of the graph; `opset` is that of the default domain."""
        self.program, self.opset = program, opset
        self._constants, self._shapes = dict(facts.constants), facts.shapes
        self._tensors: dict[str, Tensor] = {}
        self._uses: Counter[str] = Counter()
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

    def write(self, nodes: Iterable[Node], results: Iterable[str]) -> None:
        """Write all nodes; `results` are names that are read afterwards."""
        nodes = list(nodes)
        self._uses = Counter(name for node in nodes for name in node.inputs)
        self._uses.update(name for name in results for _ in range(2))
        for node in nodes:
            self.program.origin = node.origin
            self._lower(node)

    def _lower(self, node: Node) -> None:
        lower = rule_for(node.op)
        if lower is None:
            node.refuse("no rule for this operator")
        if not takes_integers(node.op):
            self._check_floats(node)
        self._check_one_type(node)
        try:
            found = lower(self, node)
        except RnnEdgeError:
            raise
        # What does not fit fails in a dozen ways in numpy and here; none of them is a program.
        except Exception as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            node.refuse(f"shapes, attributes and constants do not fit each other ({reason[0]})", error)
        unread = node.unread()
        if unread:
            node.refuse(f"attribute {unread[0]!r} is not supported")
        for name, value in zip(node.outputs, found, strict=False):
            if not name:
                continue
            if value.shape != self._shapes[name]:
                node.refuse(f"output {name[:60]!r}: expected the shape {self._shapes[name]}, found {value.shape}")
            # What is computed is computed once.
            if isinstance(value, Tensor) and value.view is None and value.views and self._uses[name] > 1:
                value = plain(self.program.materialized(value))
            self.define(name, value)

    def _check_floats(self, node: Node) -> None:
        for name in filter(None, node.inputs):
            if self.known(name) is None and self.tensor(name).kind != FLOAT:
                node.refuse("of whole numbers is not supported")

    def _check_one_type(self, node: Node) -> None:
        """Refuse floats next to whole numbers where ONNX has one type for several inputs."""
        of_type: dict[str, bool] = {}
        for name, variable in zip(node.inputs, type_variables(node.op, self.opset), strict=False):
            if name and of_type.setdefault(variable, self._is_float(name)) != self._is_float(name):
                node.refuse(f"input {name[:60]!r}: floats next to whole numbers, expected one type")

    def _is_float(self, name: str) -> bool:
        constant = self.known(name)
        return self.tensor(name).kind == FLOAT if constant is None else constant.dtype.kind == "f"
