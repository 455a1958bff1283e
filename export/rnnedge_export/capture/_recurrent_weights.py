"""Recurrences of a captured graph are called by the layer or the cell of the module that they are.

1. `encoder.gru.W0`, `R0` and `B0` are the weights of layer 0 of the module `encoder.gru`.
2. A loop around a cell, or around a layer that takes a frame, was written anew, and its nodes come from no module: it
   is the one that has its recurrent weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from torch import nn

from rnnedge_export.graph.builder import Array, constant
from rnnedge_export.graph.gate_order import GATES

_RECURRENT = {"RNN", "GRU", "LSTM"}


def name_recurrent_weights(model: ir.Model, places: dict[str, str], module: nn.Module) -> None:
    """Rename those of layers of `module`, in place; `places` has the path of the module of each node, or gets it."""
    layers: dict[str, list[ir.Value]] = {}
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
        elif (owner := _owner(node, module)) is not None:
            places[node.name or ""], layer = owner
            if layer is not None:
                _name(node, owner[0], layer, used)


def _is_layer(module: nn.Module, place: str) -> bool:
    try:
        return isinstance(module.get_submodule(place), nn.RNNBase)
    except AttributeError:
        return False


def _owner(node: ir.Node, module: nn.Module) -> tuple[str, int | None] | None:
    """Case 2: the path of a cell, or that of a layer and its number."""
    recurrent = _constant(node.inputs[2])
    if recurrent is None or len(recurrent) != 1:
        return None
    gates = recurrent[0].reshape(len(GATES.get(node.op_type, (0,))), -1, recurrent.shape[2])
    wanted = gates[np.argsort(GATES.get(node.op_type, (0,)))].reshape(recurrent.shape[1:])
    for path, layer, weight in _recurrent_weights(module):
        if weight.shape == wanted.shape and np.array_equal(weight, wanted):
            return path, layer
    return None


def _recurrent_weights(module: nn.Module) -> Iterator[tuple[str, int | None, Array]]:
    for path, part in module.named_modules():
        if isinstance(part, nn.RNNCellBase):
            yield path, None, part.weight_hh.detach().cpu().numpy()
        elif isinstance(part, nn.RNNBase):
            for layer in range(part.num_layers):
                yield path, layer, getattr(part, f"weight_hh_l{layer}").detach().cpu().numpy()


def _name(node: ir.Node, place: str, layer: int, used: set[str | None]) -> None:
    for letter, value in zip("WRB", node.inputs[1:4], strict=True):
        name = f"{place}.{letter}{layer}".lstrip(".")
        if value is not None and _constant(value) is not None and name not in used:
            value.name = name
            used.add(name)


def _constant(value: ir.Value | None) -> Array | None:
    return None if value is None else constant(value)
