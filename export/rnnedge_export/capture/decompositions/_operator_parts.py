"""One operator of a traced program, and those that it consists of.

It is traced by itself, on the shapes that it has. What that gives takes its place, with its place in the code. A number
of a size is the one that the program has already, or a size of an input, so that lengths stay what they are made of.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import SymInt, Tensor
from torch._dispatch.python import enable_python_dispatcher
from torch._guards import detect_fake_mode
from torch._ops import OpOverload
from torch.export import ExportGraphSignature
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

Table = dict[Any, Callable[..., Any]]
_aten: Any = torch.ops.aten
# What says where in the code a node comes from.
_PLACE = ("nn_module_stack", "stack_trace", "torch_fn", "source_fn_stack", "from_node")
_OF_MEMORY = (_aten.sym_stride.int, _aten.sym_storage_offset.default)


class Parts:
    """Made for one operator, which it replaces once."""

    def __init__(self, node: Node, module: GraphModule, rules: Table) -> None:
        """`rules`: of operators that consist of others; nothing is changed yet."""
        leaves, spec = pytree.tree_flatten((node.args, node.kwargs))
        self._node, self._module = node, module
        self._given = [k for k, leaf in enumerate(leaves) if isinstance(leaf, Node)]

        def function(*values: Any) -> Any:
            known = dict(zip(self._given, values, strict=True))
            args, kwargs = pytree.tree_unflatten([known.get(k, leaf) for k, leaf in enumerate(leaves)], spec)
            return node.target(*args, **kwargs)  # type: ignore[operator]

        values = [leaves[k].meta["val"] for k in self._given]
        mode = detect_fake_mode((values, node.meta["val"]))
        assert mode is not None
        with mode, enable_python_dispatcher():
            self._inside = make_fx(function, decomposition_table=rules)(*values)

    def need_the_program(self, translated: Callable[[Any], bool]) -> bool:
        """Whether one of them writes in place, reads how a tensor lies in memory, or has no translation itself."""
        return any(writes(node) or not self._is_written(node.target, translated) for node in self._inside.graph.nodes)

    def _is_written(self, target: Any, translated: Callable[[Any], bool]) -> bool:
        known = (self._node.target, _aten.sym_numel.default)
        return (
            not isinstance(target, OpOverload) or target in known or (target not in _OF_MEMORY and translated(target))
        )

    def replace(self, signature: ExportGraphSignature) -> None:
        """`signature` says which nodes are results of the program, and says it of the new ones after this."""
        results, node = self._inlined(), self._node
        if isinstance(node.meta["val"], Tensor):
            _instead(node, results[0], signature)
        for user in list(node.users):
            _instead(user, results[user.args[1]], signature)  # type: ignore[index]
            self._module.graph.erase_node(user)
        self._module.graph.erase_node(node)

    def _inlined(self) -> list[Node]:
        inside = self._inside.graph
        # What was an argument may have been replaced since.
        leaves = pytree.tree_leaves((self._node.args, self._node.kwargs))
        places = inside.find_nodes(op="placeholder")
        known: dict[Node, Node] = dict(zip(places, (leaves[k] for k in self._given), strict=True))
        with self._module.graph.inserting_before(self._node):
            for node in inside.nodes:
                if node.op not in ("placeholder", "output"):
                    known[node] = self._inlined_node(node, known)
        results = inside.output_node().args[0]
        return [known[each] for each in (results if isinstance(results, (list, tuple)) else [results])]  # type: ignore[index]

    def _inlined_node(self, node: Node, known: dict[Any, Node]) -> Any:
        value = node.meta.get("val")
        if isinstance(value, SymInt) and (same := self._known_number(value)) is not None:
            return same
        if node.target is _aten.sym_numel.default:
            return self._number_of_elements(known[node.args[0]])
        if node.op == "get_attr":
            name = f"{self._node.name}_{node.target}"
            setattr(self._module, name, getattr(self._inside, str(node.target)))
            made = self._module.graph.get_attr(name)
        else:
            made = self._module.graph.node_copy(node, known.__getitem__)
        made.meta = {**node.meta, **{key: self._node.meta[key] for key in _PLACE if key in self._node.meta}}
        return made

    def _known_number(self, number: SymInt) -> Node | None:
        nodes: list[Node] = list(self._module.graph.nodes)
        for node in nodes[: nodes.index(self._node)]:
            value = node.meta.get("val")
            if isinstance(value, SymInt) and _same(value, number):
                return node
            if node.op == "placeholder" and isinstance(value, Tensor):
                axes = [axis for axis, size in enumerate(value.shape) if _same(size, number)]
                if axes:
                    return self._made(_aten.sym_size.int, (node, axes[0]), number)
        return None

    def _number_of_elements(self, tensor: Any) -> Any:
        """As the product of the sizes, one of which at least is no number."""
        total, value = None, 1
        for axis, size in enumerate(tensor.meta["val"].shape):
            factor, value = size, value * size
            if isinstance(size, SymInt):
                factor = self._known_number(size) or self._made(_aten.sym_size.int, (tensor, axis), size)
            if total is None or isinstance(value, int):
                total = value if isinstance(value, int) else factor
            else:
                total = self._made(operator.mul, (total, factor), value)
        return total

    def _made(self, target: Any, args: tuple[Any, ...], value: SymInt) -> Node:
        with self._module.graph.inserting_before(self._node):
            made = self._module.graph.call_function(target, args)
        made.meta["val"] = value
        return made


def writes(node: Node) -> bool:
    """Whether it changes one of its arguments."""
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable


def _same(size: Any, number: SymInt) -> bool:
    """Whether they are one expression."""
    return isinstance(size, SymInt) and bool(size.node.expr == number.node.expr)


def _instead(node: Node, result: Node, signature: ExportGraphSignature) -> None:
    node.replace_all_uses_with(result)
    signature.replace_all_uses(node.name, result.name)
