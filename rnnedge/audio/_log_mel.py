"""Log-mel energies from raw audio, as a causal convolution: computed in the graph, so the device has the same ones.

P_k(b) = |sum_n w(n) x(k H + n - (W - H)) exp(-2 pi i b n / N)|^2,  y_k(m) = log(sum_b F_m(b) P_k(b) + eps)

with window w of W samples, hop H, DFT length N (the next power of two), filters F. Frame k is complete with sample
(k + 1) H - 1; the W - H samples before the first one are zeros.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from rnnedge.options import check, option
from rnnedge_runtime.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]
# Noise of one step of 16 bits has about this energy in a filter, at 25 ms: nothing quieter is told apart.
_EPS = 1e-6
# Samples of a window: the matrix of its DFT has as many rows and columns.
_LONGEST_WINDOW = 1 << 14


@dataclass(frozen=True)
class LogMel:
    """A log-mel front end: audio samples in, `mels` log energies every `hop_ms` out.

    `sample_rate_hz` of the audio; windows of `window_ms`, one every `hop_ms`, both whole numbers of samples; `mels`
    triangular filters from `low_hz` to `high_hz` (0: half the sample rate). The defaults are those of speech
    recognition: 25 ms every 10 ms. `mean`, `std`: statistics of the energies, one for each filter, that the front end
    takes off them, see `fitted`; without them the energies are as they are.
    """

    # A key that does not exist is an error where this is read from a file.
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    kind: Literal["log_mel"] = "log_mel"
    sample_rate_hz: int = option(16000, above=0)
    window_ms: float = option(25.0, above=0)
    hop_ms: float = option(10.0, above=0)
    mels: int = option(40, above=0)
    low_hz: float = 20.0
    high_hz: float = 0.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range."""
        check(self)
        for name in ("window_ms", "hop_ms"):
            samples = getattr(self, name) * self.sample_rate_hz / 1000
            if not 1 <= samples <= _LONGEST_WINDOW or abs(samples - round(samples)) > 1e-6:
                raise InputError(
                    f"{name}: expected a whole number of samples at {self.sample_rate_hz} Hz, at most "
                    f"{_LONGEST_WINDOW}, found {samples:g}"
                )
        if self.hop > self.window:
            raise InputError(f"hop_ms: expected at most window_ms ({self.window_ms:g}), found {self.hop_ms:g}")
        if not 0 <= self.low_hz < self.top_hz <= self.sample_rate_hz / 2:
            raise InputError(
                f"low_hz, high_hz: expected 0 <= low < high <= {self.sample_rate_hz / 2:g} (half the sample rate), "
                f"found {self.low_hz:g} and {self.top_hz:g}"
            )
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (0, self.mels):
                raise InputError(
                    f"{name}: expected {self.mels} values, one for each filter, found {len(getattr(self, name))}"
                )
        if len(self.mean) != len(self.std) or any(value <= 0 for value in self.std):
            raise InputError("mean, std: expected both or none, and every std positive")
        if self.mels > self.points:
            raise InputError(f"mels: expected at most {self.points}, the length of the DFT, found {self.mels}")
        empty = np.flatnonzero(mel_filters(self).max(axis=1) == 0)
        if len(empty):
            raise InputError(
                f"mels: filter {empty[0]} of {self.mels} is narrower than the {self.sample_rate_hz / self.points:g} Hz "
                "between two bins of the DFT; take fewer mels or a longer window"
            )

    @property
    def window(self) -> int:
        """W, samples of a window."""
        return round(self.window_ms * self.sample_rate_hz / 1000)

    @property
    def hop(self) -> int:
        """H, samples from one frame to the next."""
        return round(self.hop_ms * self.sample_rate_hz / 1000)

    @property
    def points(self) -> int:
        """N, length of the DFT: the least power of two that holds a window."""
        return int(2 ** math.ceil(math.log2(self.window)))

    @property
    def top_hz(self) -> float:
        """Where the last filter ends."""
        return self.high_hz or self.sample_rate_hz / 2

    def fitted(self, recordings: Iterable[Array]) -> LogMel:
        """With the mean and standard deviation of the energies of `recordings`, (samples, 1) float32 each.

        Raises `InputError` where none of them is as long as a hop.
        """
        module = LogMelFrames(replace(self, mean=(), std=()))
        with torch.no_grad():
            every = torch.cat(
                [module(torch.from_numpy(np.ascontiguousarray(x))[None])[0][0] for x in recordings]
            ).double()
        if not len(every):
            raise InputError(f"log_mel: expected recordings of at least {self.hop} samples (hop_ms), found none")
        std = every.std(0, correction=0).clamp_min(1e-3)
        return replace(self, mean=tuple(every.mean(0).tolist()), std=tuple(std.tolist()))


