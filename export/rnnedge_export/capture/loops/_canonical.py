"""One way to write what can be written in several, so that iterations can be compared.

1. Operators that hand on their argument go; equal expressions become one.
2. Constants, by `zeros_like(frame)`, `0 * frame` or as a part of a larger one, are `full`: they depend on no frame.
3. A part of a part, an item of `split` or `unbind`, and one frame of a slice are one `select` or one `slice`.
4. What is read where it was assigned is the value assigned; rows assigned one by one are a `stack`
   (`_assignments.py`), and so is what grows by `cat`.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import Graph, Node

from rnnedge_export.capture.loops._assignments import assigned, row_of_slice, scattered_row, whole
from rnnedge_export.capture.loops._unrolled import aten, is_tensor, new_node, shape_of

_HANDING = {
    aten.detach_.default,
    aten.detach.default,
    aten.alias.default,
    aten.lift_fresh_copy.default,
    aten.lift_fresh.default,
    aten.clone.default,
    aten.contiguous.default,
}
_FILLS: dict[Any, Any] = {
    aten.zeros.default: 0, aten.zeros_like.default: 0, aten.new_zeros.default: 0,
    aten.empty.memory_format: 0, aten.empty_like.default: 0, aten.new_empty.default: 0,
    aten.ones.default: 1, aten.ones_like.default: 1, aten.new_ones.default: 1,
}  # fmt: skip
_VALUED = {aten.full_like.default, aten.new_full.default}
_PARTS = {
    aten.select.int, aten.slice.Tensor, aten.expand.default, aten.view.default, aten.reshape.default,
    aten.unsqueeze.default, aten.squeeze.dim, aten.squeeze.default, aten.permute.default, aten.transpose.int,
    aten.repeat.default, aten.flatten.using_ints, aten.t.default, aten.movedim.int, operator.getitem,
}  # fmt: skip
_SPLITS = {aten.split.Tensor, aten.split_with_sizes.default, aten.unbind.int}


def canonicalize(graph: Graph) -> None:
    """Rewrite the graph in place, from its inputs to its outputs."""
    for node in graph.find_nodes(op="call_function", target=aten._assert_tensor_metadata.default):
        graph.erase_node(node)
    _rewrite(graph)
    for node in list(graph.nodes):
        if (stacked := whole(node)) is not None:
            node.replace_all_uses_with(stacked)
    _rewrite(graph)


def _rewrite(graph: Graph) -> None:
    seen = dict[Any, Node]()
    for node in list(graph.nodes):
        if node.op == "call_function":
            same = _shared(_rewritten(node) or node, seen)
            if same is not node:
                node.replace_all_uses_with(same)
                graph.erase_node(node)
    graph.eliminate_dead_code()


def _rewritten(node: Node) -> Node | None:
    """The node that stands for this one, rewritten as far as it goes; None for itself."""
    found: Node | None = None
    while (step := _step(found or node)) is not None:
        found = step
    return found


def _step(node: Node) -> Node | None:
    if node.op != "call_function":
        return None
    found = (rule(node) for rule in (_handed_on, _filled, _part, assigned, scattered_row, _joined, _stacked))
    return next((other for other in found if other is not None and other is not node), None)


def _shared(node: Node, seen: dict[Any, Node]) -> Node:
    """Case 1: the first of equal expressions; two draws of random numbers are not equal."""
    tags = getattr(node.target, "tags", ())
    if node.op != "call_function" or "val" not in node.meta or torch.Tag.nondeterministic_seeded in tags:
        return node
    return seen.setdefault((node.target, repr(node.args), repr(node.kwargs)), node)


def _handed_on(node: Node) -> Node | None:
    """Case 1."""
    args: tuple[Any, ...] = node.args
    if node.target is aten.copy.default:
        same = shape_of(args[0]) == shape_of(args[1]) and args[0].meta["val"].dtype == args[1].meta["val"].dtype
        return args[1] if same else None
    unused = node.target is aten.dropout.default and (args[1] == 0 or not args[2])
    cast = node.target in (aten.to.dtype, aten.to.dtype_layout, aten._to_copy.default, aten.type_as.default)
    unmoved = cast and args[0].meta["val"].dtype == node.meta["val"].dtype
    if node.target in _HANDING or unused or unmoved:
        return args[0]  # type: ignore[no-any-return]
    if node.target in (aten.expand.default, aten.view.default, aten.reshape.default, aten.slice.Tensor):
        return args[0] if shape_of(args[0]) == shape_of(node) else None
    if node.target is aten.slice_scatter.default:
        return args[1] if shape_of(args[0]) == shape_of(args[1]) else None
    return None


def _filled(node: Node) -> Node | None:
    """Case 2."""
    args: tuple[Any, ...] = node.args
    if node.target in _FILLS:
        value = _FILLS[node.target]
    elif node.target in _VALUED:
        value = args[-1]
    elif node.target is aten.mul.Tensor and type(args[1]) in (int, float) and args[1] == 0:
        value = 0
    elif node.target in _PARTS and isinstance(args[0], Node) and args[0].target is aten.full.default:
        value = args[0].args[1]
    else:
        return None
    if isinstance(value, Node) or not is_tensor(node):
        return None
    return new_node(node, aten.full.default, (list(shape_of(node)), value), {"dtype": node.meta["val"].dtype})


def _part(node: Node) -> Node | None:
    """Case 3."""
    args: tuple[Any, ...] = node.args
    if node.target is operator.getitem and isinstance(args[0], Node) and args[0].target in _SPLITS:
        return _item(node, args[0], args[1])
    if node.target is aten.squeeze.dim and args[0].target is aten.slice.Tensor and shape_of(args[0])[args[1]] == 1:
        return new_node(node, aten.select.int, (args[0], args[1] % len(shape_of(args[0])), 0))
    if node.target is aten.narrow.default and isinstance(args[2], int):
        return new_node(node, aten.slice.Tensor, (args[0], args[1], args[2], args[2] + args[3]))
    if node.target is aten.slice.Tensor:
        return row_of_slice(node) or _items_of(node)
    if node.target is not aten.select.int:
        return None
    value, axis, index = args
    shape = shape_of(value)
    if axis < 0 or index < 0:
        axis = axis % len(shape)
        return new_node(node, aten.select.int, (value, axis, index % shape[axis]))
    inner: tuple[Any, ...] = value.args
    if value.target is aten.slice.Tensor and inner[1] == axis and len(inner) == 4 and isinstance(inner[2], int):
        return new_node(node, aten.select.int, (inner[0], axis, inner[2] + index))
    if value.target is aten.unsqueeze.default and inner[1] % len(shape) == axis:
        return inner[0]  # type: ignore[no-any-return]
    if value.target is aten.stack.default and (inner[1] if len(inner) > 1 else 0) % len(shape) == axis:
        return inner[0][index]  # type: ignore[no-any-return]
    return None


def _items_of(node: Node) -> Node | None:
    """A slice of what was joined, where it begins and ends between items."""
    args: tuple[Any, ...] = node.args
    if args[0].target is not aten.cat.default or len(args) != 4 or args[0].args[1] != args[1]:
        return None
    at, found = 0, list[Node]()
    for item in args[0].args[0]:
        if args[2] <= at < args[3]:
            found.append(item)
        at += shape_of(item)[args[1]]
    fits = sum(shape_of(item)[args[1]] for item in found) == args[3] - args[2]
    return new_node(node, aten.cat.default, (found, args[1])) if found and fits else None


def _item(node: Node, split: Node, index: int) -> Node | None:
    """An item of one frame; those of several, as gates have, stay what they are."""
    args: tuple[Any, ...] = split.args
    value, shape = args[0], shape_of(args[0])
    if split.target is aten.unbind.int:
        return new_node(node, aten.select.int, (value, (args[1] if len(args) > 1 else 0) % len(shape), index))
    axis = (args[2] if len(args) > 2 else 0) % len(shape)
    sizes = args[1] if isinstance(args[1], (list, tuple)) else [args[1]]
    if any(each != 1 for each in sizes):
        return None
    return new_node(node, aten.slice.Tensor, (value, axis, index, index + 1))


def _stacked(node: Node) -> Node | None:
    """Case 4: `cat`, cut into the items that it was made of."""
    args: tuple[Any, ...] = node.args
    if node.target not in (aten.view.default, aten.reshape.default) or args[0].target is not aten.cat.default:
        return None
    items, axis = args[0].args
    item, shape = shape_of(items[0]), shape_of(node)
    alike = all(shape_of(each) == item for each in items)
    if not alike or shape != (*item[:axis], len(items), *item[axis:]):
        return None
    return new_node(node, aten.stack.default, (items, axis))


def _joined(node: Node) -> Node | None:
    """Case 4: `cat` of what was joined before, along the same axis; nothing is left of items without a frame."""
    if node.target is not aten.cat.default:
        return None
    args: tuple[Any, ...] = node.args
    axis, items = (args[1] if len(args) > 1 else 0) % len(shape_of(node)), list[Node]()
    for item in args[0]:
        inner: tuple[Any, ...] = item.args
        again = item.target is aten.cat.default and (inner[1] if len(inner) > 1 else 0) == axis
        items += inner[0] if again else [item] if shape_of(item)[axis % len(shape_of(item))] != 0 else []
    if len(items) == 1:
        return items[0]
    if (rows := _rows(items, axis)) is not None:
        return new_node(node, aten.stack.default, (rows, axis))
    same = items == list(args[0])
    return None if same and args[1:] == (axis,) else new_node(node, aten.cat.default, (items, axis))


def _rows(items: list[Node], axis: int) -> list[Node] | None:
    """The values of which each item is a stack, or the one."""
    rows = list[Node]()
    for item in items:
        inner: tuple[Any, ...] = item.args
        place = (
            (inner[1] if len(inner) > 1 else 0) if item.target in (aten.stack.default, aten.unsqueeze.default) else None
        )
        if place is None or place % len(shape_of(item)) != axis:
            return None
        rows += inner[0] if item.target is aten.stack.default else [inner[0]]
    return rows
