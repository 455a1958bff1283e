"""The number that training makes small, and the state that goes on to the next window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rnnedge.nn import RecurrentNetwork
from rnnedge.training._config import TrainerConfig
from rnnedge.training._narrowed import narrowed
from rnnedge.training._tbptt import Window
from rnnedge.training.losses import frame_losses, sequence_losses

State = Any


class Objective(nn.Module):
    """A network and its loss as one module, whose parameters are the network's: what is compiled and distributed."""

    def __init__(self, network: RecurrentNetwork, config: TrainerConfig) -> None:
        """Around `network`, which stays the caller's."""
        super().__init__()
        self.network = network
        self.config = config
        self._hidden = torch.compile(network.hidden, dynamic=True) if config.compile else network.hidden

    def forward(self, windows: Sequence[Window], state: State) -> tuple[Tensor, State]:
        """Go through `windows`, one after the other in time; blame the last one.

        `state` is that before the first window, None for the initial one. Returns the sum of the losses of all judged
        frames (or sequences, for CTC), a float32 scalar, and the state at the end, which carries no gradient.
        """
        for window in windows:
            y, state = self.outputs(window, state)
        return losses(y, windows[-1], self.config).sum(), detached(state)

    def outputs(self, window: Window, state: State) -> tuple[Tensor, State]:
        """The network's output for a window, float32: (judged frame, output), or (row, time, output) for CTC; state.

        Only judged frames go through the head.
        """
        weights = narrowed(self.network, self.config)
        if weights is None:
            return self._outputs(window, state)
        return functional_call(_Called(self), {f"network.{k}": w for k, w in weights.items()}, (window, state))  # type: ignore[no-any-return]

    def _outputs(self, window: Window, state: State) -> tuple[Tensor, State]:
        if state is not None and bool(window.fresh.any()):
            state = None if bool(window.fresh.all()) else self.network.kept(state, ~window.fresh)
        device = window.x.device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.config.mixed_precision and self.training):
            h, state = (self._hidden if self.training else self.network.hidden)(window.x, state)
            y = self.network.head(h if self.config.loss == "ctc" else _chosen(h, window.judged))
        return y.float(), state


class _Called(nn.Module):
    """`Objective._outputs` as the forward of a module with the same parameters, for `functional_call`."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.network = objective.network
        self._call = objective._outputs

    def forward(self, window: Window, state: State) -> tuple[Tensor, State]:
        return self._call(window, state)


def losses(y: Tensor, window: Window, config: TrainerConfig) -> Tensor:
    """The loss of every judged frame of `window`, of every row for CTC, from what `Objective.outputs` gave."""
    if config.loss == "ctc":
        return sequence_losses(y, window.real.sum(1), window.y)[window.real.any(1)]
    return frame_losses(y, _chosen(window.y, window.judged), config)


def judged_count(window: Window, config: TrainerConfig) -> int:
    """How many losses `losses` gives."""
    return int((window.real.any(1) if config.loss == "ctc" else window.judged).sum())


def detached(state: State) -> State:
    """`state` without the way it came about."""
    return torch.utils._pytree.tree_map(lambda t: t.detach() if isinstance(t, Tensor) else t, state)


def _chosen(values: Tensor, where: Tensor) -> Tensor:
    """values (row, time, ...) -> (chosen, ...); without a copy where all are chosen."""
    return values.flatten(0, 1) if bool(where.all()) else values[where]
