"""`torch.stft` and `torch.istft` as what they are over time: a convolution with a step, and a transposed one.

1. stft: the kernels are the windowed cosines and sines of each bin. `center` pads both ends by half of a window.
2. istft: each frame adds its windowed samples (overlap-add), and every sample is divided by the sum of the squared
   windows that reached it. The count of frames is taken from the frames themselves, so that it streams too.

torch's own istft looks at the smallest of those sums, which stops a capture; the module itself still checks it whenever
it runs. Source: torch.stft and torch.istft in torch's documentation; Griffin and Lim 1984, eq. 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from rnnedge_export.capture.complex_numbers.transforms import inverse_waves, waves


def _stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """(samples,) or (batch, samples) -> (..., bins, frames), as torch.stft of real signals."""
    bins = n_fft if onesided is False else n_fft // 2 + 1
    basis = np.concatenate(waves(n_fft, bins), 1).T
    kernel = _constant(basis, input) * _window(window, win_length, n_fft, input)
    if normalized:
        kernel = kernel * n_fft**-0.5
    x = input.reshape(-1, 1, input.shape[-1]) if input.dim() == 1 else input.unsqueeze(1)
    if center:
        x = functional.pad(x, (n_fft // 2, n_fft // 2), mode=pad_mode)
    y = functional.conv1d(x, kernel.unsqueeze(1), stride=hop_length or n_fft // 4)
    if input.dim() == 1:
        y = y.squeeze(0)
    real, imag = y.narrow(-2, 0, bins), y.narrow(-2, bins, bins)
    return torch.stack([real, imag], -1) if return_complex is False else torch.complex(real, imag)


def _istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """(..., bins, frames) complex -> (..., samples), as torch.istft of one-sided spectra."""
    z = torch.view_as_real(input)
    x = torch.cat([z.select(-1, 0), z.select(-1, 1)], dim=-2)
    x = x.unsqueeze(0) if x.dim() == 2 else x
    hop, shape = hop_length or n_fft // 4, _window(window, win_length, n_fft, z)
    kernel = _constant(np.concatenate(inverse_waves(n_fft)), z) * shape
    if normalized:
        kernel = kernel * n_fft**0.5
    y = functional.conv_transpose1d(x, kernel.unsqueeze(1), stride=hop)
    ones = x.narrow(1, 0, 1) * 0 + 1
    y = y / functional.conv_transpose1d(ones, (shape * shape).reshape(1, 1, n_fft), stride=hop)
    edge = n_fft // 2 if center else 0
    if length is not None:
        y = y[..., edge : edge + length]
    elif center:
        y = y[..., edge:-edge]
    y = y.squeeze(1)
    return y.squeeze(0) if input.dim() == 2 else y


def _constant(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values.astype(np.float32) + np.float32(0)).to(like.dtype)


def _window(window: Tensor | None, length: int | None, n_fft: int, like: Tensor) -> Tensor:
    """The window in the middle of `n_fft` places."""
    length = length or n_fft
    given = like.new_ones(length) if window is None else window
    left = (n_fft - length) // 2
    return functional.pad(given, (left, n_fft - length - left)) if length < n_fft else given


_OWN: dict[Callable[..., Any], Callable[..., Any]] = {
    torch.stft: _stft,
    torch.Tensor.stft: _stft,
    torch.istft: _istft,
    torch.Tensor.istft: _istft,
}


def _own(func: Any, args: Any, kwargs: Any) -> Any:
    own = _OWN.get(func)
    if own is None:
        return func
    whole = own is _stft and args[0].is_complex() if args else True
    one_sided = own is not _istft or (kwargs.get("onesided") is not False and not kwargs.get("return_complex"))
    return own if not whole and one_sided else func


class _Spectra(TorchFunctionMode):
    # dynamo traces this inside scan, and finds no guard for a static method.
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _own(func, args, kwargs or {})(*args, **(kwargs or {}))


@contextmanager
def spectra_of_frames() -> Iterator[None]:
    """While a module is captured, its stft and istft are convolutions."""
    with _Spectra():
        yield
