"""Weights of recurrent layers in a captured graph are called by their layer.

`encoder.gru.W0`, `R0` and `B0` are those of layer 0 of the module `encoder.gru`.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir
from torch import nn

from rnnedge_export.graph.builder import Array, constant

_RECURRENT = {"RNN", "GRU", "LSTM"}


def name_recurrent_weights(model: ir.Model, places: Mapping[str, str], module: nn.Module) -> None:
    """Rename those of layers of `module`, in place; `places` has the path of the module of each node."""
    layers: dict[str, list[ir.Value]] = {}
    ports = {value.name for value in (*model.graph.inputs, *model.graph.outputs)}
    for node in model.graph.all_nodes():
        place = places.get(node.name or "", "")
        if node.op_type not in _RECURRENT or not _is_layer(module, place):
            continue
        weight = node.inputs[1]
        if weight is not None and _constant(weight) is not None and weight not in layers.setdefault(place, []):
            layers[place].append(weight)
            _name(node, place, len(layers[place]) - 1, ports.union(model.graph.initializers))


def _is_layer(module: nn.Module, place: str) -> bool:
    try:
        return isinstance(module.get_submodule(place), nn.RNNBase)
    except AttributeError:
        return False


def _name(node: ir.Node, place: str, layer: int, used: set[str | None]) -> None:
    for letter, value in zip("WRB", node.inputs[1:4], strict=True):
        name = f"{place}.{letter}{layer}".lstrip(".")
        if value is not None and _constant(value) is not None and name not in used:
            value.name = name


def _constant(value: ir.Value | None) -> Array | None:
    return None if value is None else constant(value)
