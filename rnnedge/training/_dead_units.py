"""Units that never change: a relu that is always 0, a gate that never opens. They cost time and do nothing."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from rnnedge.nn import RecurrentNetwork

# A unit that moves less than this between any two frames carries nothing.
_STILL = 1e-6


class UnitRanges:
    """While it is entered, the least and the largest value that every unit of every recurrent layer takes.

    `real` (row, time) is set before each call of the network and says which frames are no padding.
    """

    def __init__(self, network: RecurrentNetwork) -> None:
        """For the layers of `network`."""
        self._layers = list(network.layers)
        self._hooks: list[Any] = []
        self._least: dict[int, Tensor] = {}
        self._largest: dict[int, Tensor] = {}
        self.real: Tensor | None = None

    def __enter__(self) -> UnitRanges:
        """Begin to look."""
        for index, layer in enumerate(self._layers):
            self._hooks.append(layer.register_forward_hook(self._hook(index)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look no more."""
        for hook in self._hooks:
            hook.remove()

    def dead(self) -> tuple[float, ...]:
        """For every layer, the share of units that stayed within 1e-6; 0 for a layer that was not seen twice."""
        return tuple(
            float(((self._largest[i] - self._least[i]) < _STILL).float().mean()) if i in self._least else 0.0
            for i in range(len(self._layers))
        )

    def _hook(self, index: int) -> Any:
        def look(_module: Any, _inputs: Any, output: Any) -> None:
            h: Tensor = output[0]
            if self.real is not None:
                h = h[self.real]
            if h.shape[0] == 0:
                return
            h = h.flatten(0, -2)
            least, largest = h.amin(0), h.amax(0)
            self._least[index] = torch.minimum(self._least.get(index, least), least)
            self._largest[index] = torch.maximum(self._largest.get(index, largest), largest)

        return look
