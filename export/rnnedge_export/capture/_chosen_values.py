"""`y[..., [1, 3]] = x`, `y.index_add(-1, bands, x)`: values at constant places along an axis, as a choice of them.

torch.onnx writes them by the numbers of all places, those of frames too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._guards import detect_fake_mode
from torch.export import ExportedProgram
from torch.fx import Node

from rnnedge_export.capture._constant_weights import constant_node, value_of, weights

_ATEN: Any = torch.ops.aten


@dataclass(frozen=True)
class _Put:
    """`values`, which broadcast, at `places` (n,) along `axis` of `tensor`, in the place of what is there or added."""

    tensor: Node
    axis: int
    places: Node
    values: Node
    added: bool


def with_chosen_values(program: ExportedProgram) -> ExportedProgram:
    """The same program, changed in place; places that are computed stay."""
    known = weights(program)
    for node in list(program.graph.nodes):
        put = _put(node)
        places = None if put is None else value_of(put.places, known)
        if put is None or places is None or places.ndim != 1 or places.dtype == torch.bool:
            continue
        size = put.tensor.meta["val"].shape[put.axis]
        if isinstance(size, int):
            _replace(program, node, put, [int(place) % size for place in places], size)
    return program


def _put(node: Node) -> _Put | None:
    args: Any = node.args
    if node.target is _ATEN.index_put.default:
        tensor, indices, values, added = (*args, False)[:4]
        given = [(axis, index) for axis, index in enumerate(indices) if index is not None]
        return _Put(tensor, *given[0], values, bool(added)) if len(given) == 1 else None
    if node.target in (_ATEN.index_add.default, _ATEN.index_copy.default) and not node.kwargs and len(args) == 4:
        tensor, axis, index, values = args
        rank = tensor.meta["val"].ndim
        return _Put(tensor, axis % rank, index, values, node.target is _ATEN.index_add.default)
    return None


def _replace(program: ExportedProgram, node: Node, put: _Put, places: list[int], size: int) -> None:
    shape, value = put.tensor.meta["val"].shape, put.values.meta["val"]
    from_end = put.axis - len(shape)
    alone = value.ndim < -from_end or value.shape[from_end] == 1
    found = put.tensor
    with program.graph.inserting_before(node):
        for chosen in _turns(places, size, put.added):
            taken = put.values
            if not alone:
                numbers = constant_node(program, torch.tensor([k or 0 for k in chosen]))
                taken = _made(program, _ATEN.index_select.default, taken, value.ndim + from_end, numbers)
            new = _made(program, _ATEN.add.Tensor, found, taken) if put.added else taken
            here = torch.tensor([k is not None for k in chosen]).reshape([-1] + [1] * (-from_end - 1))
            found = _made(program, _ATEN.where.self, constant_node(program, here), new, found)
            found.meta = {**node.meta, "val": found.meta["val"]}
    node.replace_all_uses_with(found)
    program.graph_signature.replace_all_uses(node.name, found.name)
    program.graph.erase_node(node)


def _turns(places: list[int], size: int, added: bool) -> Iterator[list[int | None]]:
    """Which value every place takes, if any: the last one, or one after the other."""
    given = [[k for k, at in enumerate(places) if at == place] for place in range(size)]
    if not added:
        yield [numbers[-1] if numbers else None for numbers in given]
        return
    for turn in range(max(map(len, given), default=0)):
        yield [numbers[turn] if len(numbers) > turn else None for numbers in given]


def _made(program: ExportedProgram, target: Any, *args: Any) -> Node:
    made: Node = program.graph.call_function(target, args)
    values = [arg.meta["val"] if isinstance(arg, Node) else arg for arg in args]
    mode = detect_fake_mode(values)
    assert mode is not None
    with mode:
        plain = [
            mode.from_tensor(value) if isinstance(value, Tensor) and detect_fake_mode([value]) is None else value
            for value in values
        ]
        made.meta["val"] = target(*plain)
    return made
