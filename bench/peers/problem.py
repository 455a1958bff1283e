"""What every contender has to compute: one recurrent layer, its weights, the frames, and PyTorch's own answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnedge_runtime.contract import Array

if TYPE_CHECKING:
    from torch import nn

# One frame, float32 (1, features) -> its output, any shape of `hidden_size` numbers; the state is carried inside.
Step = Callable[[Array], Array]

CELLS = ("LSTM", "GRU")
SIZES = ((1, 16), (16, 32), (40, 64), (40, 128), (64, 256), (80, 512), (128, 1024))
CHECKED_FRAMES = 50


@dataclass(frozen=True)
class Case:
    """A layer to measure: `cell` is a class of torch.nn, sizes as in its constructor."""

    cell: str
    input_size: int
    hidden_size: int

    @property
    def title(self) -> str:
        """As it stands in a table."""
        return f"{self.cell} {self.input_size},{self.hidden_size}"


@dataclass(frozen=True, eq=False)
class Problem:
    """A case with numbers. It travels to the contenders' processes, which need not have torch.

    `weights`: of torch.nn's layer, by its names. `frames`: float32 (50, input_size). `expected`: float32
    (50, hidden_size), from a zero state.
    """

    case: Case
    weights: Mapping[str, Array]
    frames: Array
    expected: Array

    def module(self) -> nn.Module:
        """The layer in PyTorch, `module(x, state) -> (y, state)`, x (1, time, input_size)."""
        layer = _layer(self.case)
        _fill(layer, self.weights)
        return layer

    def cell(self) -> nn.Module:
        """torch.nn's cell of the same weights, `cell(x, state)`, x (1, input_size)."""
        from torch import nn

        cell: nn.Module = getattr(nn, f"{self.case.cell}Cell")(self.case.input_size, self.case.hidden_size)
        _fill(cell, {name.removesuffix("_l0"): value for name, value in self.weights.items()})
        return cell.eval()

    @property
    def states(self) -> int:
        """How many states the layer has: h, and c of an LSTM."""
        return 2 if self.case.cell == "LSTM" else 1

    def zero_state(self, *leading: int) -> Any:
        """Zeros (*leading, hidden_size) in torch, one tensor or two, as torch.nn takes them."""
        import torch

        zeros = tuple(torch.zeros(*leading, self.case.hidden_size) for _ in range(self.states))
        return zeros if self.states == 2 else zeros[0]


def pose(case: Case, seed: int = 0) -> Problem:
    """A layer with torch's own initial weights, normal frames, and the outputs of torch's layer for them."""
    import torch

    torch.manual_seed(seed)
    layer = _layer(case)
    frames = np.random.default_rng(seed).standard_normal((CHECKED_FRAMES, case.input_size), np.float32)
    with torch.inference_mode():
        expected = layer(torch.from_numpy(frames[None]))[0][0].numpy().copy()
    weights = {name: value.detach().numpy().copy() for name, value in layer.state_dict().items()}
    return Problem(case, weights, frames, expected)


def _layer(case: Case) -> nn.Module:
    from torch import nn

    layer: nn.Module = getattr(nn, case.cell)(case.input_size, case.hidden_size, batch_first=True)
    return layer.eval()


def _fill(module: nn.Module, weights: Mapping[str, Array]) -> None:
    import torch

    module.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
