"""Spectra, transforms, and complex filters."""

from __future__ import annotations

import torch
from shown_by import given, noise
from torch import Tensor, nn


class Spectrum(nn.Module):
    """Centred spectra, a complex filter, and back; with the phase and the size."""

    def __init__(self, center: bool = True) -> None:
        super().__init__()
        self.center, self.gain = center, nn.Parameter(torch.complex(noise(9), noise(9)))
        self.register_buffer("window", torch.hann_window(15) + 0.1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = torch.stft(x[..., 0], 16, 8, 15, self.window, self.center, "constant", normalized=True, return_complex=True)
        y = z * self.gain[:, None] / (1.5 + z.conj() * z)
        return (
            y.abs().transpose(1, 2),
            torch.exp(0.1 * y).imag.transpose(1, 2),
            (z.real if self.center else z.angle()).transpose(1, 2),
        )


class Vocoder(nn.Module):
    """A spectrum with a mask, made sound again."""

    def __init__(self) -> None:
        super().__init__()
        self.mask = nn.Parameter(noise(9))
        self.register_buffer("window", torch.hann_window(16))

    def forward(self, x: Tensor) -> Tensor:
        z = torch.stft(x[..., 0], 16, 8, window=self.window, pad_mode="constant", return_complex=True)
        return torch.istft(z * self.mask[:, None], 16, 8, window=self.window)[..., None]


class Bands(nn.Module):
    """Frames of eight features through real and complex transforms, in both directions and in every scale."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = torch.fft.rfft(x, norm="ortho")
        w = torch.fft.ifft(torch.fft.fft(x, norm="forward") * (1 + 0.5j))
        back = torch.fft.irfft(z * torch.tensor([1, 0.5j, 1 - 1j, 2, 0.25]))
        return back, torch.cat([w.real, w.imag], -1), torch.sgn(z).real + (1 - z).square().imag


SOUND = torch.zeros(2, 64, 1)
NETWORKS = {
    "spectrum": given(Spectrum, SOUND),
    "spectrum, not centred": given(lambda: Spectrum(center=False), SOUND),
    "sound": given(Vocoder, SOUND),
    "bands": given(Bands, torch.zeros(2, 8, 8)),
}
