"""Nodes of a capture know the module that they come from, as those of torch.export do, and so do those made of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule, traceback
from torch.nn.modules import module as modules

PLACE = ("stack_trace", "nn_module_stack")
"""What a node's `meta` has of its place."""


@contextmanager
def module_paths(root: nn.Module) -> Iterator[None]:
    """Every node that is made meanwhile has the paths of the modules of `root` whose `forward` is running."""
    paths = {id(module): path for path, module in root.named_modules()}
    entered: list[dict[str, tuple[str, str]]] = [{}]

    def enter(module: nn.Module, _: Any) -> None:
        path = paths.get(id(module))
        kind = f"{type(module).__module__}.{type(module).__qualname__}"
        entered.append(entered[-1] if path is None else {**entered[-1], path: (path, kind)})
        traceback.current_meta["nn_module_stack"] = entered[-1]

    def leave(*_: Any) -> None:
        entered.pop()
        traceback.current_meta["nn_module_stack"] = entered[-1]

    hooks = modules.register_module_forward_pre_hook(enter), modules.register_module_forward_hook(leave)
    try:
        with traceback.preserve_node_meta():
            yield
    finally:
        for hook in hooks:
            hook.remove()
        traceback.current_meta.pop("nn_module_stack", None)


class WithPlaces(nn.Module):
    """A graph as a module whose nodes keep their places where it is captured; its tensors are those of the graph."""

    def __init__(self, graph: GraphModule) -> None:
        super().__init__()
        # Out of the list, so that torch does not take the graph for a part of this module.
        self._graph = [graph]
        self._parameters, self._buffers, self._modules = graph._parameters, graph._buffers, graph._modules

    def forward(self, *given: torch.Tensor) -> Any:
        """What the graph gives."""
        with traceback.preserve_node_meta():
            return torch.fx.Interpreter(self._graph[0]).run(*given)
