"""Recurrences of a captured graph are called by the layer or the cell of the module that they are.

1. `encoder.gru.W0`, `R0` and `B0` are the weights of layer 0 of the module `encoder.gru`.
2. A loop around a cell, or around a layer that takes a frame, was rewritten, and its nodes come from no module: it
   is the one that has its weights. Of copies that are still equal, each is taken once, in order.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from torch import Tensor, nn

from rnnedge_export.graph.builder import Array, constant
from rnnedge_export.graph.gate_order import GATES

_RECURRENT = {"RNN", "GRU", "LSTM"}
_Owner = tuple[str, int | None]


def name_recurrent_weights(model: ir.Model, places: dict[str, str], module: nn.Module) -> None:
    """Rename those of layers of `module`, in place; `places` has the path of the module of each node, or gets it."""
    layers: dict[str, list[ir.Value]] = {}
    taken: set[_Owner] = set()
    used = {value.name for value in (*model.graph.inputs, *model.graph.outputs)}.union(model.graph.initializers)
    for node in model.graph.all_nodes():
        weight = node.inputs[1] if node.op_type in _RECURRENT else None
        if weight is None or _constant(weight) is None:
            continue
        place = places.get(node.name or "", "")
        if _is_layer(module, place):
            weights = layers.setdefault(place, [])
            if weight not in weights:
                weights.append(weight)
                _name(node, place, len(weights) - 1, used)
        elif owners := _owners(node, module):
            owner = next((one for one in owners if one not in taken), owners[0])
            taken.add(owner)
            places[node.name or ""], layer = owner
            if layer is not None:
                _name(node, owner[0], layer, used)


def _is_layer(module: nn.Module, place: str) -> bool:
    try:
        return isinstance(module.get_submodule(place), nn.RNNBase)
    except AttributeError:
        return False


def _owners(node: ir.Node, module: nn.Module) -> list[_Owner]:
    """Case 2: the path of a cell, or that of a layer and its number."""
    arrays = [_constant(value) for value in node.inputs[1:3]]
    if any(array is None or len(array) != 1 for array in arrays):
        return []
    wanted = [_in_order_of_torch(array[0], node.op_type) for array in arrays if array is not None]
    return [
        (path, layer)
        for path, layer, own in _weights(module)
        if all(
            weight is None or np.array_equal(weight.detach().cpu().numpy(), one)
            for weight, one in zip(own, wanted, strict=True)
        )
    ]


def _in_order_of_torch(weight: Array, kind: str) -> Array:
    order = np.argsort(GATES.get(kind, (0,)))
    found: Array = weight.reshape(len(order), -1, weight.shape[1])[order].reshape(weight.shape)
    return found


def _weights(module: nn.Module) -> Iterator[tuple[str, int | None, list[Tensor | None]]]:
    """Of every layer and cell; None for one that forward makes, as weight drop does: it is there in a call alone."""
    for path, part in module.named_modules():
        layers: list[int | None] = [None] if isinstance(part, nn.RNNCellBase) else []
        layers += range(part.num_layers) if isinstance(part, nn.RNNBase) else []
        for layer in layers:
            ending = "" if layer is None else f"_l{layer}"
            found = [getattr(part, f"weight_{one}{ending}", None) for one in ("ih", "hh")]
            if any(weight is not None for weight in found):
                yield path, layer, found


def _name(node: ir.Node, place: str, layer: int, used: set[str | None]) -> None:
    for letter, value in zip("WRB", node.inputs[1:4], strict=True):
        name = f"{place}.{letter}{layer}".lstrip(".")
        if value is not None and _constant(value) is not None and name not in used:
            value.name = name
            used.add(name)


def _constant(value: ir.Value | None) -> Array | None:
    return None if value is None else constant(value)
