"""The graph of a TorchScript module, all calls inlined, run node by node as Python would run it.

1. Tensors, numbers and lists are what Python has; branches and loops of a script run as such.
2. What is no operator of torch and none of `_operators.py` is refused by its name.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_export.capture.torchscript._operators import arguments_of, function_of
from rnnedge_runtime.errors import ModelRefused

Values = dict[str, Any]


def refusal(what: str) -> ModelRefused:
    """In one line, with the remedy."""
    return ModelRefused(f"TorchScript (torch.jit) {what}; export the nn.Module that it was made of")


class GraphWalker:
    """Runs the graph of `script`."""

    def __init__(self, script: torch.jit.ScriptModule) -> None:
        self._script = script
        self._graph = script.inlined_graph

    def run(self, weights: nn.Module, inputs: tuple[Any, ...]) -> Any:
        """What forward returns; `weights`: a module that has the weights under their names."""
        own, *places = list(self._graph.inputs())
        values: Values = {own.debugName(): (weights, self._script)}
        given = [*inputs, *(None for _ in places[len(inputs) :])]
        values.update({place.debugName(): value for place, value in zip(places, given, strict=True)})
        found = self._block(self._graph, values)
        return found[0] if len(found) == 1 else tuple(found)

    def _block(self, block: Any, values: Values) -> list[Any]:
        for node in block.nodes():
            results = self._node(node, values)
            for place, result in zip(node.outputs(), results, strict=True):
                values[place.debugName()] = result
        return [values[place.debugName()] for place in block.outputs()]

    def _node(self, node: Any, values: Values) -> Any:
        kind, given = node.kind(), [values[place.debugName()] for place in node.inputs()]
        if kind == "prim::Constant":
            (place,) = node.outputs()
            return [place.toIValue()]
        if kind == "prim::GetAttr":
            weights, script = given[0]
            return [_attribute(weights, script, node.s("name"))]
        if kind == "prim::If":
            return self._block(list(node.blocks())[not given[0]], values)
        if kind == "prim::Loop":
            return self._loop(node, given, values)
        if kind == "prim::RaiseException":
            raise RuntimeError(str(given[0]))
        function = function_of(kind, given)
        if function is None:
            raise refusal(f"with {kind}, which is no operator of torch")
        args, kwargs = arguments_of(function, node, given)
        result = function(*args, **kwargs)
        return [] if node.outputsSize() == 0 else result if node.outputsSize() > 1 else [result]

    def _loop(self, node: Any, given: list[Any], values: Values) -> list[Any]:
        (block,), (most, goes_on, *carried) = node.blocks(), given
        number, *places = [place.debugName() for place in block.inputs()]
        t = 0
        while t < most and goes_on:
            values[number] = t
            values.update(zip(places, carried, strict=True))
            goes_on, *carried = self._block(block, values)
            t += 1
        return carried


def _attribute(weights: Any, script: Any, name: str) -> Any:
    """A weight, a part, or a setting, which only the TorchScript module has."""
    found = getattr(script, name)
    if isinstance(found, torch.jit.ScriptModule):
        return getattr(weights, "_modules", {}).get(name), found
    return getattr(weights, name) if isinstance(found, Tensor) and weights is not None else found
