"""Fourier transforms of a fixed number of points as products with constant matrices, one for each part.

A device's onnxruntime runs DFT by generic kernels; at the sizes of audio frames a matrix is faster, and time goes
through it as through any layer. Sums of exact zeros stay exact: the sine of a multiple of pi is 0, and 0 is never -0.

Source: torch.fft's documentation of `norm`; the transform of a real sequence is Hermitian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import unset_fake_temporarily

from rnnedge_export.capture.complex_numbers.pairs import Pair, Rule, pair
from rnnedge_runtime.errors import ModelRefused

_MOST_POINTS = 8192
# How torch numbers the words of `norm`.
_SCALES: dict[int, Callable[[int], float]] = {0: lambda n: 1.0, 1: lambda n: n**-0.5, 2: lambda n: 1.0 / n}


def waves(points: int, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """cos and -sin of 2 pi k n / points, (points, bins) float64; multiples of a quarter turn are exact."""
    turns = np.outer(np.arange(points), np.arange(bins)) % points
    angles = 2 * np.pi * turns / points
    cosine, sine = np.cos(angles), -np.sin(angles)
    for values, zeros in ((cosine, (1, 3)), (sine, (0, 2))):
        for quarter in zeros:
            values[turns * 4 == quarter * points] = 0.0
    return cosine, sine


def inverse_waves(points: int) -> tuple[np.ndarray, np.ndarray]:
    """What the real and the imaginary part of a one-sided spectrum are multiplied with, each (bins, points) float64."""
    bins = points // 2 + 1
    cosine, sine = waves(points, bins)
    counts = np.full((bins, 1), 2.0)
    counts[0] = 1.0
    if points % 2 == 0:
        counts[-1] = 1.0
    return counts * cosine.T / points, counts * sine.T / points


def _matrix(values: np.ndarray) -> torch.Tensor:
    # What traces would make it a tensor without values.
    with unset_fake_temporarily():
        return torch.from_numpy(values.astype(np.float32) + np.float32(0))


def _points(size: Any) -> int:
    if not isinstance(size, int):
        raise ModelRefused(
            "a Fourier transform over the time axis needs the whole sequence; transform frames of a fixed size "
            "(torch.stft, or unfold and rfft over the last axis)"
        )
    if size > _MOST_POINTS:
        raise ModelRefused(f"a Fourier transform of {size} points: expected at most {_MOST_POINTS}")
    return size


def _along(x: torch.Tensor, axis: int, matrix: torch.Tensor) -> torch.Tensor:
    last = axis % x.dim() == x.dim() - 1
    return torch.matmul(x, matrix) if last else torch.matmul(x.movedim(axis, -1), matrix).movedim(-1, axis)


def _real_to_complex(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pair:
    x, axes, norm, onesided = args
    *others, last = axes
    n = _points(x.shape[last])
    scale = _SCALES[norm](n)
    result = Pair(*(_along(x, last, _matrix(w * scale)) for w in waves(n, n // 2 + 1 if onesided else n)))
    for axis in reversed(others):
        result = _turned(result, axis, norm, forward=True)
    return result


def _complex_to_complex(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pair:
    z, axes, norm, forward = args
    z = pair(z)
    for axis in axes:
        z = _turned(z, axis, norm, forward=forward)
    return z


def _turned(z: Pair, axis: int, norm: int, *, forward: bool) -> Pair:
    n = _points(z.real.shape[axis])
    cosine, sine = (_matrix(w * _SCALES[norm](n)) for w in waves(n, n))
    if not forward:
        sine = -sine + 0.0
    a, b = z
    return Pair(
        _along(a, axis, cosine) - _along(b, axis, sine),
        _along(a, axis, sine) + _along(b, axis, cosine),
    )


def _complex_to_real(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    z, axes, norm, size = args
    z, n = pair(z), _points(size)
    *others, last = axes
    for axis in others:
        z = _turned(z, axis, norm, forward=False)
    bins = n // 2 + 1
    # torch has the mean over the points in its scale, the matrices have it too.
    scale = _SCALES[norm](n) * n
    real, imag = (_matrix(w * scale) for w in inverse_waves(n))
    a, b = (one.narrow(last, 0, bins) for one in z)
    return _along(a, last, real) + _along(b, last, imag)


TRANSFORMS: dict[str, Rule] = {
    "_fft_r2c": _real_to_complex,
    "_fft_c2c": _complex_to_complex,
    "_fft_c2r": _complex_to_real,
}
