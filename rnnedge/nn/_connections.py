"""How a layer's input x bypasses the layer to its output y, by name.

| name       | what the next layer sees                    |
|------------|---------------------------------------------|
| `plain`    | y                                           |
| `residual` | y + x                                       |
| `highway`  | T * y + (1 - T) * x, T = sigmoid(W_T x + b_T) |

Residual: He et al., "Deep residual learning", 2016, eq. 1, and eq. 2 where x and y differ in size: a matrix, without
bias, takes x to the size of y. Highway: Srivastava, Greff & Schmidhuber, "Highway networks", 2015, eq. 3; b_T begins at
-1 (section 2.2), so that the gradient at first bypasses the layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

CONNECTIONS = ("plain", "residual", "highway")
_CARRY_BIAS = -1.0


class Plain(nn.Module):
    """y alone."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """y (batch, time, output)."""
        return y


class Residual(nn.Module):
    """y + x."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Features of x and of y."""
        super().__init__()
        self.skip = _skip(inputs, outputs)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x (batch, time, input), y (batch, time, output) -> (batch, time, output)."""
        total: Tensor = y + self.skip(x)
        return total


class Highway(nn.Module):
    """T * y + (1 - T) * x."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Features of x and of y."""
        super().__init__()
        self.skip = _skip(inputs, outputs)
        self.gate = nn.Linear(inputs, outputs)
        nn.init.constant_(self.gate.bias, _CARRY_BIAS)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """x (batch, time, input), y (batch, time, output) -> (batch, time, output)."""
        t = torch.sigmoid(self.gate(x))
        mixed: Tensor = t * y + (1 - t) * self.skip(x)
        return mixed


def _skip(inputs: int, outputs: int) -> nn.Module:
    return nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs, bias=False)


def build_connection(name: str, inputs: int, outputs: int) -> nn.Module:
    """The connection `name` around a layer from `inputs` to `outputs` features."""
    if name == "residual":
        return Residual(inputs, outputs)
    return Highway(inputs, outputs) if name == "highway" else Plain()