def mel_filters(config: LogMel) -> Array:
    """F (mels, N / 2 + 1), float64: triangles with peak 1, equally spaced and straight in mel.

    mel(f) = 1127 ln(1 + f / 700) (Young et al., "The HTK Book", 2006, section 5.4, eq. 5.13, and HSigP.c).
    """

    def mel(hz: Array | float) -> Any:
        return 1127 * np.log1p(np.asarray(hz) / 700)

    edges = np.linspace(mel(config.low_hz), mel(config.top_hz), config.mels + 2)
    bins = mel(np.arange(config.points // 2 + 1) * config.sample_rate_hz / config.points)
    place = (bins - edges[0]) / (edges[1] - edges[0])
    triangles: Array = 1 - np.abs(place[None] - np.arange(1, config.mels + 1)[:, None])
    return np.maximum(triangles, 0)


class LogMelFrames(nn.Module):
    """x (batch, samples, 1) float32 in [-1, 1] -> y (batch, frames, mels) float32: (log energy - mean) / std.

    Nothing here is trained. Keeps no state: it goes in and out of `forward`, the samples that later windows need,
    (batch, W - H + phase, 1), with phase = samples since the last frame; it lives with the caller, who starts a
    sequence with None.
    """

    kernel: Tensor
    filters: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, config: LogMel) -> None:
        """Built from numbers alone: the Hann window (periodic, as for spectra), the DFT and the filters are buffers."""
        super().__init__()
        self.config = config
        self.out_features = config.mels
        filters = mel_filters(config)
        # Bins that no filter reads cost as much as the others.
        read = np.flatnonzero(filters.max(axis=0))
        n = np.arange(config.window)
        w = 0.5 - 0.5 * np.cos(2 * np.pi * n / config.window)
        angles = 2 * np.pi * np.outer(read, n) / config.points
        kernel = np.concatenate([w * np.cos(angles), w * np.sin(angles)])
        self.register_buffer("kernel", torch.from_numpy(kernel[:, None]).float(), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters[:, read].T.copy()).float(), persistent=False)
        self.register_buffer("mean", torch.tensor(config.mean or [0.0] * config.mels), persistent=False)
        self.register_buffer("scale", 1 / torch.tensor(config.std or [1.0] * config.mels), persistent=False)

    def output_frames(self, samples: Tensor) -> Tensor:
        """Frames of a sequence of that many samples, int64: samples // H."""
        return torch.div(samples, self.config.hop, rounding_mode="floor")

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The frames that x completes, possibly none, and the state after it."""
        before = x.new_zeros(x.shape[0], self.config.window - self.config.hop, 1) if state is None else state
        x = torch.cat([before, x], dim=1)
        if torch.compiler.is_exporting():
            return self._frames(x), x[:, :0]
        count = (x.shape[1] - self.config.window) // self.config.hop + 1
        y = self._frames(x) if count > 0 else x.new_zeros(x.shape[0], 0, self.config.mels)
        return y, x[:, max(count, 0) * self.config.hop :]

    def _frames(self, x: Tensor) -> Tensor:
        parts = nn.functional.conv1d(x.transpose(1, 2), self.kernel, stride=self.config.hop).square()
        real, imaginary = parts.chunk(2, dim=1)
        power = (real + imaginary).transpose(1, 2)
        energies = torch.log(power @ self.filters + _EPS)
        return (energies - self.mean) * self.scale if self.config.mean else energies
