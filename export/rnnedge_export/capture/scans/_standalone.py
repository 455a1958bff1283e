"""A capture as a module of its own, for the batch and the length that it was made with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_export.capture.loops import Unrolled


class Standalone(nn.Module):
    """Its weights have the names that they had."""

    def __init__(self, unrolled: Unrolled) -> None:
        super().__init__()
        # Out of the list, so that torch does not take the graph for a part of this module.
        self._graph = [unrolled.module]
        self._names = [name for name, _ in unrolled.weights.values()]
        for name, tensor in unrolled.weights.values():
            *path, last = name.split(".")
            place: nn.Module = self
            for one in path:
                if one not in place._modules:
                    place.add_module(one, nn.Module())
                place = place.get_submodule(one)
            place.register_buffer(last, tensor.detach())

    def forward(self, *given: Tensor) -> Any:
        """What the capture gives."""
        weights = [self.get_buffer(name) for name in self._names]
        return torch.fx.Interpreter(self._graph[0]).run(*weights, *given, enable_io_processing=False)
