"""The linear recurrent unit: a complex diagonal recurrence, stable by how it is written."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, glu

from rnnedge.nn.linear_scan import linear_scan, wide
from rnnedge.nn.time_loop import time_loop

# Where |lambda| begins: memories of 10 to 1,000 frames (Orvieto et al., section 3.3 and appendix E).
_R_MIN, _R_MAX = 0.9, 0.999


class LRU(nn.Module):
    """One layer of y = GLU(GELU(Re(C h_t) + D x_t)) over h_t = lambda * h_{t-1} + gamma * (B x_t), h complex.

    lambda = exp(-exp(nu) + i exp(theta)), so |lambda| < 1 whatever is learned; gamma begins at sqrt(1 - |lambda|^2)
    (Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu & De, "Resurrecting recurrent neural networks for long sequences",
    2023, eq. 6 and 7). The recurrence is linear; what makes the layer more is the gated linear unit after it, as in
    the blocks of the paper (figure 1).

    Complex numbers are pairs of real ones: rows of B and columns of C have the real parts first. The state is the real
    and then the imaginary parts of h (batch, 2 hidden), float32; it lives with the caller.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        """`input_size` features per frame; `hidden_size` complex units, and as many outputs.

        |lambda|^2 begins uniform between 0.9^2 and 0.999^2, its phase uniform in the circle (lemma 3.2).
        """
        super().__init__()
        self.hidden_size = hidden_size
        self.b = nn.Linear(input_size, 2 * hidden_size, bias=False)
        self.c = nn.Linear(2 * hidden_size, hidden_size, bias=False)
        self.d = nn.Linear(input_size, hidden_size, bias=False)
        self.glu = nn.Linear(hidden_size, 2 * hidden_size)
        nn.init.normal_(self.b.weight, std=(2 * input_size) ** -0.5)
        nn.init.normal_(self.c.weight, std=hidden_size**-0.5)
        nn.init.normal_(self.d.weight, std=input_size**-0.5)
        squared = torch.empty(hidden_size).uniform_(_R_MIN**2, _R_MAX**2)
        self.nu = nn.Parameter(torch.log(-0.5 * torch.log(squared)))
        self.theta = nn.Parameter(torch.log(2 * math.pi * (1 - torch.rand(hidden_size))))
        self.log_gamma = nn.Parameter(0.5 * torch.log(1 - squared))

    def remember(self, magnitudes: Tensor) -> None:
        """Let |lambda| begin at `magnitudes` (hidden,), each in (0, 1), and gamma with it."""
        with torch.no_grad():
            self.nu.copy_(torch.log(-torch.log(magnitudes)))
            self.log_gamma.copy_(0.5 * torch.log(1 - magnitudes**2))

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """x (batch, time, input), state (batch, 2 hidden) or None for zeros -> y (batch, time, hidden), state."""
        first = x.new_zeros(x.shape[0], 2 * self.hidden_size) if state is None else state
        u = wide(self.b(x)) * torch.exp(self.log_gamma).repeat(2)
        radius, angle = torch.exp(-torch.exp(self.nu)), torch.exp(self.theta)
        real, imaginary = radius * torch.cos(angle), radius * torch.sin(angle)
        hs, h = (self._steps if torch.compiler.is_exporting() else self._scan)(real, imaginary, u, first)
        y: Tensor = glu(self.glu(gelu(self.c(hs) + self.d(x))), dim=-1)
        return y, h

    def _scan(self, real: Tensor, imaginary: Tensor, u: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        a = torch.complex(real, imaginary).expand(1, u.shape[1], -1)
        h = linear_scan(a, torch.complex(*u.chunk(2, dim=-1)), torch.complex(*wide(first).chunk(2, dim=-1)))
        hs = torch.cat([h.real, h.imag], dim=-1)
        return hs, hs[:, -1]

    def _steps(self, real: Tensor, imaginary: Tensor, u: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        along, across = real.repeat(2), torch.cat([-imaginary, imaginary])

        def step(h: Tensor, u_t: Tensor) -> tuple[Tensor, Tensor]:
            re, im = h.chunk(2, dim=-1)
            h = along * h + across * torch.cat([im, re], dim=-1) + u_t
            return h, h

        last, hs = time_loop(step, first, u.transpose(0, 1))
        return hs.transpose(0, 1), last
