"""Ways in which people write a recurrence for training, without a loop over time, each as small as it shows."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Parallel(nn.Module):
    """A function of x (batch, time, 6), and what it may use."""

    def __init__(self, function: Callable[[Parallel, Tensor], Tensor]) -> None:
        """With random weights."""
        super().__init__()
        self.function = function
        self.a, self.b, self.q, self.k = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(6, 8)
        self.poles = nn.Parameter(torch.rand(8, 3, 2))
        self.taps = nn.Parameter(torch.randn(8, 4))

    def forward(self, x: Tensor) -> Tensor:
        """Call the function."""
        return self.function(self, x)


def doubling_by_padding(net: Parallel, x: Tensor) -> Tensor:
    """Rounds of shift, multiply and add."""
    a, b, k = torch.sigmoid(net.a(x)), net.b(x), 1
    while k < a.shape[1]:
        b = b + a * functional.pad(b, (0, 0, k, 0))[:, : b.shape[1]]
        a = a * functional.pad(a, (0, 0, k, 0), value=1.0)[:, : a.shape[1]]
        k *= 2
    return b


def doubling_by_joining(net: Parallel, x: Tensor) -> Tensor:
    """The same, of which the first frames are kept."""
    a, b, k = torch.sigmoid(net.a(x)), net.b(x), 1
    while k < x.shape[1]:
        b = torch.cat([b[:, :k], a[:, k:] * b[:, :-k] + b[:, k:]], 1)
        a = torch.cat([a[:, :k], a[:, k:] * a[:, :-k]], 1)
        k *= 2
    return b


def halving(net: Parallel, x: Tensor) -> Tensor:
    """Pairs of frames joined, half as many scanned, and the others filled in (Blelloch, 1990)."""

    def scan(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        n = a.shape[1]
        if n < 2:
            return a, b
        left, right = (a[:, : n // 2 * 2 : 2], b[:, : n // 2 * 2 : 2]), (a[:, 1::2], b[:, 1::2])
        odd = scan(left[0] * right[0], right[0] * left[1] + right[1])
        rest = (n - 1) // 2
        a_even, b_even = a[:, 2::2], b[:, 2::2]
        even = (a_even * odd[0][:, :rest], a_even * odd[1][:, :rest] + b_even)
        ys = []
        for first, evens, odds in ((a, even[0], odd[0]), (b, even[1], odd[1])):
            y = torch.zeros_like(first)
            y[:, 0] = first[:, 0]
            y[:, 2::2] = evens
            y[:, 1::2] = odds
            ys.append(y)
        return ys[0], ys[1]

    return scan(torch.sigmoid(net.a(x)), net.b(x))[1]


def differences_of_logarithms(net: Parallel, x: Tensor) -> Tensor:
    """A triangle of exp(c_t - c_s), c the running sum of the logarithms of the decays."""
    c, n = functional.logsigmoid(net.a(x)).cumsum(1), x.shape[1]
    allowed = torch.ones(n, n, dtype=torch.bool).tril()[None, :, :, None]
    return ((c[:, :, None] - c[:, None]).masked_fill(~allowed, -math.inf).exp() * net.b(x)[:, None]).sum(2)


def powers_of_a_number(net: Parallel, x: Tensor) -> Tensor:
    """Queries, keys and values, and one decay to the power of the distance."""
    index = torch.arange(x.shape[1])
    distance = index[:, None] - index[None]
    decay = torch.where(distance >= 0, 0.9 ** distance.clamp(min=0).float(), torch.zeros(()))
    return (net.q(x) @ net.k(x).transpose(1, 2) * decay) @ net.b(x)


def heads_by_einsum(net: Parallel, x: Tensor) -> Tensor:
    """Two heads, a decay for each by the frame, and everything in one `einsum`."""
    batch, n = x.shape[:2]
    q, k, v = (layer(x).view(batch, n, 2, 4) for layer in (net.q, net.k, net.b))
    total = functional.logsigmoid(net.a(x)[..., :2]).cumsum(1).transpose(1, 2)
    triangle = torch.ones(n, n, dtype=torch.bool).tril()
    decay = (total[..., :, None] - total[..., None, :]).masked_fill(~triangle, -math.inf).exp()
    return torch.einsum("bthn,bshn,bhts,bshp->bthp", q, k, decay, v).reshape(batch, n, 8)


def triangle_of_scores(net: Parallel, x: Tensor) -> Tensor:
    """Attention without a softmax, normalized by the sum of its weights."""
    scores = (net.q(x).exp() @ net.k(x).exp().transpose(1, 2)).tril()
    return (scores / scores.sum(-1, keepdim=True)) @ net.b(x)


def rows_divided_by_their_largest(net: Parallel, x: Tensor) -> Tensor:
    """Two heads of a decay times weights of frames, made stable by the largest of each row."""
    batch, n, _ = x.shape
    q, k, v = (layer(x).reshape(batch, n, 2, 4).transpose(1, 2) for layer in (net.q, net.k, net.b))
    gates = net.a(x)[..., :4].transpose(1, 2)[..., None]
    new, total = gates[:, :2], functional.logsigmoid(gates[:, 2:]).cumsum(-2)
    weights = (total - total.mT + new.mT).masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), -math.inf)
    most = weights.max(-1, keepdim=True).values
    scores = (q @ k.mT) * torch.exp(weights - most)
    below = torch.maximum(scores.sum(-1, keepdim=True).abs(), torch.exp(-most))
    return ((scores / below) @ v).transpose(1, 2).reshape(batch, n, 8)


def kernel_of_poles(net: Parallel, x: Tensor) -> Tensor:
    """A convolution by Fourier transform with a kernel of complex powers."""
    n, u = x.shape[1], net.b(x).transpose(1, 2)
    poles = torch.complex(-net.poles[..., 0], 6 * net.poles[..., 1])
    powers = torch.exp(poles[..., None] * torch.arange(n))
    kernel = 2 * (torch.view_as_complex(net.poles * 1.0)[..., None] * powers).sum(1).real
    y = torch.fft.irfft(torch.fft.rfft(u, n=2 * n) * torch.fft.rfft(kernel, n=2 * n), n=2 * n)[..., :n]
    return y.transpose(1, 2)


def kernels_that_share_frames(net: Parallel, x: Tensor) -> Tensor:
    """Two kernels for every feature, whose product with the spectrum has an axis of its own for them."""
    n, u = x.shape[1], net.b(x).transpose(1, 2)
    powers = torch.exp(torch.complex(-net.poles[..., 0], net.poles[..., 1])[..., None] * torch.arange(n))
    weights = torch.stack([net.taps[:, :3], net.taps[:, 1:]]).to(powers.dtype)
    kernels = torch.einsum("chn,hnl->chl", weights, powers)
    spectra = torch.einsum("bhl,chl->bchl", torch.fft.rfft(u, n=2 * n), torch.fft.rfft(kernels.real, n=2 * n))
    return torch.fft.irfft(spectra, n=2 * n)[..., :n].flatten(1, 2).transpose(1, 2)


def kernel_of_taps(net: Parallel, x: Tensor) -> Tensor:
    """A convolution by Fourier transform with a few weights."""
    n, fft = x.shape[1], torch.fft
    y = fft.ifft(fft.fft(net.b(x), n=2 * n, dim=1) * fft.fft(net.taps.T, n=2 * n, dim=0), dim=1)
    return y[:, :n].real


PARALLEL = [
    doubling_by_padding, doubling_by_joining, halving, differences_of_logarithms, powers_of_a_number, heads_by_einsum,
    triangle_of_scores, rows_divided_by_their_largest, kernel_of_poles, kernels_that_share_frames,
    kernel_of_taps,
]  # fmt: skip
